//! Test guest `echo`: answers with what came in and what it knows of its run. Answers
//! `{"event": {"kind", …}, "payload": any, "run": {id, attempt, workflow, principal, initiator}}`; `payload` is the call's
//! payload or the webhook's body, as JSON if it is JSON, else as text.

use factotum_sdk::{Event, Failure, Outcome, run, workflow};
use serde_json::{Map, Value, json};

workflow!(handle);

fn handle(event: Event) -> Result<Outcome, Failure> {
    let (event, payload) = match event {
        Event::Webhook(hook) => {
            let payload = hook
                .json()
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&hook.body).into_owned()));
            let mut headers = Map::new();
            for (name, value) in hook.headers {
                if let Value::Array(values) = headers.entry(name).or_insert_with(|| json!([])) {
                    values.push(value.into());
                }
            }
            let event = json!({
                "kind": "webhook", "method": hook.method, "path": hook.path, "query": hook.query, "headers": headers,
            });
            (event, payload)
        }
        Event::Schedule(due) => {
            (json!({"kind": "schedule", "nominal_time_ms": due.nominal_time_ms}), Value::Null)
        }
        Event::Call(payload) => (json!({"kind": "call"}), payload),
        other => (json!({"kind": other.kind()}), other.json()?),
    };
    Outcome::json(&json!({"event": event, "payload": payload, "run": run::current()}))
}
