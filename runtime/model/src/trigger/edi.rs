//! An EDI trigger's configuration.

use serde::{Deserialize, Serialize};

use crate::edi::Usage;

/// The largest delivery that an EDI trigger can be set to take, in bytes.
pub const MAX_DELIVERY_BYTES: u64 = 64 << 20;

/// An EDI trigger's configuration: which documents start its workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdiConfig {
    /// The name of the partner; `*` is every partner.
    pub partner: String,
    /// The document types: `850`, `ORDERS`; every type if there is none.
    #[serde(default)]
    pub sets: Vec<String>,
    /// What is one event.
    #[serde(default)]
    pub per: Per,
    /// Which way the documents go.
    #[serde(default)]
    pub direction: Direction,
    /// Versions, or what they begin with: `004010`, `D96A`; every version if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// Whether tests start it.
    #[serde(default)]
    pub usage: Usage,
    /// The largest delivery that its URL takes, in bytes.
    #[serde(default = "default_max_body_bytes")]
    pub max_body_bytes: u64,
}

const fn default_max_body_bytes() -> u64 {
    16 << 20
}

/// What is one event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Each transaction set.
    #[default]
    Set,
    /// All matching sets of an interchange together.
    Interchange,
}

/// Which way documents go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the partner to us.
    #[default]
    In,
}
