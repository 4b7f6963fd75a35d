//! What one API key did, as the world sees it. What must hold: lists that are cut off say so.

use factotum_model::Timestamp;
use factotum_storage::audit_search::report::Counted;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::key::KeyView;
use crate::operations::key::KeyReport;

/// Everything that one key did.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "KeyReport")]
pub struct KeyReportView {
    /// The key as it is now, with its grants.
    pub key: KeyView,
    /// How many entries of the audit trail its service account has.
    pub entries: u64,
    /// The time of the first of them.
    pub first_at: Option<String>,
    /// The time of the last.
    pub last_at: Option<String>,
    /// Whether all entries and all values are counted: the lists that follow have at most 50 values each, those with most entries first.
    pub complete: bool,
    /// From where it came.
    pub addresses: Vec<AddressView>,
    /// What it did or tried.
    pub actions: Vec<ActionView>,
    /// To what, but for runs.
    pub targets: Vec<TargetView>,
    /// The workflows that it started, with how often.
    pub workflows: Vec<StartedView>,
    /// The newest runs that it started: entries of the audit trail.
    pub runs: Vec<Value>,
    /// What it was refused, the newest: entries of the audit trail.
    pub denied: Vec<Value>,
    /// What was done to the key itself: entries of the audit trail.
    pub history: Vec<Value>,
}

macro_rules! counted {
    ($(#[$doc:meta] $name:ident as $public:literal { $(#[$field_doc:meta] $field:ident),* })*) => {$(
        #[$doc]
        #[derive(Debug, Serialize, JsonSchema)]
        #[schemars(rename = $public)]
        pub struct $name {
            $(#[$field_doc] pub $field: String,)*
            /// In how many entries.
            pub entries: u64,
            /// In the first.
            pub first_at: Option<String>,
            /// In the last.
            pub last_at: Option<String>,
        }

        impl From<&Counted> for $name {
            fn from(counted: &Counted) -> Self {
                let mut words = counted.value.splitn([$(stringify!($field)),*].len(), '\0').map(ToOwned::to_owned);
                Self {
                    $($field: words.next().unwrap_or_default(),)*
                    entries: counted.entries,
                    first_at: counted.first.map(|at| at.to_string()),
                    last_at: counted.last.map(|at| at.to_string()),
                }
            }
        }
    )*};
}

counted! {
    /// An address that a key came from.
    AddressView as "ReportedAddress" {
        /// The address.
        address
    }
    /// What a key did or tried.
    ActionView as "ReportedAction" {
        /// `noun.verb`.
        action,
        /// `ok`, `denied` or `error`.
        outcome
    }
    /// What a key did something to.
    TargetView as "ReportedTarget" {
        /// `workflow`, `trigger`, `api_key`, …
        kind,
        /// Its id, or its name where it has none.
        id
    }
    /// A workflow that a key started.
    StartedView as "ReportedWorkflow" {
        /// Its name then.
        workflow
    }
}

impl From<&KeyReport> for KeyReportView {
    fn from(report: &KeyReport) -> Self {
        let activity = &report.activity;
        let at =
            |pick: fn((Timestamp, Timestamp)) -> Timestamp| activity.span.map(|span| pick(span).to_string());
        let entries = |list: &[factotum_model::audit::AuditEntry]| {
            list.iter().map(|entry| serde_json::to_value(entry).unwrap_or_default()).collect()
        };
        Self {
            key: KeyView::from(&report.key),
            entries: activity.entries,
            first_at: at(|(first, _)| first),
            last_at: at(|(_, last)| last),
            complete: !activity.more,
            addresses: activity.addresses.iter().map(Into::into).collect(),
            actions: activity.actions.iter().map(Into::into).collect(),
            targets: activity.targets.iter().map(Into::into).collect(),
            workflows: activity.started.iter().map(Into::into).collect(),
            runs: entries(&report.runs),
            denied: entries(&report.denied),
            history: entries(&report.history),
        }
    }
}
