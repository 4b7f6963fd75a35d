//! Events: what came in, as a listener hands it on. What must hold: the raw bytes are kept as they came, and the JSON
//! form is the one that command workflows read on stdin (docs/api.md).

use std::collections::BTreeMap;

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::edi::Edi;
use crate::email::Email;
use crate::id::EventId;
use crate::run::InitiatorKind;
use crate::time::Timestamp;

/// What a listener learned of a delivery, beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventInput {
    /// An HTTP request to a webhook trigger.
    Webhook {
        /// `POST`
        method: String,
        /// What follows the token in the path, with its leading slash; `/` if nothing does.
        path: String,
        /// The query string as sent, without `?`.
        query: String,
        /// Lower-case names; the values in the order they came. Credentials are stripped.
        headers: BTreeMap<String, Vec<String>>,
    },
    /// A schedule was due.
    Schedule {
        /// When it was due, not when it was noticed.
        nominal_time: Timestamp,
        /// Whether somebody only tries the trigger.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        test: bool,
    },
    /// A mail to an e-mail trigger's address; the payload is the mail as it came.
    Email(Box<Email>),
    /// An EDI transaction set, or a whole interchange; the payload is its bytes as they came.
    Edi(Box<Edi>),
    /// Somebody called the workflow through API, CLI or console; the payload is JSON.
    Call,
}

impl EventInput {
    /// What kind of initiator such an event has, when a trigger made it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Schedule { .. } => "schedule",
            Self::Email(_) => "email",
            Self::Edi(_) => "edi",
            Self::Call => "call",
        }
    }

    /// The trigger kind; a call has none, its initiator is who called.
    pub const fn initiator(&self) -> Option<InitiatorKind> {
        match self {
            Self::Webhook { .. } => Some(InitiatorKind::Webhook),
            Self::Schedule { .. } => Some(InitiatorKind::Schedule),
            Self::Email(_) => Some(InitiatorKind::Email),
            Self::Edi(_) => Some(InitiatorKind::Edi),
            Self::Call => None,
        }
    }
}

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// What the listener learned.
    pub input: EventInput,
    /// The bytes as they came.
    pub payload: Vec<u8>,
}

impl Event {
    /// The JSON form that a command reads on stdin: beside [`to_json`](Self::to_json), the bytes of a mail's small attachments.
    pub fn to_command_json(&self) -> Value {
        match &self.input {
            EventInput::Email(email) => {
                json!({"kind": "email", "email": email.to_command_json(&self.payload)})
            }
            EventInput::Webhook { .. }
            | EventInput::Schedule { .. }
            | EventInput::Edi(_)
            | EventInput::Call => self.to_json(),
        }
    }

    /// The published JSON form: `{"kind": "webhook", "webhook": {…}}`.
    pub fn to_json(&self) -> Value {
        match &self.input {
            EventInput::Webhook { method, path, query, headers } => {
                let mut webhook = json!({"method": method, "path": path, "query": query, "headers": headers});
                if let Ok(text) = std::str::from_utf8(&self.payload) {
                    webhook["body"] = text.into();
                } else {
                    webhook["body"] = Value::Null;
                    webhook["body_base64"] =
                        base64::engine::general_purpose::STANDARD.encode(&self.payload).into();
                }
                json!({"kind": "webhook", "webhook": webhook})
            }
            EventInput::Schedule { nominal_time, test } => {
                let mut schedule = json!({"nominal_time": nominal_time});
                if *test {
                    schedule["test"] = true.into();
                }
                json!({"kind": "schedule", "schedule": schedule})
            }
            EventInput::Email(email) => json!({"kind": "email", "email": email.to_json()}),
            EventInput::Edi(edi) => json!({"kind": "edi", "edi": edi.to_json(&self.payload)}),
            EventInput::Call => {
                let call: Value = serde_json::from_slice(&self.payload).unwrap_or(Value::Null);
                json!({"kind": "call", "call": call})
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(input: EventInput, payload: &[u8]) -> Event {
        let received_at = Timestamp::from_micros(0);
        Event { id: EventId::from_parts(received_at, [0; 10]), received_at, input, payload: payload.to_vec() }
    }

    #[test]
    fn a_body_that_is_not_text_goes_as_base64() {
        let webhook = EventInput::Webhook {
            method: "POST".into(),
            path: "/".into(),
            query: String::new(),
            headers: BTreeMap::from([("x-id".into(), vec!["1".into()])]),
        };
        let text = event(webhook.clone(), b"hi").to_json();
        assert_eq!(text["webhook"]["body"], "hi");
        assert_eq!(text["webhook"]["headers"]["x-id"][0], "1");
        assert_eq!(text["webhook"].get("body_base64"), None);
        let binary = event(webhook, &[0xff, 0xfe]).to_json();
        assert_eq!(binary["webhook"]["body"], Value::Null);
        assert_eq!(binary["webhook"]["body_base64"], "//4=");
    }

    #[test]
    fn a_mail_is_stored_with_its_kind_and_comes_back() {
        let email =
            Email { subject: "Hi".into(), headers: vec![("x".into(), "y".into())], ..Email::default() };
        let input = EventInput::Email(Box::new(email));
        let stored = serde_json::to_string(&input).unwrap();
        assert!(stored.starts_with(r#"{"kind":"email","#), "{stored}");
        assert_eq!(serde_json::from_str::<EventInput>(&stored).unwrap(), input);
        assert_eq!(event(input, b"").to_json()["email"]["subject"], "Hi");
    }

    #[test]
    fn a_call_hands_on_its_json() {
        let call = event(EventInput::Call, br#"{"a":1}"#).to_json();
        assert_eq!(call, json!({"kind": "call", "call": {"a": 1}}));
    }
}
