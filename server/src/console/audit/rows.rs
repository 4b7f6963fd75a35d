//! Entries in the words of the page. What must hold: every text of an entry may come from outside, so what it shows has no control or bidi character that
//! is obeyed; an actor is shown under the name of that time.

use factotum_model::AccountKind;
use factotum_model::audit::{AuditEntry, AuditOutcome, Target};
use serde_json::Value;

use crate::view::harmless::{document, shown};

/// A line of the list.
pub struct Row {
    /// The entry's id.
    pub id: String,
    /// When.
    pub at: String,
    /// What.
    pub action: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Who: what kind of account.
    pub kind: AccountKind,
    /// Who, as they were called then.
    pub actor: String,
    /// To what.
    pub targets: String,
    /// Why not, where it was not done.
    pub reason: String,
    /// From where.
    pub from: String,
}

/// How an action ended, to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome(AuditOutcome);

impl Outcome {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self.0 {
            AuditOutcome::Ok => "done",
            AuditOutcome::Denied => "denied",
            AuditOutcome::Error => "failed",
            AuditOutcome::Unknown => "unknown",
        }
    }

    /// How it is marked.
    pub const fn mark(self) -> &'static str {
        match self.0 {
            AuditOutcome::Ok => "",
            AuditOutcome::Denied | AuditOutcome::Error => "bad",
            AuditOutcome::Unknown => "warn",
        }
    }
}

impl From<&AuditEntry> for Outcome {
    fn from(entry: &AuditEntry) -> Self {
        Self(entry.outcome)
    }
}

/// The longest reason in a list, in characters.
const SHORT: usize = 120;

impl From<&AuditEntry> for Row {
    fn from(entry: &AuditEntry) -> Self {
        let targets: Vec<_> = entry.targets.iter().map(|target| shown(name(target)).into_owned()).collect();
        Self {
            id: entry.id.to_string(),
            at: entry.at.to_string(),
            action: entry.action.clone(),
            outcome: entry.into(),
            kind: entry.actor.kind,
            actor: shown(&entry.actor.name).into_owned(),
            targets: targets.join(", "),
            reason: short(entry.reason.as_deref().unwrap_or_default()),
            from: entry.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        }
    }
}

fn short(text: &str) -> String {
    let text = shown(text);
    if text.chars().count() <= SHORT {
        return text.into_owned();
    }
    text.chars().take(SHORT).chain(['…']).collect()
}

/// What a target is called.
pub fn name(target: &Target) -> &str {
    target.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&target.id)
}

/// A line of what was changed.
#[derive(Debug, PartialEq, Eq)]
pub struct Changed {
    /// What.
    pub field: String,
    /// What it was.
    pub before: String,
    /// What it became.
    pub after: String,
}

/// What was changed, value by value; empty where the entry does not tell before and after, or nothing differs.
pub fn changes(change: &Value) -> Vec<Changed> {
    let (before, after) = (&change["before"], &change["after"]);
    if !(before.is_object() || after.is_object()) {
        return Vec::new();
    }
    let keys = |side: &Value| {
        side.as_object().into_iter().flat_map(|object| object.keys().cloned()).collect::<Vec<_>>()
    };
    let mut names = keys(before);
    names.extend(keys(after));
    names.sort_unstable();
    names.dedup();
    let text = |value: Option<&Value>| match value {
        None => String::new(),
        Some(Value::String(text)) => shown(text).into_owned(),
        Some(value) => document(&value.to_string()).into_owned(),
    };
    names
        .into_iter()
        .filter(|name| before.get(name) != after.get(name))
        .map(|field| Changed {
            before: text(before.get(&field)),
            after: text(after.get(&field)),
            field: shown(&field).into_owned(),
        })
        .collect()
}

/// JSON to be read by people.
pub fn pretty(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    document(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_tells_what_differs() {
        let change = json!({"before": {"roles": ["Viewer"], "name": "a\u{202e}b", "same": 1}, "after": {"roles": ["Admin"], "same": 1}});
        let told = changes(&change);
        assert_eq!(told.len(), 2);
        assert_eq!(
            told[0],
            Changed { field: "name".into(), before: "a\\u{202e}b".into(), after: String::new() }
        );
        assert_eq!((told[1].before.as_str(), told[1].after.as_str()), ("[\"Viewer\"]", "[\"Admin\"]"));
        assert_eq!(changes(&json!({"query": {}})), []);
    }
}
