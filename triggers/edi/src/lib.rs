//! Factotum's EDI trigger: finds whose interchange it is, checks it, starts a run for each of its documents, and acknowledges it. What must hold: events,
//! runs, control numbers and acknowledgement are one commit, and nothing is answered before it; nothing that came is lost: what belongs to nobody, or
//! cannot be read, is kept in quarantine. A transport hands in bytes and says how they came; how an answer goes back is its own matter.

mod accept;
mod acknowledge;
pub mod config;
mod door;
mod entry;
mod inbox;
mod outcome;
mod plan;
mod quarantine;
mod read;
mod refusal;
mod release;
mod runs;
pub mod stored;

pub use config::{ConfigError, check_config};
pub use door::{Arrival, Door};
pub use inbox::Inbox;
pub use outcome::{Taken, Told};
pub use refusal::Refusal;
