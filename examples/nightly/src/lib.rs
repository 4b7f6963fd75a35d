//! Example `nightly`: closes each day once, also those of nights that were missed. What must hold: which day it is goes by the nominal time of the firing, so that a
//! retry and a late run are about the same one; a day that is closed stays as it is; README.md says how to try it.

mod day;

use factotum_sdk::{Event, Failure, Outcome, config, kv, log, run, workflow};
use serde::{Deserialize, Serialize};
use serde_json::json;

workflow!(handle);

/// What is written down of a day.
#[derive(Debug, Serialize, Deserialize)]
struct Closed {
    entries: u64,
    /// The run that closed it.
    run: String,
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    let Event::Schedule(due) = event else {
        return Err(Failure::permanent(
            "this workflow is started by a schedule: its nominal time says which day to close",
        ));
    };
    let day = day::before(i64::try_from(due.nominal_time_ms).unwrap_or(i64::MAX));
    let name: String = config::get("store")?.unwrap_or_else(|| run::current().workflow);
    let store = kv::Store::of(name);
    let place = format!("closed/{day}");
    if let Some(entry) = store.get(&place)? {
        let closed: Closed = entry.json()?;
        log::info("closed before", &[("day", &day), ("run", &closed.run)]);
        return Outcome::json(&json!({"day": day, "entries": closed.entries, "closed_before": true}));
    }
    let mut entries = 0_u64;
    for key in store.keys(&format!("day/{day}/")) {
        key?;
        entries += 1;
    }
    store.set_json(&place, &Closed { entries, run: run::current().id })?;
    log::info("closed", &[("day", &day), ("entries", &entries)]);
    Outcome::json(&json!({"day": day, "entries": entries, "closed_before": false}))
}
