//! The filters of `GET /audit`. What must hold: every filter is a bound value, a search never leaves its organization, and what
//! [`AuditFilter::narrow`] asks of the columns is part of what [`AuditFilter::matches`] asks of the entry, which decides.

use std::net::IpAddr;

use factotum_model::audit::{AuditEntry, AuditOutcome};
use factotum_model::{AccountId, AccountKind, AuditId, KeyId, RunId, Timestamp, TriggerId};

use crate::audit_search::terms::each_text;
use crate::audit_search::words::{Wanted, words};
use crate::connection::Statement;

/// Which entries; a field left out does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Actors of these kinds; empty means any.
    pub actor_kinds: Vec<AccountKind>,
    /// This actor.
    pub account: Option<AccountId>,
    /// With this key.
    pub key: Option<KeyId>,
    /// This action, `api_key.create`; a trailing `*` takes all that begin so, `api_key.*`.
    pub action: Option<String>,
    /// This outcome.
    pub outcome: Option<AuditOutcome>,
    /// Done to the thing with this id (or name, where it has no id).
    pub target: Option<String>,
    /// Started by this trigger.
    pub trigger: Option<TriggerId>,
    /// About this run.
    pub run: Option<RunId>,
    /// From this address.
    pub address: Option<IpAddr>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// With these words, in any order, the last of which may be the beginning of one: see [`crate::audit_search::words`].
    pub text: Option<String>,
}

/// A value to bind.
#[derive(Debug)]
pub(crate) enum Value {
    Id(uuid::Uuid),
    Text(String),
    Number(i64),
}

impl Value {
    pub(crate) fn bind_all(values: Vec<Self>, statement: Statement<'_>) -> Statement<'_> {
        values.into_iter().fold(statement, |statement, value| match value {
            Self::Id(id) => statement.bind(id),
            Self::Text(text) => statement.bind(text),
            Self::Number(number) => statement.bind(number),
        })
    }
}

impl AuditFilter {
    /// Whether it takes any entry.
    pub(crate) fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it cannot match: a text without words.
    pub(crate) fn finds_nothing(&self) -> bool {
        self.text.as_deref().is_some_and(|text| Wanted::of(text).is_none())
    }

    /// Whether [`narrow`](Self::narrow) asks all that there is to ask.
    pub(crate) const fn is_of_columns(&self) -> bool {
        self.target.is_none() && self.address.is_none() && self.text.is_none()
    }

    /// Whether the entry is one of those.
    pub fn matches(&self, entry: &AuditEntry) -> bool {
        let action = |wanted: &String| match wanted.strip_suffix('*') {
            Some(start) => entry.action.starts_with(start),
            None => entry.action == *wanted,
        };
        (self.actor_kinds.is_empty() || self.actor_kinds.contains(&entry.actor.kind))
            && self.account.is_none_or(|id| entry.actor.id == id)
            && self.key.is_none_or(|id| entry.credential.as_ref().is_some_and(|c| c.key_id == id))
            && self.action.as_ref().is_none_or(action)
            && self.outcome.is_none_or(|outcome| entry.outcome == outcome)
            && self.target.as_ref().is_none_or(|id| entry.targets.iter().any(|target| target.id == *id))
            && self.trigger.is_none_or(|id| entry.initiator.trigger_id == Some(id))
            && self.run.is_none_or(|id| entry.run_id == Some(id))
            && self
                .address
                .is_none_or(|ip| entry.ip.is_some_and(|own| own.to_canonical() == ip.to_canonical()))
            && self.since.is_none_or(|at| entry.at >= at)
            && self.until.is_none_or(|at| entry.at < at)
            && self.text.as_ref().is_none_or(|text| has_words(entry, text))
    }

    /// Adds conditions on columns to a text that selects from entries of one organization and already has a `WHERE`.
    pub(crate) fn narrow(&self, sql: &mut String, values: &mut Vec<Value>, before: Option<AuditId>) {
        let mut and = |condition: &str, value: Value| {
            values.push(value);
            sql.push_str(" AND ");
            sql.push_str(&condition.replace('#', &format!("${}", values.len())));
        };
        if let Some(id) = before {
            and("id < #", Value::Id(id.0));
        }
        if !self.actor_kinds.is_empty() {
            // Words of this program, never of the caller.
            let kinds: Vec<_> = self.actor_kinds.iter().map(|k| format!("'{}'", k.as_str())).collect();
            and(&format!("actor_kind IN ({}) AND # = 1", kinds.join(",")), Value::Number(1));
        }
        if let Some(id) = self.account {
            and("actor_id = #", Value::Id(id.0));
        }
        if let Some(id) = self.key {
            and("key_id = #", Value::Id(id.0));
        }
        if let Some(action) = &self.action {
            match action.strip_suffix('*') {
                Some(start) => and("substr(action, 1, length(#)) = #", Value::Text(start.to_owned())),
                None => and("action = #", Value::Text(action.clone())),
            }
        }
        if let Some(outcome) = self.outcome {
            and("outcome = #", Value::Text(outcome.as_str().to_owned()));
        }
        if let Some(id) = self.trigger {
            and("trigger_id = #", Value::Id(id.0));
        }
        if let Some(id) = self.run {
            and("run_id = #", Value::Id(id.0));
        }
        if let Some(at) = self.since {
            and("at >= #", Value::Number(at.as_micros()));
        }
        if let Some(at) = self.until {
            and("at < #", Value::Number(at.as_micros()));
        }
    }
}

fn has_words(entry: &AuditEntry, text: &str) -> bool {
    let Some(mut missing) = Wanted::of(text) else { return false };
    let mut begun = false;
    each_text(entry, &mut |text| {
        for word in words(text) {
            begun |= word.starts_with(&missing.beginning);
            missing.whole.retain(|whole| *whole != word);
        }
    });
    begun && missing.whole.is_empty()
}

/// A text in which `%`, `_` and `\` stand for themselves.
pub(crate) fn escape_like(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}
