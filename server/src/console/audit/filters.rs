//! The filters of the trail as the page's form and links have them. What must hold: an empty field is none; what is wrong is named with its field; what a
//! link says is what the API takes, so that export, tail and page show the same entries.

use factotum_model::audit_action::ACTIONS;
use factotum_storage::audit_entries::AuditFilter;
use form_urlencoded::Serializer;
use serde_json::{Map, Value};

use crate::api::problem::Problem;
use crate::api::routes::audit::AuditQuery;
use crate::console::fields::Faults;

/// The names of the filters, as the API has them, in the order of a link.
const NAMES: [&str; 12] = [
    "q",
    "actor_kind",
    "action",
    "outcome",
    "account",
    "key",
    "target",
    "trigger",
    "run",
    "ip",
    "since",
    "until",
];
/// Those that stand behind "More filters".
const MORE: [&str; 8] = ["account", "key", "target", "trigger", "run", "ip", "since", "until"];

/// What the trail is asked by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters(Vec<(&'static str, String)>);

/// A choice in a list.
pub struct Choice {
    /// What is sent.
    pub value: &'static str,
    /// What is read.
    pub label: &'static str,
}

/// A link that shows a part of the trail.
pub struct Chip {
    /// What it says.
    pub label: String,
    /// The filters.
    pub query: String,
    /// Whether this is what is shown now.
    pub current: bool,
}

/// The kinds of actors to choose from.
pub const KINDS: [Choice; 5] = [
    Choice { value: "", label: "Anybody" },
    Choice { value: "member", label: "People" },
    Choice { value: "service", label: "Automated and API" },
    Choice { value: "base", label: "Service Account" },
    Choice { value: "api_key", label: "API keys" },
];
/// The outcomes to choose from.
pub const OUTCOMES: [Choice; 4] = [
    Choice { value: "", label: "Any" },
    Choice { value: "ok", label: "Done" },
    Choice { value: "denied", label: "Denied" },
    Choice { value: "error", label: "Failed" },
];
/// What is one click away.
const AT_HAND: [(&str, &str); 8] = [
    ("Everything", ""),
    ("Automated and API activity", "actor_kind=service"),
    ("People", "actor_kind=member"),
    ("Denied", "outcome=denied"),
    ("Failed", "outcome=error"),
    ("Sign-ins", "action=session.*"),
    ("API keys", "action=api_key.*"),
    ("Members", "action=member.*"),
];

impl Filters {
    /// Those of a query; whatever else is in it is left out.
    pub fn of_query(query: &str) -> Self {
        let asked: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let value = |name: &&'static str| {
            let (_, value) = asked.iter().rev().find(|(own, _)| own == name)?;
            let value = value.trim();
            let value = if matches!(*name, "since" | "until") { instant(value) } else { value.to_owned() };
            (!value.is_empty()).then_some((*name, value))
        };
        Self(NAMES.iter().filter_map(value).collect())
    }

    /// As the query of a URL; empty where nothing is filtered.
    pub fn query(&self) -> String {
        Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// A filter's value; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| *own == name).map_or("", |(_, value)| value)
    }

    /// A time as a field for it takes it: without its zone, which is UTC.
    pub fn local(&self, name: &str) -> &str {
        let value = self.get(name);
        value.strip_suffix('Z').unwrap_or(value)
    }

    /// Whether nothing is filtered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of those behind "More filters" is set.
    pub fn has_more(&self) -> bool {
        MORE.iter().any(|name| !self.get(name).is_empty())
    }

    /// As the API reads them, and as the record of the reading has them; or what is wrong, beside its field.
    pub fn read(&self) -> Result<(AuditFilter, Value), Faults> {
        let object: Map<String, Value> =
            self.0.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))).collect();
        let query: AuditQuery = serde_json::from_value(Value::Object(object))
            .map_err(|error| Faults::beside("", error.to_string()))?;
        let filter = query.filter().map_err(fault)?;
        Ok((filter, query.asked()))
    }

    /// What is one click away.
    pub fn at_hand(&self) -> Vec<Chip> {
        let chip = |(label, query): (&str, &str)| Chip {
            label: label.to_owned(),
            query: query.to_owned(),
            current: Self::of_query(query) == *self,
        };
        AT_HAND.into_iter().map(chip).collect()
    }
}

/// The names of actions, to choose from while typing.
pub const fn actions() -> &'static [&'static str] {
    ACTIONS
}

/// What is wrong, beside its field.
fn fault(problem: Problem) -> Faults {
    let words = problem.detail.trim_start_matches("in the query, ").to_owned();
    Faults::beside(problem.field.as_deref().unwrap_or_default(), words)
}

/// A time as a field gives it (HTML, "Local dates and times") becomes one of UTC; any other text is left to be refused.
fn instant(text: &str) -> String {
    match text.len() {
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_fields_are_none_and_times_are_of_utc() {
        let filters = Filters::of_query(
            "q=&actor_kind=service&since=2026-11-23T08%3A00&until=2026-11-24&cursor=x&evil=1",
        );
        assert_eq!(
            filters.query(),
            "actor_kind=service&since=2026-11-23T08%3A00%3A00Z&until=2026-11-24T00%3A00%3A00Z"
        );
        assert_eq!(filters.local("since"), "2026-11-23T08:00:00");
        assert!(filters.has_more());
        let (filter, asked) = filters.read().unwrap();
        assert_eq!(filter.actor_kinds.len(), 2);
        assert_eq!(asked["actor_kind"], "service");
        assert!(asked.get("q").is_none());
    }

    #[test]
    fn what_is_wrong_is_beside_its_field() {
        for (query, field) in [
            ("since=yesterday", "since"),
            ("key=x", "key"),
            ("ip=1.2.3", "ip"),
            ("q=%21", "q"),
            ("outcome=x", "outcome"),
        ] {
            let faults = Filters::of_query(query).read().unwrap_err();
            assert!(!faults.at(field).is_empty(), "{query}: {faults:?}");
            assert!(!faults.at(field).starts_with("in the query"), "{faults:?}");
        }
    }

    #[test]
    fn what_is_at_hand_can_be_asked_and_knows_itself() {
        for (label, query) in AT_HAND {
            let filters = Filters::of_query(query);
            filters.read().unwrap();
            let current: Vec<_> =
                filters.at_hand().into_iter().filter(|chip| chip.current).map(|chip| chip.label).collect();
            assert_eq!(current, [label]);
        }
    }
}
