//! Factotum's webhook trigger: verifies a delivery, turns it into an event, and answers its sender. What must hold: nothing
//! is acknowledged before its commit; a credential never reaches the event, a log or the audit trail; nothing here knows of
//! axum, which hands in the parts of a request, or of how a workflow is run.

pub mod admit;
pub mod answer;
mod body;
pub mod cloud_events;
pub mod config;
pub mod dedup;
pub mod handshake;
mod http_reply;
mod known;
pub mod preset;
mod rate;
mod receive;
pub mod refusal;
mod reply;
pub mod request;
pub mod sample;
pub mod stored;
pub mod verify;

pub use answer::Answer;
pub use config::{ConfigError, check_config};
pub use factotum_model::trigger::token::{self, Token};
pub use receive::Webhooks;
pub use refusal::Refusal;
pub use request::Delivery;
