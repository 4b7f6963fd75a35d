//! Things as the world sees them: the published JSON forms. What must hold: names and forms are those of the API's documentation, and
//! no view has a field for a secret but the ones that show it once.

pub mod audit;
pub mod audit_log;
pub mod event;
pub mod harmless;
pub mod identity;
pub mod interchange;
pub mod key;
pub mod key_report;
pub mod member;
pub mod notice;
pub mod ocsf;
pub mod partner;
pub mod plugin;
pub mod run;
pub mod schema;
pub mod secret;
pub mod session;
pub mod trigger;
pub mod workflow;

use schemars::JsonSchema;
use serde::Serialize;

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct PageView<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page; null on the last.
    pub next: Option<String>,
}

/// An account as it stands in a run, a key or an audit entry.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AccountView {
    /// Its id.
    pub id: String,
    /// member, base or api_key.
    pub kind: &'static str,
    /// Its name then.
    pub name: String,
}

impl From<&factotum_model::Principal> for AccountView {
    fn from(principal: &factotum_model::Principal) -> Self {
        Self { id: principal.id.to_string(), kind: principal.kind.as_str(), name: principal.name.clone() }
    }
}
