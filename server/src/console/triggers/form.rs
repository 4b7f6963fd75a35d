//! The form of a trigger: what its configuration is as fields, and back again. What must hold: a field has the name that the configuration has, so that a
//! refusal stands beside it; a secret that was typed is not sent back.

use axum::response::Response;
use factotum_model::trigger::TriggerKind;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::relevant;
use crate::console::fields::{Faults, Fields};
use crate::operations::OperationError;

/// How a field stands in a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Number,
    /// Several values of one name.
    Many,
    /// Several values in one field, one a line.
    Lines,
    /// A box that is ticked or not.
    Flag,
    /// Names with values in one text, `Name: value` a line.
    Pairs,
}

const WEBHOOK: [(&str, Form); 28] = [
    ("reply", Form::Text),
    ("reply_timeout_ms", Form::Number),
    ("methods", Form::Many),
    ("max_body_bytes", Form::Number),
    ("verify.preset", Form::Text),
    ("verify.header", Form::Text),
    ("verify.algorithm", Form::Text),
    ("verify.encoding", Form::Text),
    ("verify.prefix", Form::Text),
    ("verify.timestamp_header", Form::Text),
    ("verify.tolerance_s", Form::Number),
    ("verify.public_url", Form::Text),
    ("allowed_networks", Form::Lines),
    ("client_certificates", Form::Lines),
    ("format", Form::Text),
    ("origins", Form::Lines),
    ("fixed.status", Form::Number),
    ("fixed.content_type", Form::Text),
    ("fixed.headers", Form::Pairs),
    ("fixed.body", Form::Text),
    ("dedup.by", Form::Text),
    ("dedup.pointer", Form::Text),
    ("dedup.header", Form::Text),
    ("dedup.window_days", Form::Number),
    ("rate.per_minute", Form::Number),
    ("rate.burst", Form::Number),
    // Not of the configuration as it is shown: they never come out again.
    (SECRETS, Form::Many),
    (VERIFY_TOKEN, Form::Text),
];
const SCHEDULE: [(&str, Form); 14] = [
    ("cron", Form::Text),
    ("every", Form::Text),
    ("at", Form::Text),
    ("dialect", Form::Text),
    ("timezone", Form::Text),
    ("start", Form::Text),
    ("end", Form::Text),
    ("dst.gap", Form::Text),
    ("dst.overlap", Form::Text),
    ("missed.policy", Form::Text),
    ("missed.window_s", Form::Number),
    ("missed.max", Form::Number),
    ("overlap", Form::Text),
    ("jitter_s", Form::Number),
];
const EMAIL: [(&str, Form); 6] = [
    ("name", Form::Text),
    ("allow_senders", Form::Lines),
    ("require", Form::Many),
    ("authentication", Form::Text),
    ("max_message_bytes", Form::Number),
    ("dispatch_automatic", Form::Flag),
];
const EDI: [(&str, Form); 6] = [
    ("partner", Form::Text),
    ("sets", Form::Lines),
    ("per", Form::Text),
    ("versions", Form::Lines),
    ("usage", Form::Text),
    ("max_body_bytes", Form::Number),
];
/// The field of the secrets, one a line.
pub(super) const SECRETS: &str = "verify.secrets";
/// Meta's verify token.
pub(super) const VERIFY_TOKEN: &str = "verify.verify_token";
/// Where the headers of an answer stand that is always the same.
const HEADERS: &str = "fixed.headers";

/// The fields as they stand in the form.
#[derive(Debug, Clone, Default)]
pub(super) struct Typed(Vec<(String, String)>);

impl Typed {
    /// What a form shows first.
    pub(super) fn blank(kind: TriggerKind) -> Self {
        let config = match kind {
            TriggerKind::Schedule => {
                json!({"cron": "0 9 * * MON-FRI", "timezone": "UTC", "missed": {"policy": "last", "window_s": 3600}})
            }
            TriggerKind::Email => json!({"name": "", "authentication": "record"}),
            TriggerKind::Edi => json!({"partner": "*", "per": "set", "usage": "any"}),
            TriggerKind::Webhook => {
                json!({"methods": ["POST"], "reply": "accepted", "verify": {"preset": "hmac", "header": "X-Signature"}})
            }
        };
        Self::of(&config)
    }

    /// A configuration that is there.
    pub(super) fn of(config: &Value) -> Self {
        let mut pairs = Vec::new();
        flatten("", config, &mut pairs);
        Self(pairs)
    }

    /// What was typed, but for secrets.
    pub(super) fn read(kind: TriggerKind, fields: &Fields) -> Self {
        let mut pairs = Vec::new();
        for (name, form) in table(kind).iter().filter(|(name, _)| ![SECRETS, VERIFY_TOKEN].contains(name)) {
            match form {
                Form::Many => {
                    pairs.extend(fields.all(name).into_iter().map(|value| ((*name).to_owned(), value)));
                }
                Form::Lines | Form::Pairs => {
                    let text = fields.text(name);
                    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                    pairs.extend(lines.map(|line| ((*name).to_owned(), line.to_owned())));
                }
                Form::Text | Form::Number | Form::Flag => {
                    pairs.extend(fields.some(name).map(|value| ((*name).to_owned(), value)));
                }
            }
        }
        Self(pairs)
    }

    /// A field's value; empty if it has none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// The values of a field that has several, one a line.
    pub(super) fn lines(&self, name: &str) -> String {
        let all: Vec<_> =
            self.0.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect();
        all.join("\n")
    }

    /// Whether a schedule says when it is due.
    pub(super) fn says_when(&self) -> bool {
        ["cron", "every", "at"].iter().any(|name| !self.get(name).is_empty())
    }

    /// Whether a field that has several values has this one.
    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        self.0.iter().any(|(own, found)| own == name && found == value)
    }

    /// The configuration as the operation takes it. Secrets that are typed are among it.
    pub(super) fn config(&self, kind: TriggerKind, fields: &Fields) -> Result<Value, OperationError> {
        let mut config = Map::new();
        for (name, form) in table(kind) {
            let value = match form {
                _ if *name == SECRETS => {
                    let lines = fields.secret(SECRETS);
                    let lines: Vec<_> =
                        lines.expose().lines().map(str::trim).filter(|l| !l.is_empty()).collect();
                    (!lines.is_empty()).then(|| json!(lines))
                }
                _ if *name == VERIFY_TOKEN => {
                    fields.some_secret(VERIFY_TOKEN).map(|token| json!(token.expose()))
                }
                Form::Lines => {
                    let all: Vec<String> = self.lines(name).lines().map(ToOwned::to_owned).collect();
                    (!all.is_empty()).then(|| json!(all))
                }
                Form::Pairs => pairs(name, &self.lines(name))?,
                Form::Many => {
                    let all: Vec<_> =
                        self.0.iter().filter(|(own, _)| own == name).map(|(_, value)| value).collect();
                    Some(json!(all))
                }
                Form::Text => Some(json!(self.get(name))).filter(|value| value != ""),
                Form::Flag => Some(json!(self.get(name) == "true")),
                Form::Number => number(name, self.get(name))?,
            };
            if let Some(value) = value {
                set(&mut config, name, value);
            }
        }
        if kind == TriggerKind::Webhook {
            relevant::keep(&mut config);
        }
        Ok(Value::Object(config))
    }
}

fn table(kind: TriggerKind) -> &'static [(&'static str, Form)] {
    match kind {
        TriggerKind::Schedule => &SCHEDULE,
        TriggerKind::Email => &EMAIL,
        TriggerKind::Edi => &EDI,
        TriggerKind::Webhook => &WEBHOOK,
    }
}

fn number(name: &str, typed: &str) -> Result<Option<Value>, OperationError> {
    if typed.is_empty() {
        return Ok(None);
    }
    let number = typed.parse::<u64>();
    number
        .map(|number| Some(json!(number)))
        .map_err(|_| OperationError::invalid(name, "a whole number is expected"))
}

/// `Name: value` a line.
fn pairs(name: &str, text: &str) -> Result<Option<Value>, OperationError> {
    let mut object = Map::new();
    for line in text.lines() {
        let (header, value) = line
            .split_once(':')
            .ok_or_else(|| OperationError::invalid(name, "write each header as `Name: value`, one a line"))?;
        object.insert(header.trim().to_owned(), json!(value.trim()));
    }
    Ok((!object.is_empty()).then_some(Value::Object(object)))
}

/// Sets `a.b` in an object; none of the tables goes deeper.
fn set(config: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('.') {
        None => {
            config.insert(name.to_owned(), value);
        }
        Some((outer, inner)) => {
            let object = config.entry(outer).or_insert_with(|| json!({}));
            if let Some(object) = object.as_object_mut() {
                object.insert(inner.to_owned(), value);
            }
        }
    }
}

fn flatten(path: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if path == HEADERS => {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            pairs.extend(
                fields.iter().map(|(name, value)| (path.to_owned(), format!("{name}: {}", text(value)))),
            );
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, value, pairs);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| flatten(path, item, pairs)),
        Value::Null => {}
        Value::String(text) => pairs.push((path.to_owned(), text.clone())),
        other => pairs.push((path.to_owned(), other.to_string())),
    }
}

/// What is wrong, beside the field that it is about: the operation names it within `config`.
pub(super) fn faults(
    error: OperationError,
) -> Result<(StatusCode, Faults), crate::console::refusal::Refusal> {
    match error {
        OperationError::Invalid { field, reason } => {
            let field = field.strip_prefix("config.").unwrap_or(&field);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Faults::beside(field, reason)))
        }
        other => Faults::with_status(other),
    }
}

/// The kind that a form or an address names.
pub(super) fn kind_of(word: &str) -> Option<TriggerKind> {
    TriggerKind::from_word(word)
}

/// What a handler of a form gives.
pub(super) type Answered = Result<Response, crate::console::refusal::Refusal>;

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pairs: &[(&str, &str)]) -> Fields {
        Fields::of(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn config(kind: TriggerKind, pairs: &[(&str, &str)]) -> Result<Value, OperationError> {
        let fields = sent(pairs);
        Typed::read(kind, &fields).config(kind, &fields)
    }

    #[test]
    fn a_configuration_survives_its_form() {
        let stored = json!({
            "reply": "outcome", "reply_timeout_ms": 5, "methods": ["PUT", "POST"], "max_body_bytes": 9,
            "verify": {"preset": "hmac", "header": "X-S", "prefix": "v1=", "tolerance_s": 60, "timestamp_header": "X-T"},
            "dedup": {"header": "X-Id", "window_days": 3},
        });
        let typed = Typed::of(&stored);
        assert_eq!(typed.config(TriggerKind::Webhook, &sent(&[])).unwrap(), stored);
        assert!(typed.has("methods", "PUT") && !typed.has("methods", "GET"));
        let email = json!({
            "name": "orders", "allow_senders": ["example.com", "jane@example.org"], "require": ["dkim", "spf"],
            "authentication": "record", "max_message_bytes": 7, "dispatch_automatic": true,
        });
        let typed = Typed::of(&email);
        assert_eq!(typed.config(TriggerKind::Email, &sent(&[])).unwrap(), email);
        assert_eq!(typed.lines("allow_senders"), "example.com\njane@example.org");
        let schedule = json!({"cron": "@daily", "timezone": "UTC", "missed": {"policy": "all", "window_s": 0}, "overlap": "skip"});
        assert_eq!(Typed::of(&schedule).config(TriggerKind::Schedule, &sent(&[])).unwrap(), schedule);
    }

    #[test]
    fn secrets_go_in_and_stay_out_of_what_is_shown() {
        let pairs = [
            ("verify.preset", "hmac"),
            (SECRETS, " correct-horse \r\n\r\nan-older-one\r\n"),
            ("methods", "POST"),
        ];
        let config = config(TriggerKind::Webhook, &pairs).unwrap();
        assert_eq!(config["verify"]["secrets"], json!(["correct-horse", "an-older-one"]));
        assert!(!format!("{:?}", Typed::read(TriggerKind::Webhook, &sent(&pairs))).contains("horse"));
    }

    #[test]
    fn only_what_the_choices_leave_room_for_is_sent() {
        let pairs = [
            ("verify.preset", "github"),
            (SECRETS, "correct-horse"),
            ("verify.header", "X-Left-Over"),
            ("verify.tolerance_s", "5"),
            ("reply", "accepted"),
            ("fixed.body", "left over"),
            ("format", "plain"),
            ("origins", "left.example"),
            ("dedup.by", "body"),
            ("dedup.header", "X-Left-Over"),
            ("dedup.window_days", "3"),
        ];
        let config = config(TriggerKind::Webhook, &pairs).unwrap();
        assert_eq!(config["verify"], json!({"preset": "github", "secrets": ["correct-horse"]}));
        assert_eq!(config["dedup"], json!({"by": "body", "window_days": 3}));
        assert_eq!((config.get("fixed"), config.get("origins")), (None, None), "{config}");
    }

    #[test]
    fn lists_and_headers_are_written_in_lines() {
        let stored = json!({
            "reply": "fixed", "fixed": {"status": 201, "headers": {"X-A": "b: c", "X-B": "d"}, "body": "x"}, "methods": ["POST"],
            "format": "cloudevents", "origins": ["a.example", "b.example"], "allowed_networks": ["192.0.2.0/24"],
            "verify": {"preset": "none"},
        });
        let typed = Typed::of(&stored);
        assert_eq!(
            (typed.lines("origins").as_str(), typed.lines(HEADERS).as_str()),
            ("a.example\nb.example", "X-A: b: c\nX-B: d")
        );
        assert_eq!(typed.config(TriggerKind::Webhook, &sent(&[])).unwrap(), stored);
        let wrong = config(TriggerKind::Webhook, &[("reply", "fixed"), (HEADERS, "no colon")]).unwrap_err();
        assert!(matches!(wrong, OperationError::Invalid { field, .. } if field == HEADERS));
    }

    #[test]
    fn a_number_that_is_none_is_named() {
        let error = config(TriggerKind::Schedule, &[("missed.window_s", "an hour")]).unwrap_err();
        assert!(matches!(error, OperationError::Invalid { field, .. } if field == "missed.window_s"));
    }
}
