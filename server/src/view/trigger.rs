//! A trigger as the world sees it.

use std::time::Duration;

use factotum_model::trigger::TriggerKind;
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
    /// webhook, email, schedule or edi.
    pub kind: &'static str,
    /// Its configuration, without secrets.
    pub config: Value,
    /// webhook, edi: what the world calls; only for those who may change triggers, as whoever has it can start the workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// email: where mail is sent to; only for those who may change triggers, as whoever has it can start the workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// webhook, edi: until when the URL before leads to it too, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_url_until: Option<String>,
    /// schedule: when it is due next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_firings: Option<Vec<FiringView>>,
    /// schedule: how many firings wait: for the run before them, or because somebody backfilled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<u64>,
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
    /// When it fires, where jitter makes that later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fires_at: Option<String>,
}

impl From<&Firing> for FiringView {
    fn from(firing: &Firing) -> Self {
        let dst = firing.dst.and_then(|effect| serde_json::to_value(effect).ok());
        Self { at: firing.at.to_string(), local: firing.local.clone(), dst, fires_at: None }
    }
}

impl FiringView {
    fn delayed(firing: &Firing, delay: Duration) -> Self {
        let fires_at = (!delay.is_zero()).then(|| firing.at.plus(delay).to_string());
        Self { fires_at, ..Self::from(firing) }
    }
}

/// By how much a schedule fires later than its times.
pub fn delay(trigger: &Trigger) -> Duration {
    let jitter_s = trigger.config["jitter_s"].as_u64().unwrap_or(0);
    factotum_schedule::jitter::delay(trigger.id, jitter_s)
}

/// What a backfill fires, or would fire.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Backfill")]
pub struct BackfillView {
    /// From when on, in UTC.
    pub from: String,
    /// Until when, that instant excluded, in UTC.
    pub until: String,
    /// How many firings.
    pub count: usize,
    /// How many times of the range were fired already, and are not fired again.
    pub fired_already: usize,
    /// The first ten nominal times.
    pub firings: Vec<String>,
    /// The last one.
    pub last: Option<String>,
    /// Whether one waits for the run of the one before, since the trigger's `overlap` is not `allow`.
    pub in_turn: bool,
    /// Whether nothing was done: only shown.
    pub dry_run: bool,
}

/// What a test delivery was answered.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TestDelivery")]
pub struct TestedView {
    /// The status that a sender would have been answered; 202 for a schedule that fired and a mail that was taken.
    pub status: u16,
    /// Of what type the answer is.
    pub content_type: Option<String>,
    /// The answer's body, as text.
    pub body: String,
    /// The run that it started, where the answer names one.
    pub run: Option<String>,
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
            old_url_until: None,
            address: None,
            next_firings: firings.map(|all| {
                let delay = delay(trigger);
                all.iter().map(|firing| FiringView::delayed(firing, delay)).collect()
            }),
            waiting: (trigger.kind == TriggerKind::Schedule).then_some(trigger.waiting),
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
