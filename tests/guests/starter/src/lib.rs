//! Test guest `starter`: starts the runs it is told to, one after the other. Takes `{"ops": [{"op": "start" | "call", "workflow", "payload"?, "key"?} |
//! {"op": "wait", "run"}], "sleep_ms"?, "until"?}`; answers a list with, for each operation, `{"ok": …}` (`start`: the run's id; `call`, `wait`: the output) or
//! `{"error": {"kind": "denied|not_found|depth_limit|too_many|too_large|changed|unavailable|failed|json|other", "message", "code"?}}`. With `sleep_ms` it
//! sleeps after that, in its first attempt only; before attempt `until` it fails retryable then. `"{attempt}"` in a text of a payload stands for the attempt.

use std::time::Duration;

use factotum_sdk::workflows::{self, Child, Error};
use factotum_sdk::{Event, Failure, Outcome, run, workflow};
use serde::Deserialize;
use serde_json::{Value, json};

workflow!(handle);

#[derive(Deserialize)]
struct Wish {
    ops: Vec<Op>,
    #[serde(default)]
    sleep_ms: u64,
    #[serde(default)]
    until: u32,
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Op {
    Start(Call),
    Call(Call),
    Wait { run: String },
}

#[derive(Deserialize)]
struct Call {
    workflow: String,
    #[serde(default)]
    payload: Value,
    key: Option<String>,
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    let wish: Wish = event.json()?;
    let attempt = run::current().attempt;
    let results: Vec<Value> = wish
        .ops
        .into_iter()
        .map(|op| match act(op, attempt) {
            Ok(value) => json!({"ok": value}),
            Err(error) => json!({"error": described(&error)}),
        })
        .collect();
    if attempt == 1 && wish.sleep_ms > 0 {
        std::thread::sleep(Duration::from_millis(wish.sleep_ms));
    }
    if attempt < wish.until {
        return Err(Failure::retryable(format!("attempt {attempt} fails, as told: {}", json!(results))));
    }
    Outcome::json(&results)
}

fn act(op: Op, attempt: u32) -> Result<Value, Error> {
    match op {
        Op::Start(call) => Ok(json!(start(call, attempt)?.id())),
        Op::Call(call) => start(call, attempt)?.wait(),
        Op::Wait { run } => Child::of(run).wait(),
    }
}

fn start(call: Call, attempt: u32) -> Result<Child, Error> {
    let text = call.payload.to_string().replace("{attempt}", &attempt.to_string());
    let payload: Value = serde_json::from_str(&text).map_err(|e| Error::Json(e.to_string()))?;
    match call.key {
        None => workflows::start(&call.workflow, &payload),
        Some(key) => workflows::start_keyed(&call.workflow, &key, &payload),
    }
}

fn described(error: &Error) -> Value {
    let kind = match error {
        Error::Denied(_) => "denied",
        Error::NotFound(_) => "not_found",
        Error::DepthLimit(_) => "depth_limit",
        Error::TooMany(_) => "too_many",
        Error::TooLarge(_) => "too_large",
        Error::Changed(_) => "changed",
        Error::Unavailable(_) => "unavailable",
        Error::Failed { code, .. } => {
            return json!({"kind": "failed", "message": error.to_string(), "code": code});
        }
        Error::Json(_) => "json",
        Error::Other(_) => "other",
    };
    json!({"kind": kind, "message": error.to_string()})
}
