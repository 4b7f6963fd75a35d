//! Organizations: make the first, get back into one, suspend, resume.

mod bootstrap;
mod recover;
mod setup;
mod suspend;

pub use bootstrap::{Bootstrap, BootstrapError, Bootstrapped, bootstrap};
pub use recover::{Recovery, RecoveryError, recover};
pub use setup::{SETUP_LINK_LASTS, Setup, is_missing, offer_setup, setup};
pub use suspend::suspend;
