//! How long sealing a long trail takes, and verifying it from the database alone. What must hold: the log is a real one, made by the sealer, and clean.

use std::time::Instant;

use factotum_model::Timestamp;
use factotum_storage::seal::Sealer;
use factotum_storage::verify::{self, Known};
use factotum_storage::{ReadOnly, Storage, organizations};

use crate::fill;
use crate::world::Outcome;

/// Fills, seals and verifies `total` entries of an organization of their own; prints both times.
#[expect(clippy::print_stdout, reason = "a measurement prints its figures")]
pub async fn run(name: &str, url: &str, storage: &Storage, total: u64) -> Outcome<()> {
    let mut sealer = Sealer::remembering(storage.clone(), []);
    while !sealer.round().await?.complete {}
    let mut tx = storage.write().await?;
    let org = organizations::create(&mut tx, "Verified", Timestamp::from_micros(1)).await?.id;
    tx.commit().await?;
    fill::fill(url, org, total, false).await?;
    let begun = Instant::now();
    while !sealer.round().await?.complete {}
    println!("{name}: {total} entries sealed in {:.1?}", begun.elapsed());
    let begun = Instant::now();
    let database = ReadOnly::open(url).await?;
    let mut tx = database.snapshot().await?;
    let report = verify::organization(&mut tx, org, None, &Known::default()).await?;
    drop(tx);
    database.close().await;
    let sealed = report.checkpoint.as_ref().map_or(0, |head| head.size);
    if report.finding.is_some() || sealed < total {
        return Err(format!("{sealed} of {total} entries are sealed, and {:?}", report.finding).into());
    }
    println!("{name}: {sealed} entries verified in {:.1?}", begun.elapsed());
    Ok(())
}
