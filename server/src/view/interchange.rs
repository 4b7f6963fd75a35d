//! An EDI interchange as the world sees it.

use factotum_model::edi::Standard;
use factotum_storage::edi::interchanges::Interchange;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// An interchange that came in.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Interchange")]
pub struct InterchangeView {
    /// Its id.
    pub id: String,
    /// When it came.
    pub received_at: String,
    /// How it came: http.
    pub transport: String,
    /// The trigger whose URL it came to.
    pub trigger: Option<String>,
    /// x12 or edifact; null if it cannot be told.
    pub standard: Option<&'static str>,
    /// accepted, partial, rejected, duplicate, quarantined or discarded.
    pub state: &'static str,
    /// The partner's name.
    pub partner: Option<String>,
    /// The partner's id.
    pub partner_id: Option<String>,
    /// Its sender, as its envelope has it.
    pub sender: Option<String>,
    /// Its receiver.
    pub receiver: Option<String>,
    /// Its control number.
    pub control: Option<String>,
    /// Whether it is a test.
    pub test: bool,
    /// How many bytes it has; `/raw` has them.
    pub size: u64,
    /// SHA-256 of the bytes.
    pub digest: String,
    /// How many transaction sets it has.
    pub sets: u64,
    /// How many of them were taken.
    pub accepted: u64,
    /// Why it was refused or kept.
    pub reason: Option<String>,
    /// Whether `/acknowledgement` has something.
    pub acknowledged: bool,
    /// The interchange that this one repeats.
    pub first: Option<String>,
    /// When it left the quarantine.
    pub settled_at: Option<String>,
    /// Its groups, sets and findings with their places, and the runs that it started; only where one interchange is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Value>,
}

impl From<&Interchange> for InterchangeView {
    fn from(interchange: &Interchange) -> Self {
        let (partner_id, partner) = interchange.partner.clone().unzip();
        Self {
            id: interchange.id.to_string(),
            received_at: interchange.received_at.to_string(),
            transport: interchange.transport.clone(),
            trigger: interchange.trigger_id.map(|id| id.to_string()),
            standard: interchange.standard.map(Standard::as_str),
            state: interchange.state.as_str(),
            partner,
            partner_id: partner_id.map(|id| id.to_string()),
            sender: interchange.sender.clone(),
            receiver: interchange.receiver.clone(),
            control: interchange.control.clone(),
            test: interchange.test,
            size: interchange.size,
            digest: interchange.digest.to_string(),
            sets: interchange.sets,
            accepted: interchange.accepted,
            reason: interchange.reason.clone(),
            acknowledged: interchange.acknowledged,
            first: interchange.first_id.map(|id| id.to_string()),
            settled_at: interchange.settled_at.map(|at| at.to_string()),
            report: (!interchange.report.is_null()).then(|| interchange.report.clone()),
        }
    }
}
