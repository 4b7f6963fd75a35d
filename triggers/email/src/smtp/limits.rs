//! The bounds of the server. What must hold: each has a default that RFC 5321 §4.5.3 allows.

use std::time::Duration;

use factotum_model::trigger::MAX_MESSAGE_BYTES;

/// The longest command line with its CRLF, in bytes: 512 (RFC 5321 §4.5.3.1.4) and what extensions add.
pub(crate) const MAX_LINE_BYTES: usize = 2_048;
/// How much of a line that is too long is read on, in bytes, before the connection is closed.
pub(crate) const MAX_SKIPPED_BYTES: usize = 64 << 10;
/// How many commands in a row may do nothing for a message.
pub(crate) const MAX_IDLE_COMMANDS: u32 = 100;

/// The bounds of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Open connections.
    pub connections: usize,
    /// Of them, from one address.
    pub connections_per_address: usize,
    /// Recipients of a message.
    pub recipients: usize,
    /// The largest message, in bytes; a trigger may take less.
    pub message_bytes: u64,
    /// What all messages that are on their way may have together, in bytes.
    pub memory_bytes: u64,
    /// Commands that are refused before the connection is closed.
    pub faults: u32,
    /// How long a command may take to arrive.
    pub command: Duration,
    /// How long a message may pause.
    pub data: Duration,
    /// How long a message may take in all.
    pub message: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_000,
            connections_per_address: 100,
            recipients: 100,
            message_bytes: MAX_MESSAGE_BYTES,
            memory_bytes: 128 << 20,
            faults: 20,
            command: Duration::from_mins(5),
            data: Duration::from_mins(3),
            message: Duration::from_mins(30),
        }
    }
}
