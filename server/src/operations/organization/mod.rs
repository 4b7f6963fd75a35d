//! Organizations: make the first, suspend, resume.

mod bootstrap;
mod suspend;

pub use bootstrap::{Bootstrap, BootstrapError, Bootstrapped, bootstrap};
pub use suspend::suspend;
