//! Example `word-count`: a plain program without SDK, built for WASI preview 1. It reads the run and its event as JSON on
//! stdin, counts the words, lines and bytes of a webhook's body, a mail's text or a call's payload, and prints JSON. What must hold: what it
//! cannot count ends it with exit code 1 and a reason on stderr; README.md says how to try it.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use serde_json::{Value, json};

fn main() -> ExitCode {
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // Nothing is left to tell it to if stderr is closed as well.
            let _ = writeln!(std::io::stderr(), "{reason}");
            ExitCode::FAILURE
        }
    }
}

fn answer() -> Result<(), Box<dyn std::error::Error>> {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input)?;
    let input: Value = serde_json::from_str(&input)?;
    let counts = count(&text(&input["event"])?);
    writeln!(std::io::stdout(), "{counts}")?;
    Ok(())
}

/// The text that came in: a webhook's body as it is; a mail's text part; a call's payload as it is if it is a text, else as JSON.
fn text(event: &Value) -> Result<String, String> {
    match event["kind"].as_str() {
        Some("webhook") => event["webhook"]["body"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| "the webhook's body is no text (UTF-8): there are no words to count".to_owned()),
        Some("email") => event["email"]["text"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| "the mail has no text part: there are no words to count".to_owned()),
        Some("call") => Ok(match &event["call"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }),
        other => Err(format!(
            "no text comes with an event of the kind {other:?}: send a webhook, a mail or a call"
        )),
    }
}

/// Counts as `wc` does, but that a last line without line feed is one, too.
fn count(text: &str) -> Value {
    json!({"words": text.split_whitespace().count(), "lines": text.lines().count(), "bytes": text.len()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lines_and_bytes_are_counted() {
        assert_eq!(count("to be\nor not\u{a0}to bé"), json!({"words": 6, "lines": 2, "bytes": 20}));
        assert_eq!(count(""), json!({"words": 0, "lines": 0, "bytes": 0}));
    }

    #[test]
    fn the_text_is_found_in_each_kind_of_event() {
        let webhook = json!({"kind": "webhook", "webhook": {"body": "a b"}});
        assert_eq!(text(&webhook).as_deref(), Ok("a b"));
        assert_eq!(text(&json!({"kind": "call", "call": "a"})).as_deref(), Ok("a"));
        assert_eq!(text(&json!({"kind": "call", "call": [1, 2]})).as_deref(), Ok("[1,2]"));
        assert_eq!(text(&json!({"kind": "email", "email": {"text": "a b"}})).as_deref(), Ok("a b"));
        assert!(text(&json!({"kind": "email", "email": {"text": null}})).is_err());
        let binary = json!({"kind": "webhook", "webhook": {"body": null, "body_base64": "//4="}});
        assert!(text(&binary).is_err_and(|e| e.contains("no text")));
        assert!(text(&json!({"kind": "schedule"})).is_err_and(|e| e.contains("schedule")));
        assert!(text(&json!({})).is_err());
    }
}
