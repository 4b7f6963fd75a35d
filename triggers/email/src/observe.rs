//! What is counted of the SMTP server, told to whoever keeps the figures. What must hold: reasons come from a closed list, so that no sender can grow it.

use std::time::Duration;

/// Keeps figures.
pub trait Observe: Send + Sync {
    /// A connection was opened.
    fn opened(&self);
    /// One was closed.
    fn closed(&self);
    /// A message, whole, was answered; the time is from its last byte to its answer.
    fn answered(&self, accepted: bool, took: Duration);
    /// A connection, a command, a recipient or a message was refused.
    fn refused(&self, reason: &'static str);
}

/// Keeps none: for tests.
#[derive(Debug, Default)]
pub struct Unobserved;

impl Observe for Unobserved {
    fn opened(&self) {}
    fn closed(&self) {}
    fn answered(&self, _: bool, _: Duration) {}
    fn refused(&self, _: &'static str) {}
}
