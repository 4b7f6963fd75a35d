//! Test guest `kvtest`: does the store operations it is told to, one after the other. Takes `{"store"?: workflow, "ops": [
//! {"op": "get", "key"} | {"op": "set", "key", "value", "ttl_ms"?} | {"op": "swap", "key", "expected", "value", "ttl_ms"?} |
//! {"op": "delete", "key"} | {"op": "list", "prefix", "after"?}]}`; answers a list with, for each operation, `{"ok": …}`
//! (`get`: `null` or `{"value", "version"}`; `set`: `null`; `swap`: the new version or `null`; `delete`: a boolean; `list`: keys) or
//! `{"error": {"kind": "denied|too_large|unavailable|json|other", "message"}}`. Values are any JSON, stored as its text.

use std::time::Duration;

use factotum_sdk::kv::{Error, Store};
use factotum_sdk::{Event, Failure, Outcome, workflow};
use serde::Deserialize;
use serde_json::{Value, json};

workflow!(handle);

#[derive(Deserialize)]
struct Wish {
    store: Option<String>,
    ops: Vec<Op>,
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Op {
    Get { key: String },
    Set { key: String, value: Value, ttl_ms: Option<u64> },
    Swap { key: String, expected: u64, value: Value, ttl_ms: Option<u64> },
    Delete { key: String },
    List { prefix: String, after: Option<String> },
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    let wish: Wish = event.json()?;
    let store = wish.store.map_or_else(Store::own, Store::of);
    let results: Vec<Value> = wish
        .ops
        .into_iter()
        .map(|op| match act(&store, op) {
            Ok(value) => json!({"ok": value}),
            Err(error) => json!({"error": {"kind": kind(&error), "message": error.to_string()}}),
        })
        .collect();
    Outcome::json(&results)
}

fn act(store: &Store, op: Op) -> Result<Value, Error> {
    Ok(match op {
        Op::Get { key } => match store.get(&key)? {
            None => Value::Null,
            Some(entry) => {
                let value: Value = entry.json().map_err(|e| Error::Json(e.to_string()))?;
                json!({"value": value, "version": entry.version})
            }
        },
        Op::Set { key, value, ttl_ms: None } => json!(store.set_json(&key, &value)?),
        Op::Set { key, value, ttl_ms: Some(ms) } => {
            json!(store.set_for(&key, value.to_string().as_bytes(), Duration::from_millis(ms))?)
        }
        Op::Swap { key, expected, value, ttl_ms: None } => json!(store.swap_json(&key, expected, &value)?),
        Op::Swap { key, expected, value, ttl_ms: Some(ms) } => {
            json!(store.swap_for(&key, expected, value.to_string().as_bytes(), Duration::from_millis(ms))?)
        }
        Op::Delete { key } => json!(store.delete(&key)?),
        Op::List { prefix, after } => json!(store.list(&prefix, after.as_deref())?),
    })
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Denied(_) => "denied",
        Error::TooLarge(_) => "too_large",
        Error::Unavailable(_) => "unavailable",
        Error::Json(_) => "json",
        Error::Other(_) => "other",
    }
}
