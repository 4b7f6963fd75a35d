//! Example `github-issues`: GitHub tells of issues by a signed webhook, and this files a summary of each. What must hold: an issue has one summary, of the
//! newest thing told, in whatever order deliveries come; README.md says how to try it.

mod issue;

use factotum_sdk::{Event, Failure, Outcome, kv, log, workflow};
use serde::Serialize;

use issue::{Summary, Told};

workflow!(handle);

/// How often a summary is written again that another run has changed in between.
const TRIES: u32 = 5;

/// What became of a delivery.
#[derive(Debug, Serialize)]
struct Filed {
    /// Under which key the summary stands.
    key: String,
    /// `filed`, or `older` when something newer was told already.
    status: &'static str,
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    if let Event::Webhook(hook) = &event {
        // GitHub says in a header what it tells of; the host has verified who says it.
        match hook.header("x-github-event") {
            Some("issues") => {}
            Some("ping") => return Ok(Outcome::text("pong")),
            other => {
                return Err(Failure::permanent(format!(
                    "no use for `{}`: choose the event `Issues` at GitHub",
                    other.unwrap_or("a delivery without X-GitHub-Event")
                )));
            }
        }
    }
    let told: Told = event.json()?;
    let (key, summary) = (told.key().map_err(Failure::permanent)?, told.summary());
    let store = kv::Store::own();
    for _ in 0..TRIES {
        let known = store.get(&key)?;
        let version = match &known {
            None => kv::ABSENT,
            Some(entry) if entry.json::<Summary>()?.is_newer_than(&summary) => {
                return Outcome::json(&Filed { key, status: "older" });
            }
            Some(entry) => entry.version,
        };
        if store.swap_json(&key, version, &summary)?.is_some() {
            log::info("issue filed", &[("key", &key), ("state", &summary.state)]);
            return Outcome::json(&Filed { key, status: "filed" });
        }
    }
    Err(Failure::retryable(format!("`{key}` changes too fast")))
}
