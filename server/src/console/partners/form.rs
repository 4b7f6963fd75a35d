//! The form of a trading partner: its fields, and back again.

use factotum_model::edi::PartnerSpec;
use serde_json::{Map, Value, json};

use crate::console::fields::Fields;
use crate::operations::OperationError;

/// How a field stands in the body of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Number,
    Lines,
}

/// The fields, by the paths that they have in the API.
pub(super) const FIELDS: [(&str, Form); 13] = [
    ("name", Form::Text),
    ("x12", Form::Lines),
    ("edifact", Form::Lines),
    ("ours.x12", Form::Text),
    ("ours.edifact", Form::Text),
    ("ack", Form::Text),
    ("ta1", Form::Text),
    ("validation", Form::Text),
    ("duplicates", Form::Text),
    ("window_days", Form::Number),
    ("usage", Form::Text),
    ("sets", Form::Lines),
    ("versions", Form::Lines),
];

type Options = &'static [(&'static str, &'static str)];

pub(super) fn acks() -> Options {
    &[
        ("auto", "997, 999 where GS08 names an implementation guide; CONTRL"),
        ("997", "997 always; CONTRL"),
        ("999", "999 always; CONTRL"),
        ("contrl", "CONTRL; in X12 997 or 999"),
        ("none", "nothing"),
    ]
}

pub(super) fn ta1s() -> Options {
    &[
        ("asked", "where an interchange asks for it, or is refused"),
        ("always", "for every interchange"),
        ("never", "never"),
    ]
}

pub(super) fn validations() -> Options {
    &[
        ("envelope", "in their envelopes, counts and numbers; what is against the grammar is noted"),
        ("grammar", "by the grammar as well, where it is known; what is against it is refused"),
    ]
}

pub(super) fn duplicates() -> Options {
    &[("reject", "are refused"), ("flag", "are taken, and marked")]
}

pub(super) fn usages() -> Options {
    &[
        ("any", "in earnest and tests"),
        ("production", "in earnest alone; tests go into quarantine"),
        ("test", "tests alone; others go into quarantine"),
    ]
}

/// The fields as they stand in the form.
#[derive(Debug, Clone, Default)]
pub(super) struct Typed(Vec<(&'static str, String)>);

impl Typed {
    /// What was typed.
    pub(super) fn read(fields: &Fields) -> Self {
        Self(FIELDS.iter().map(|(name, _)| (*name, fields.text(name).replace("\r\n", "\n"))).collect())
    }

    /// A partner that is there.
    pub(super) fn of(spec: &PartnerSpec) -> Self {
        let value = serde_json::to_value(spec).unwrap_or_default();
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let at =
            |name: &str| value.pointer(&format!("/{}", name.replace('.', "/"))).map(text).unwrap_or_default();
        Self(FIELDS.iter().map(|(name, _)| (*name, at(name))).collect())
    }

    /// A field's text.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| *own == name).map_or("", |(_, text)| text)
    }

    /// All fields as the API takes them; what is empty takes its default.
    pub(super) fn whole(&self) -> Result<Map<String, Value>, OperationError> {
        let mut whole = Map::new();
        let mut ours = Map::new();
        for (name, form) in FIELDS {
            let text = self.get(name);
            let value = match form {
                Form::Lines => {
                    let lines: Vec<&str> =
                        text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
                    Some(json!(lines))
                }
                _ if text.is_empty() => None,
                Form::Text => Some(json!(text)),
                Form::Number => {
                    let number: u32 = text
                        .parse()
                        .map_err(|_| OperationError::invalid(name, "a whole number is expected"))?;
                    Some(json!(number))
                }
            };
            match (name.strip_prefix("ours."), value) {
                (Some(inner), Some(value)) => drop(ours.insert(inner.to_owned(), value)),
                (None, Some(value)) => drop(whole.insert(name.to_owned(), value)),
                (_, None) => {}
            }
        }
        whole.insert("ours".to_owned(), Value::Object(ours));
        Ok(whole)
    }

    /// As a new partner.
    pub(super) fn spec(&self) -> Result<PartnerSpec, OperationError> {
        serde_path_to_error::deserialize(Value::Object(self.whole()?)).map_err(|e| {
            let path = e.path().to_string();
            let problem = e.into_inner().to_string();
            let named = problem.split('`').nth(1).unwrap_or_default().to_owned();
            OperationError::invalid(if path == "." { named } else { path }, problem)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partner_survives_its_form() {
        let spec: PartnerSpec = serde_json::from_value(json!({"name": "acme", "x12": ["ZZ:A", "01:B"],
            "ours": {"x12": "ZZ:ME"}, "ack": "999", "ta1": "always", "duplicates": "flag", "window_days": 7,
            "usage": "test", "sets": ["850", "860"], "versions": ["004010"]}))
        .unwrap();
        assert_eq!(Typed::of(&spec).spec().unwrap(), spec);
        let sent = Fields::of(vec![("name".into(), "acme".into()), ("window_days".into(), "soon".into())]);
        let Err(OperationError::Invalid { field, .. }) = Typed::read(&sent).spec() else { panic!() };
        assert_eq!(field, "window_days");
    }
}
