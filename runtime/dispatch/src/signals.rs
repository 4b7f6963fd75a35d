//! Hearing within a second that a key was revoked or a run cancelled, on whatever node that happened. What must hold: a
//! signal that committed late is still heard, and none is acted on twice for nothing.

use std::collections::HashSet;
use std::time::Duration;

use factotum_host::StopReason;
use factotum_storage::StorageError;
use factotum_storage::signals::{self, Signal};

use crate::dispatcher::Inner;

/// How often signals are asked for while something runs.
pub(crate) const POLL: Duration = Duration::from_millis(300);

/// Acts on the signals that are new.
pub(crate) async fn poll(inner: &Inner, seen: &mut HashSet<uuid::Uuid>) -> Result<(), StorageError> {
    let now = inner.storage.clock().now();
    let mut tx = inner.storage.read().await?;
    let recent = signals::recent(&mut tx, now).await?;
    let ids: HashSet<_> = recent.iter().map(|(id, _)| *id).collect();
    for (id, signal) in recent {
        if !seen.contains(&id) {
            act(inner, signal);
        }
    }
    *seen = ids;
    Ok(())
}

/// Stops what a signal names, if it runs here.
pub(crate) fn act(inner: &Inner, signal: Signal) {
    match signal {
        Signal::AccountRevoked(account) => inner.running.stop_account(account, StopReason::Revoked),
        Signal::RunCancelled(run) => {
            inner.running.stop_run(run, StopReason::Cancelled);
        }
    }
}
