//! The security log: refusals that belong to no organization (no key, a bad checksum, an unknown key), counted in memory and written each
//! second. What must hold: a flood of them costs one line a second.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

#[derive(Debug)]
struct Counted {
    total: u64,
    last_address: IpAddr,
    last_reason: &'static str,
}

/// What was refused since the last line.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Option<Counted>>);

impl Refusals {
    /// One more.
    pub fn count(&self, address: IpAddr, reason: &'static str) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let total = counted.as_ref().map_or(0, |c| c.total) + 1;
        *counted = Some(Counted { total, last_address: address, last_reason: reason });
    }

    /// Writes the line, if there was any.
    pub fn flush(&self) {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Counted { total, last_address, last_reason }) = counted {
            tracing::warn!(target: "factotum::security", total, %last_address, last_reason, "requests without a valid key");
        }
    }
}
