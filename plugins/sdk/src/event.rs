//! What came in. What must hold: bytes are handed on as they came, and a kind that this version does not know reaches the
//! workflow as [`Event::Other`] instead of failing.
//!
//! ```
//! use factotum_sdk::{Event, Failure, Outcome};
//!
//! fn handle(event: Event) -> Result<Outcome, Failure> {
//!     match event {
//!         Event::Webhook(hook) if hook.header("x-github-event") == Some("ping") => Ok(Outcome::None),
//!         Event::Webhook(hook) => Outcome::json(&hook.json::<serde_json::Value>()?),
//!         Event::Schedule(due) => Ok(Outcome::text(format!("was due at {} ms", due.nominal_time_ms))),
//!         Event::Call(payload) => Outcome::json(&payload),
//!         other => Err(Failure::permanent(format!("no use for a {} event", other.kind()))),
//!     }
//! }
//! # assert_eq!(handle(Event::Call(serde_json::json!(1))), Outcome::json(&1));
//! ```

use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::factotum::workflow::types as contract;
use crate::email::Email;
use crate::json;
use crate::outcome::Failure;

/// What a workflow receives.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An HTTP request to a webhook trigger.
    Webhook(Webhook),
    /// A schedule was due.
    Schedule(Schedule),
    /// A mail to an e-mail trigger's address.
    Email(Box<Email>),
    /// A call through API, CLI or console, with its payload.
    Call(Value),
    /// A kind that this version of the SDK does not know: `{"kind": …}`.
    Other(Value),
}

/// An HTTP request to a webhook trigger. The host has verified it, and stripped the credentials that it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// `POST`
    pub method: String,
    /// What follows the token in the URL's path, with its leading slash; `/` if nothing does.
    pub path: String,
    /// The query string as sent, without `?`.
    pub query: String,
    /// Lower-case names with their values, in the order they came.
    pub headers: Vec<(String, String)>,
    /// The bytes as they came.
    pub body: Vec<u8>,
}

/// A schedule was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// When it was due, not when it was noticed, in milliseconds since 1970-01-01T00:00:00Z: equal on every retry.
    pub nominal_time_ms: u64,
}

impl Event {
    /// `webhook`, `schedule`, `call`, or what an unknown event calls itself.
    pub fn kind(&self) -> &str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Schedule(_) => "schedule",
            Self::Email(_) => "email",
            Self::Call(_) => "call",
            Self::Other(event) => event.get("kind").and_then(Value::as_str).unwrap_or("other"),
        }
    }

    /// The JSON that the event carries, however it came: a webhook's body or a call's payload. A schedule and a mail carry none:
    /// `null`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, json::Error> {
        match self {
            Self::Webhook(webhook) => webhook.json(),
            Self::Schedule(_) | Self::Email(_) => json::from_slice(b"null"),
            Self::Call(payload) | Self::Other(payload) => json::from_slice(payload.to_string().as_bytes()),
        }
    }

    /// The contract's variant cannot grow: what came later has its form as JSON.
    fn other(mut event: Value) -> Result<Self, Failure> {
        if event.get("kind").and_then(Value::as_str) != Some("email") {
            return Ok(Self::Other(event));
        }
        let mut email: Email = serde_json::from_value(event["email"].take())?;
        for (number, attachment) in (0..).zip(&mut email.attachments) {
            attachment.number = number;
        }
        Ok(Self::Email(Box::new(email)))
    }

    pub(crate) fn from_contract(event: contract::Event) -> Result<Self, Failure> {
        Ok(match event {
            contract::Event::Webhook(webhook) => Self::Webhook(Webhook {
                method: webhook.method,
                path: webhook.path,
                query: webhook.query,
                headers: webhook.headers,
                body: webhook.body,
            }),
            contract::Event::Schedule(schedule) => {
                Self::Schedule(Schedule { nominal_time_ms: schedule.nominal_time })
            }
            contract::Event::Call(payload) => Self::Call(serde_json::from_str(&payload)?),
            contract::Event::Other(event) => Self::other(serde_json::from_str(&event)?)?,
        })
    }
}

impl Webhook {
    /// The first value of a header, whatever the case of its name (RFC 9110 §5.1).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers_named(name).next()
    }

    /// All values of a header, in the order they came.
    pub fn headers_named(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> Result<&str, std::str::Utf8Error> {
        std::str::from_utf8(&self.body)
    }

    /// The body as JSON, whatever its content type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, json::Error> {
        json::from_slice(&self.body)
    }
}

impl Schedule {
    /// When it was due.
    pub fn nominal_time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.nominal_time_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(body: &str) -> Webhook {
        Webhook {
            method: "POST".into(),
            path: "/".into(),
            query: String::new(),
            headers: vec![
                ("x-id".into(), "1".into()),
                ("accept".into(), "*/*".into()),
                ("x-id".into(), "2".into()),
            ],
            body: body.into(),
        }
    }

    #[test]
    fn a_header_is_found_whatever_its_case() {
        let webhook = webhook("");
        assert_eq!(webhook.header("X-Id"), Some("1"));
        assert_eq!(webhook.headers_named("X-ID").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(webhook.header("x"), None);
    }

    #[test]
    fn the_same_json_is_read_from_a_webhook_and_from_a_call() {
        let hook = Event::Webhook(webhook(r#"{"n": 3}"#));
        let call = Event::from_contract(contract::Event::Call(r#"{"n": 3}"#.into())).expect("it is JSON");
        assert_eq!(hook.json::<Value>().expect("it is JSON"), call.json::<Value>().expect("it is JSON"));
        assert_eq!(Event::Schedule(Schedule { nominal_time_ms: 0 }).json::<Option<u8>>().ok(), Some(None));
    }

    #[test]
    fn a_mail_is_typed_and_its_attachments_are_numbered() {
        let file = r#"{"name": "a.pdf", "type": "application/pdf", "size": 1, "sha256": "sha256:00"}"#;
        let text = format!(
            r#"{{"kind": "email", "email": {{"from": "a@b", "attachments": [{file}, {file}], "verdicts": {{"spf": "pass"}}, "later": 1}}}}"#
        );
        let event = Event::from_contract(contract::Event::Other(text)).expect("it is a mail");
        let Event::Email(email) = event else { panic!("{event:?}") };
        assert_eq!((email.from.as_str(), email.verdicts.spf.as_str()), ("a@b", "pass"));
        assert_eq!(email.attachments[1].number(), 1);
    }

    #[test]
    fn an_unknown_kind_of_event_is_handed_on() {
        let text = r#"{"kind": "fax", "fax": {"pages": 2}}"#;
        let event = Event::from_contract(contract::Event::Other(text.into())).expect("it is JSON");
        assert_eq!(event.kind(), "fax");
    }
}
