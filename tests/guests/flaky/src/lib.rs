//! Test guest `flaky`: fails until an attempt. Takes `{"until"?: 1, "permanent"?: false, "retry_after_ms"?}`; answers
//! `{"attempt"}` from the attempt `until` on, before that fails retryable (after `retry_after_ms` if given). With
//! `permanent` it fails so instead, at once.

use std::time::Duration;

use factotum_sdk::{Event, Failure, Outcome, run, workflow};
use serde::Deserialize;
use serde_json::json;

workflow!(handle);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wish {
    until: u32,
    permanent: bool,
    retry_after_ms: Option<u64>,
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    let wish: Option<Wish> = event.json()?;
    let wish = wish.unwrap_or_default();
    let attempt = run::current().attempt;
    if attempt >= wish.until {
        return Outcome::json(&json!({"attempt": attempt}));
    }
    let message = format!("attempt {attempt} fails, as told");
    Err(match wish.retry_after_ms {
        _ if wish.permanent => Failure::permanent(message),
        Some(ms) => Failure::retry_after(Duration::from_millis(ms), message),
        None => Failure::retryable(message),
    })
}
