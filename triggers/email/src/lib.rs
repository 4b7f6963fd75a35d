//! Factotum's e-mail trigger: takes mail by SMTP, reads it, proves its sender, and turns it into an event. What must hold: no `250` before the
//! commit, and nothing here knows how a workflow is run.

pub mod address;
pub mod config;
mod deliver;
mod known;
mod mailboxes;
pub mod message;
pub mod observe;
pub mod refusal;
pub mod smtp;
pub mod stored;
pub mod trial;
pub mod verdict;

pub use address::Address;
pub use config::{ConfigError, check_config};
pub use deliver::{Incoming, Recipient};
pub use mailboxes::Mailboxes;
pub use observe::Observe;
pub use refusal::Refusal;
pub use smtp::{Limits, Listener, Settings};
