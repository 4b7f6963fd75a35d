//! Test guest `talker`: logs what it is told, line by line. Takes `{"lines": [{"text", "level"?: "info" | "warn" | "error", "field"?, "wait_ms"?}], "fail"?}`;
//! it waits before a line that says so, and answers `{"lines"}`, or fails for good with the text of `fail`.

use std::time::Duration;

use factotum_sdk::{Event, Failure, Outcome, log, workflow};
use serde::Deserialize;
use serde_json::json;

workflow!(handle);

#[derive(Deserialize)]
struct Wish {
    lines: Vec<Line>,
    fail: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    text: String,
    #[serde(default)]
    level: String,
    field: Option<String>,
    #[serde(default)]
    wait_ms: u64,
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    let wish: Wish = event.json()?;
    for line in &wish.lines {
        std::thread::sleep(Duration::from_millis(line.wait_ms));
        let field = line.field.clone().unwrap_or_default();
        let fields: &[(&str, &dyn std::fmt::Display)] =
            if field.is_empty() { &[] } else { &[("field", &field)] };
        match line.level.as_str() {
            "warn" => log::warn(&line.text, fields),
            "error" => log::error(&line.text, fields),
            _ => log::info(&line.text, fields),
        }
    }
    match wish.fail {
        Some(text) => Err(Failure::permanent(text)),
        None => Outcome::json(&json!({"lines": wish.lines.len()})),
    }
}
