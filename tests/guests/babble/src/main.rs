//! Hostile guest `babble`, a command: writes without end to stdout (`output_limit`), or, given the payload
//! `{"to": "log"}`, to stderr (`log_limit`). It goes on when a write fails, so that only the host can end it.

use std::io::{Read as _, Write};

use serde_json::Value;

fn main() {
    let mut input = String::new();
    let payload = match std::io::stdin().read_to_string(&mut input) {
        Ok(_) => payload(&serde_json::from_str(&input).unwrap_or_default()),
        Err(_) => Value::Null,
    };
    if payload["to"] == "log" { babble(std::io::stderr()) } else { babble(std::io::stdout()) }
}

/// The JSON that came with the event: a call's payload or a webhook's body.
fn payload(input: &Value) -> Value {
    let event = &input["event"];
    match event["webhook"]["body"].as_str() {
        Some(body) => serde_json::from_str(body).unwrap_or_default(),
        None => event["call"].clone(),
    }
}

fn babble(mut to: impl Write) -> ! {
    let line = "bla ".repeat(1000) + "\n";
    loop {
        let _ = to.write_all(line.as_bytes());
    }
}
