//! Organizations: make the first, suspend, resume.

mod bootstrap;
mod suspend;

pub use bootstrap::{Bootstrap, BootstrapError, Bootstrapped, MIN_PASSWORD_CHARS, bootstrap};
pub use suspend::suspend;
