//! What the machine itself can do, so that the other figures can be read on any: how often it syncs.

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;

use super::report::Report;
use crate::command::target;

/// How long to sync.
const TIME: Duration = Duration::from_secs(2);
/// How much is written before each sync, in bytes: a page.
const PAGE_BYTES: usize = 4096;

/// Appends a page and syncs it, again and again.
pub fn measure(report: &mut Report) -> anyhow::Result<()> {
    // In the target folder, which is on a disk; the system's temporary folder may be in memory.
    let mut file = tempfile::tempfile_in(target())?;
    let page = [7; PAGE_BYTES];
    let start = Instant::now();
    let mut times = Vec::new();
    while start.elapsed() < TIME {
        let one = Instant::now();
        file.write_all(&page)?;
        file.sync_data()?;
        times.push(one.elapsed());
    }
    times.sort_unstable();
    let micros = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    report.add("machine", "cores", json!({"count": cores}));
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    report.add(
        "machine",
        "append 4 KiB and fdatasync",
        json!({"per_second": rate, "p50_us": micros(0.5), "p99_us": micros(0.99)}),
    );
    Ok(())
}
