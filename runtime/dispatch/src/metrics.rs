//! What the dispatcher counts. What must hold: counting never waits.

use std::sync::atomic::{AtomicU64, Ordering};

use factotum_storage::finish::End;

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    attempts: AtomicU64,
    handed_over: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
    dead: AtomicU64,
    retried: AtomicU64,
    released: AtomicU64,
    lease_lost: AtomicU64,
    recovered: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Attempts begun.
    pub attempts: u64,
    /// Of these, those that went straight from accept to an instance.
    pub handed_over: u64,
    /// Runs that succeeded.
    pub succeeded: u64,
    /// Runs that failed for good.
    pub failed: u64,
    /// Runs whose retries are used up.
    pub dead: u64,
    /// Attempts followed by another.
    pub retried: u64,
    /// Attempts given back because this node went down.
    pub released: u64,
    /// Attempts whose lease was gone when they ended.
    pub lease_lost: u64,
    /// Runs taken over from dead nodes.
    pub recovered: u64,
    /// Attempts under way.
    pub running: u64,
}

impl Metrics {
    pub(crate) fn attempt(&self, handed_over: bool) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        if handed_over {
            self.handed_over.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn ended(&self, end: &End, held: bool) {
        let counter = match (held, end) {
            (false, _) => &self.lease_lost,
            (true, End::Succeeded(_) | End::Answered(_)) => &self.succeeded,
            (true, End::Failed(..)) => &self.failed,
            (true, End::Dead(..)) => &self.dead,
            (true, End::Retry(..)) => &self.retried,
            (true, End::Released) => &self.released,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn recovered(&self, runs: u64) {
        self.recovered.fetch_add(runs, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self, running: usize) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            attempts: read(&self.attempts),
            handed_over: read(&self.handed_over),
            succeeded: read(&self.succeeded),
            failed: read(&self.failed),
            dead: read(&self.dead),
            retried: read(&self.retried),
            released: read(&self.released),
            lease_lost: read(&self.lease_lost),
            recovered: read(&self.recovered),
            running: running as u64,
        }
    }
}
