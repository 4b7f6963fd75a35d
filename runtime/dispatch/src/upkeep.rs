//! What is done from time to time: heartbeat, taking over dead nodes' runs, reaping expired keys, forgetting what is past its
//! time. What must hold: each is idempotent and takes no input, so a round that failed is simply repeated.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use factotum_host::StopReason;
use factotum_model::RunId;
use factotum_storage::recover::Dead;
use factotum_storage::{Backend, Storage, StorageError, sweep};
use tokio_util::sync::CancellationToken;

use crate::dispatcher::Inner;
use crate::lease::HEARTBEAT;

/// How often expired keys are looked for: also how late a run of one may be stopped.
const REAP: Duration = Duration::from_secs(1);
/// How often what is past its time is forgotten.
const SWEEP: Duration = Duration::from_mins(1);

/// Heartbeat, and recovery of what others left.
pub(crate) async fn leases(inner: Arc<Inner>, stop: CancellationToken) {
    let mut orphans = HashSet::new();
    loop {
        let sent = Instant::now();
        match inner.storage.heartbeat(&inner.name).await {
            Ok(_) => inner.lease.renewed(sent),
            Err(error) => tracing::warn!(%error, "the heartbeat did not reach the database"),
        }
        if inner.lease.holds() {
            if let Err(error) = recover(&inner, &mut orphans).await {
                tracing::warn!(%error, "recovery did not go through; it is tried again");
            }
        } else {
            // Before another node may take the runs over.
            inner.running.stop_all(StopReason::LeaseLost);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
    }
}

async fn recover(inner: &Inner, orphans: &mut HashSet<RunId>) -> Result<(), StorageError> {
    if inner.storage.backend() == Backend::Postgres {
        let taken = inner.storage.recover(Dead::SilentFor(Storage::LEASE)).await?;
        if taken > 0 {
            tracing::info!(runs = taken, "took over the runs of a node that stopped");
            inner.metrics.recovered(taken);
            inner.wake();
        }
    }
    // A lease of ours that nothing here works on: its commit went through, but the answer was lost. Twice in a row, since
    // the first look may fall between commit and start.
    let leased = inner.storage.leased_runs().await?;
    let idle: HashSet<RunId> = leased.into_iter().filter(|run| !inner.running.contains(*run)).collect();
    let lost: Vec<RunId> = idle.intersection(orphans).copied().collect();
    if !lost.is_empty() {
        let released = inner.storage.release(&lost).await?;
        tracing::warn!(runs = released, "released leases that nothing worked on");
        inner.wake();
    }
    *orphans = idle.into_iter().filter(|run| !lost.contains(run)).collect();
    Ok(())
}

/// Reaps expired keys and forgets what is past its time.
pub(crate) async fn housekeeping(inner: Arc<Inner>, stop: CancellationToken) {
    let mut swept = Instant::now();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(REAP) => {}
        }
        if let Err(error) = crate::reap::expired_keys(&inner).await {
            tracing::warn!(%error, "expired keys could not be reaped; it is tried again");
        }
        if swept.elapsed() >= SWEEP {
            swept = Instant::now();
            if let Err(error) = forget(&inner).await {
                tracing::warn!(%error, "what is past its time could not be removed; it is tried again");
            }
        }
    }
}

async fn forget(inner: &Inner) -> Result<(), StorageError> {
    let now = inner.storage.clock().now();
    let mut tx = inner.storage.write().await?;
    sweep::expired(&mut tx, now).await?;
    tx.commit().await
}

/// Listens for what other nodes stopped.
pub(crate) async fn listen(inner: Arc<Inner>, stop: CancellationToken) {
    let mut seen = HashSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(crate::signals::POLL) => {}
        }
        if inner.running.len() > 0
            && let Err(error) = crate::signals::poll(&inner, &mut seen).await
        {
            tracing::warn!(%error, "signals of other nodes could not be read; it is tried again");
        }
    }
}
