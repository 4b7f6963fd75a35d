//! Stopping a run from outside: cancelled, its account revoked, or its lease lost. What must hold: the first reason wins,
//! and a guest that spins or sleeps ends within 100 ms of it.

use std::sync::{Arc, OnceLock};

use factotum_model::{ErrorCode, Failure};
use tokio_util::sync::CancellationToken;

/// Why a run is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody cancelled the run.
    Cancelled,
    /// The account it runs as was revoked.
    Revoked,
    /// Another node holds the run now; whatever this attempt reports cannot be stored.
    LeaseLost,
}

impl StopReason {
    /// As a run's failure.
    pub fn failure(self) -> Failure {
        match self {
            Self::Cancelled => Failure::new(ErrorCode::Cancelled, "the run was cancelled"),
            Self::Revoked => Failure::new(ErrorCode::Revoked, "the account it ran as was revoked"),
            Self::LeaseLost => Failure::new(ErrorCode::Cancelled, "this node lost the run's lease"),
        }
    }
}

/// A handle that stops one run; clones are the same handle.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    reason: Arc<OnceLock<StopReason>>,
    token: CancellationToken,
}

impl Interrupt {
    /// Stops the run; a second reason is ignored.
    pub fn stop(&self, reason: StopReason) {
        // The reason is set before the token, so that whoever is woken finds it.
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// Why the run is to stop, if it is.
    pub fn reason(&self) -> Option<StopReason> {
        self.reason.get().copied()
    }

    /// Waits until the run is to stop.
    pub async fn stopped(&self) -> StopReason {
        self.token.cancelled().await;
        self.reason.get().copied().unwrap_or(StopReason::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_wins() {
        let interrupt = Interrupt::default();
        assert_eq!(interrupt.reason(), None);
        let other = interrupt.clone();
        other.stop(StopReason::Revoked);
        other.stop(StopReason::Cancelled);
        assert_eq!(interrupt.stopped().await, StopReason::Revoked);
        assert_eq!(interrupt.reason(), Some(StopReason::Revoked));
    }
}
