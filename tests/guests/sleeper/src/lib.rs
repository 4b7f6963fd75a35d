//! Test guest `sleeper`: sleeps, then answers. Takes `{"ms"}`, answers `{"slept_ms"}`. It holds its instance and uses no CPU
//! meanwhile: `deadline_exceeded` before `cpu_limit`.

use std::time::Duration;

use factotum_sdk::{Event, Failure, Outcome, workflow};
use serde::Deserialize;
use serde_json::json;

workflow!(handle);

#[derive(Deserialize)]
struct Wish {
    ms: u64,
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    let Wish { ms } = event.json()?;
    std::thread::sleep(Duration::from_millis(ms));
    Outcome::json(&json!({"slept_ms": ms}))
}
