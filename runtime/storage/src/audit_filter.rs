//! The filters of `GET /audit`. What must hold: every filter is a bound value, and a search never leaves its organization.

use factotum_model::audit::AuditOutcome;
use factotum_model::{AccountId, AccountKind, AuditId, KeyId, OrgId, RunId, Timestamp, TriggerId};

use crate::audit_entries::COLUMNS;
use crate::connection::{Statement, Tx};

/// Which entries; a field left out does not narrow.
#[derive(Debug, Clone, Default)]
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
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// With this text in action, actor's name or details, in either case.
    pub text: Option<String>,
}

enum Value {
    Id(uuid::Uuid),
    Text(String),
    Number(i64),
}

impl AuditFilter {
    pub(crate) fn select<'c>(
        &self,
        tx: &'c mut Tx,
        org: OrgId,
        before: Option<AuditId>,
        limit: u32,
    ) -> Statement<'c> {
        let mut sql = format!("SELECT {COLUMNS} FROM audit_entries WHERE org_id = $1");
        let mut values = vec![Value::Id(org.0)];
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
        if let Some(target) = &self.target {
            // An action may have several targets; all stand in the details, as `{"type":…,"id":…}`.
            let quoted = serde_json::to_string(target).unwrap_or_default();
            let pattern = format!("%\"id\":{}%", escape_like(&quoted));
            and(r"detail LIKE # ESCAPE '\'", Value::Text(pattern));
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
        if let Some(text) = &self.text {
            // SQLite folds the case of ASCII letters alone; so a text is found as it was written, too.
            let text = escape_like(text);
            and(
                "(lower(action || ' ' || actor_name || ' ' || detail) LIKE lower(#) ESCAPE '\\' \
                  OR action || ' ' || actor_name || ' ' || detail LIKE # ESCAPE '\\' \
                  OR EXISTS (SELECT 1 FROM audit_personal p WHERE p.entry_id = audit_entries.id AND \
                             (lower(p.value) LIKE lower(#) ESCAPE '\\' OR p.value LIKE # ESCAPE '\\')))",
                Value::Text(format!("%{text}%")),
            );
        }
        values.push(Value::Number(i64::from(limit)));
        sql += " ORDER BY id DESC LIMIT $";
        sql += &values.len().to_string();
        values.into_iter().fold(tx.query_built(sql), |statement, value| match value {
            Value::Id(id) => statement.bind(id),
            Value::Text(text) => statement.bind(text),
            Value::Number(number) => statement.bind(number),
        })
    }
}

/// A text in which `%`, `_` and `\` stand for themselves.
pub(crate) fn escape_like(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}
