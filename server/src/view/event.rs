//! An event as the world sees it.

use factotum_model::{Event, TriggerId};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// What came in.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Event")]
pub struct EventView {
    /// Its id.
    pub id: String,
    /// When it was accepted.
    pub received_at: String,
    /// The trigger's id, if one took it.
    pub trigger: Option<String>,
    /// How many bytes came; `/raw` has them.
    pub size: usize,
    /// SHA-256 of the bytes.
    pub digest: String,
    /// The event as a workflow sees it: kind, and under the kind's name the rest.
    #[serde(flatten)]
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    pub event: Value,
}

impl EventView {
    /// An event with its trigger.
    pub fn new(event: &Event, trigger: Option<TriggerId>) -> Self {
        Self {
            id: event.id.to_string(),
            received_at: event.received_at.to_string(),
            trigger: trigger.map(|id| id.to_string()),
            size: event.payload.len(),
            digest: factotum_model::Digest::of(&event.payload).to_string(),
            event: event.to_json(),
        }
    }
}
