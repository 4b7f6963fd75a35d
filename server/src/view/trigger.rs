//! A trigger as the world sees it.

use factotum_schedule::Firing;
use factotum_storage::triggers::Trigger;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A trigger.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Trigger")]
pub struct TriggerView {
    /// Its id.
    pub id: String,
    /// The name of the workflow that it starts.
    pub workflow: String,
    /// webhook, email or schedule.
    pub kind: &'static str,
    /// Its configuration, without secrets.
    pub config: Value,
    /// webhook: what the world calls; only for those who may change triggers, as whoever has it can start the workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// email: where mail is sent to; only for those who may change triggers, as whoever has it can start the workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// schedule: when it is due next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_firings: Option<Vec<FiringView>>,
    /// Whether it starts nothing for now.
    pub paused: bool,
    /// What it took and refused.
    pub counts: CountsView,
    /// The account that made it.
    pub created_by: String,
    /// When.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
}

/// What a trigger took and refused.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TriggerCounts")]
pub struct CountsView {
    /// Deliveries that became runs.
    pub accepted: u64,
    /// Deliveries that were refused.
    pub rejected: u64,
    /// Deliveries seen before.
    pub duplicates: u64,
}

/// When a schedule is due.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Firing")]
pub struct FiringView {
    /// In UTC.
    pub at: String,
    /// As the clock in the schedule's zone shows it.
    pub local: String,
    /// gap or overlap, where a change of the clocks has a part in it.
    pub dst: Option<Value>,
}

impl From<&Firing> for FiringView {
    fn from(firing: &Firing) -> Self {
        let dst = firing.dst.and_then(|effect| serde_json::to_value(effect).ok());
        Self { at: firing.at.to_string(), local: firing.local.clone(), dst }
    }
}

impl TriggerView {
    /// A trigger with what only its kind has.
    pub fn new(trigger: &Trigger, url: Option<String>, firings: Option<&[Firing]>) -> Self {
        Self {
            id: trigger.id.to_string(),
            workflow: trigger.workflow.clone(),
            kind: trigger.kind.as_str(),
            config: trigger.config.clone(),
            url,
            address: None,
            next_firings: firings.map(|all| all.iter().map(Into::into).collect()),
            paused: trigger.paused_at.is_some(),
            counts: CountsView {
                accepted: trigger.counts.accepted,
                rejected: trigger.counts.rejected,
                duplicates: trigger.counts.duplicates,
            },
            created_by: trigger.created_by.to_string(),
            created_at: trigger.created_at.to_string(),
            updated_at: trigger.updated_at.to_string(),
        }
    }
}
