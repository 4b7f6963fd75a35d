//! `factotum key report`: what a key did, on one page.

use serde_json::{Value, json};

use super::exit::CommandError;
use super::output::{Column, Output};

const KEY: [&str; 10] = [
    "id",
    "nickname",
    "prefix",
    "grants",
    "created_at",
    "expires_at",
    "rotated_at",
    "revoked_at",
    "last_used_at",
    "last_used_from",
];
const COUNTS: [Column; 3] = [("ENTRIES", "/entries"), ("FIRST", "/first_at"), ("LAST", "/last_at")];
const ENTRY: [Column; 6] = [
    ("AT", "/at"),
    ("ACTION", "/action"),
    ("OUTCOME", "/outcome"),
    ("ACTOR", "/actor/name"),
    ("FROM", "/ip"),
    ("REASON", "/reason"),
];

/// Prints it: as JSON, or table after table, of which none is left out for being empty.
pub fn show(report: &Value, output: Output) -> Result<(), CommandError> {
    if output.json {
        return output.thing(report);
    }
    let mut key: serde_json::Map<String, Value> =
        KEY.iter().map(|field| ((*field).to_owned(), report["key"][field].clone())).collect();
    key.insert("created_by".into(), report["key"]["created_by"]["name"].clone());
    key.insert("allowed_networks".into(), report["key"]["allowed_networks"].clone());
    for field in ["entries", "first_at", "last_at", "complete"] {
        key.insert(field.into(), report[field].clone());
    }
    output.thing(&Value::Object(key))?;
    let counted: [(&str, &[Column]); 4] = [
        ("addresses", &[("ADDRESS", "/address")]),
        ("actions", &[("ACTION", "/action"), ("OUTCOME", "/outcome")]),
        ("targets", &[("TYPE", "/kind"), ("TARGET", "/id")]),
        ("workflows", &[("WORKFLOW STARTED", "/workflow")]),
    ];
    for (name, columns) in counted {
        let columns = [columns, &COUNTS].concat();
        section(output, report, name, &columns)?;
    }
    let run = [("AT", "/at"), ("RUN", "/run_id"), ("WORKFLOW", "/workflow"), ("FROM", "/ip")];
    section(output, report, "runs", &run)?;
    section(output, report, "denied", &ENTRY)?;
    section(output, report, "history", &ENTRY)
}

fn section(output: Output, report: &Value, name: &str, columns: &[Column]) -> Result<(), CommandError> {
    output.bytes(format!("\n{name}\n").as_bytes())?;
    output.list(&json!({"items": report[name]}), columns)
}
