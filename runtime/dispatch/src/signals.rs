//! Hearing within a second that a key was revoked, a run cancelled, or a run's log is watched, on whatever node that happened. What must hold: a
//! signal that committed late is still heard, and none is acted on twice for nothing.

use std::collections::HashSet;
use std::time::Duration;

use factotum_host::StopReason;
use factotum_model::RunId;
use factotum_storage::signals::{self, Signal};
use factotum_storage::{StorageError, live_logs};

use crate::attempt::log_lines;
use crate::dispatcher::Inner;

/// How often signals are asked for while something runs.
pub(crate) const POLL: Duration = Duration::from_millis(300);

/// How many lines are copied for other nodes: what comes after them is seen when the attempt has ended.
const MAX_COPIED_LINES: usize = 2_000;

/// Acts on the signals that are new.
pub(crate) async fn poll(inner: &Inner, seen: &mut HashSet<uuid::Uuid>) -> Result<(), StorageError> {
    let now = inner.storage.clock().now();
    let mut tx = inner.storage.read().await?;
    let recent = signals::recent(&mut tx, now).await?;
    let ids: HashSet<_> = recent.iter().map(|(id, _)| *id).collect();
    drop(tx);
    let mut watched = HashSet::new();
    for (_, signal) in recent.into_iter().filter(|(id, _)| !seen.contains(id)) {
        match signal {
            Signal::LogWanted(run) => {
                watched.insert(run);
            }
            stops => act(inner, stops),
        }
    }
    *seen = ids;
    for run in watched {
        copy_log(inner, run).await?;
    }
    Ok(())
}

/// Puts what a run of this node has logged so far where the other nodes can read it.
async fn copy_log(inner: &Inner, run: RunId) -> Result<(), StorageError> {
    let Some((attempt, log)) = inner.running.log(run) else { return Ok(()) };
    let lines = serde_json::Value::Array(log_lines(&log.lines(0, MAX_COPIED_LINES))).to_string();
    let mut tx = inner.storage.write().await?;
    live_logs::keep(&mut tx, run, attempt, lines, inner.storage.clock().now()).await?;
    tx.commit().await
}

/// Stops what a signal names, if it runs here.
pub(crate) fn act(inner: &Inner, signal: Signal) {
    match signal {
        Signal::AccountRevoked(account) => inner.running.stop_account(account, StopReason::Revoked),
        Signal::RunCancelled(run) => {
            inner.running.stop_run(run, StopReason::Cancelled);
        }
        // Heard by `poll`: it stops nothing.
        Signal::LogWanted(_) => {}
    }
}
