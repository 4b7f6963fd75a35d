//! Test guest `caller`: sends the HTTP request it is told to. Takes
//! `{"url", "method"?: "GET", "headers"?: {name: value}, "body"?: text, "timeout_ms"?}` and answers `{"status", "body"}`, or
//! `{"error": {"kind": "request|denied|timeout|too_large|network", "message"}}`: an error is an answer here, not a failure.

use std::collections::BTreeMap;
use std::time::Duration;

use factotum_sdk::http::{Error, Request};
use factotum_sdk::{Event, Failure, Outcome, workflow};
use serde::Deserialize;
use serde_json::json;

workflow!(handle);

#[derive(Deserialize)]
struct Call {
    url: String,
    #[serde(default = "get")]
    method: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    timeout_ms: Option<u64>,
}

fn get() -> String {
    "GET".to_owned()
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    let call: Call = event.json()?;
    let mut request = Request::new(call.method, call.url).body(call.body);
    for (name, value) in call.headers {
        request = request.header(name, value);
    }
    if let Some(timeout_ms) = call.timeout_ms {
        request = request.timeout(Duration::from_millis(timeout_ms));
    }
    Outcome::json(&match request.send() {
        Ok(answer) => json!({"status": answer.status, "body": String::from_utf8_lossy(&answer.body)}),
        Err(error) => json!({"error": {"kind": kind(&error), "message": error.to_string()}}),
    })
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Request(_) => "request",
        Error::Denied { .. } => "denied",
        Error::Timeout { .. } => "timeout",
        Error::TooLarge { .. } => "too_large",
        _ => "network",
    }
}
