//! The dispatcher: the claim loop, and the tasks beside it. What must hold: no more is claimed than there are slots in hand;
//! every task is tracked, and a drain waits for the attempts under way before it gives them back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use factotum_host::{Host, Slot, StopReason};
use factotum_model::{OrgId, RunId};
use factotum_storage::claim::Claimed;
use factotum_storage::journal::{Handoff, Seat};
use factotum_storage::recover::Dead;
use factotum_storage::signals::Signal;
use factotum_storage::{Backend, Storage, StorageError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::lease::Lease;
use crate::mail::{Outlet, SharedOutlet};
use crate::metrics::{Metrics, Snapshot};
use crate::running::Running;
use crate::versions::Versions;
use crate::{attempt, upkeep};

/// How many runs one claim takes at the most: enough to fill a group commit, few enough to spread over nodes.
const MAX_CLAIM: usize = 64;
/// How long the loop sleeps at the most when nothing wakes it: what other nodes queued, and clocks that were set.
const IDLE: Duration = Duration::from_secs(1);
/// How long it waits after the database failed it.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// How long a drain waits for the database to take back what did not end in time.
const GIVING_BACK: Duration = Duration::from_secs(10);

/// How the dispatcher is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// This node's name, for the list of nodes: its host's.
    pub name: String,
    /// How long a drain waits for attempts under way.
    pub drain: Duration,
    /// Where mail of runs goes out; without one none does.
    pub outlet: Option<Arc<dyn Outlet>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { name: "factotum".into(), drain: Duration::from_secs(30), outlet: None }
    }
}

/// The dispatcher of one node.
pub struct Dispatcher {
    inner: Arc<Inner>,
    stop: CancellationToken,
    loops: TaskTracker,
    drain: Duration,
}

pub(crate) struct Inner {
    pub(crate) name: String,
    pub(crate) storage: Storage,
    pub(crate) host: Host,
    pub(crate) lease: Arc<Lease>,
    pub(crate) running: Arc<Running>,
    pub(crate) versions: Versions,
    pub(crate) metrics: Metrics,
    pub(crate) outlet: SharedOutlet,
    attempts: TaskTracker,
    wake: Notify,
    /// Older runs wait for a slot: new ones queue behind them.
    backlog: AtomicBool,
    /// Takes no more work.
    pub(crate) draining: CancellationToken,
}

impl Dispatcher {
    /// Takes over what a predecessor left and begins to dispatch. On SQLite the caller holds the lock of the data folder.
    pub async fn start(storage: Storage, host: Host, options: Options) -> Result<Self, StorageError> {
        let inner = Arc::new(Inner {
            name: options.name,
            outlet: options.outlet,
            lease: Arc::new(Lease::begin(storage.backend())),
            storage,
            host,
            running: Arc::default(),
            versions: Versions::default(),
            metrics: Metrics::default(),
            attempts: TaskTracker::new(),
            wake: Notify::new(),
            backlog: AtomicBool::new(true),
            draining: CancellationToken::new(),
        });
        inner.storage.heartbeat(&inner.name).await?;
        if inner.storage.backend() == Backend::Sqlite {
            let taken = inner.storage.recover(Dead::AllOthers).await?;
            if taken > 0 {
                tracing::info!(
                    runs = taken,
                    "took over the runs that were under way when the program last stopped"
                );
                inner.metrics.recovered(taken);
            }
        }
        inner.storage.set_handoff(Arc::new(Desk(Arc::clone(&inner))));
        let (stop, loops) = (CancellationToken::new(), TaskTracker::new());
        loops.spawn(claim_loop(Arc::clone(&inner), stop.clone()));
        loops.spawn(upkeep::leases(Arc::clone(&inner), stop.clone()));
        loops.spawn(upkeep::housekeeping(Arc::clone(&inner), stop.clone()));
        loops.spawn(upkeep::listen(Arc::clone(&inner), stop.clone()));
        Ok(Self { inner, stop, loops, drain: options.drain })
    }

    /// Stops at once what a cancel or a revocation in this process named; call it after its commit. Other nodes hear of it
    /// by themselves.
    pub fn act_on(&self, signal: Signal) {
        crate::signals::act(&self.inner, signal);
    }

    /// Something became due: a resume, a replay.
    pub fn wake(&self) {
        self.inner.wake();
    }

    /// What the attempt of a run that is under way here has logged: its number, and at most `most` lines from the one with this number on,
    /// counted from 0. None if the run is not under way, or on another node.
    pub fn log_so_far(&self, run: RunId, from: usize, most: usize) -> Option<(u32, Vec<serde_json::Value>)> {
        let (attempt, log) = self.inner.running.log(run)?;
        Some((attempt, attempt::log_lines(&log.lines(from, most))))
    }

    /// What was counted so far.
    pub fn metrics(&self) -> Snapshot {
        self.inner.metrics.snapshot(self.inner.running.len())
    }

    /// Takes nothing new, waits for what is under way, gives back the rest, and signs off. The journal stays open.
    pub async fn shut_down(&self) {
        self.inner.draining.cancel();
        self.inner.attempts.close();
        if tokio::time::timeout(self.drain, self.inner.attempts.wait()).await.is_err() {
            tracing::info!(runs = self.inner.running.len(), "giving back the runs that did not end in time");
            self.inner.running.stop_all(StopReason::LeaseLost);
            if tokio::time::timeout(GIVING_BACK, self.inner.attempts.wait()).await.is_err() {
                tracing::warn!(
                    "the database did not take the runs back; they are recovered when it is there again"
                );
            }
        }
        self.stop.cancel();
        self.loops.close();
        self.loops.wait().await;
        if let Err(error) = self.inner.storage.sign_off().await {
            tracing::warn!(%error, "this node could not sign off; its place is cleared by the next recovery");
        }
    }
}

impl Inner {
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    fn takes_work(&self) -> bool {
        !self.draining.is_cancelled() && self.lease.holds()
    }

    fn start(self: &Arc<Self>, run: Claimed, slot: Slot, handed_over: bool) {
        self.metrics.attempt(handed_over);
        self.attempts.spawn(attempt::run(Arc::clone(self), run, slot));
    }
}

async fn claim_loop(inner: Arc<Inner>, stop: CancellationToken) {
    let mut after = None;
    loop {
        let pause = match round(&inner, &mut after, &stop).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::warn!(%error, "a claim failed; it is tried again");
                AFTER_FAILURE
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = inner.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Claims until nothing is due; how long to sleep then.
async fn round(
    inner: &Arc<Inner>,
    after: &mut Option<OrgId>,
    stop: &CancellationToken,
) -> Result<Duration, StorageError> {
    while inner.takes_work() {
        let mut slots = tokio::select! {
            () = stop.cancelled() => return Ok(IDLE),
            slot = inner.host.reserve() => vec![slot],
        };
        while slots.len() < MAX_CLAIM
            && let Some(slot) = inner.host.try_reserve()
        {
            slots.push(slot);
        }
        let batch = inner.storage.claim(slots.len(), after).await?;
        inner.backlog.store(batch.more, Ordering::SeqCst);
        for (run, slot) in batch.runs.into_iter().zip(slots) {
            inner.start(run, slot, false);
        }
        if !batch.more {
            let now = inner.storage.clock().now();
            return Ok(batch
                .next_due
                .map_or(IDLE, |due| due.since(now).clamp(Duration::from_millis(1), IDLE)));
        }
    }
    Ok(IDLE)
}

/// Where the journal asks for a free instance.
struct Desk(Arc<Inner>);

struct FreeSeat {
    inner: Arc<Inner>,
    slot: Slot,
}

impl Handoff for Desk {
    fn seat(&self) -> Option<Box<dyn Seat>> {
        if self.0.backlog.load(Ordering::SeqCst) || !self.0.takes_work() {
            return None;
        }
        let slot = self.0.host.try_reserve()?;
        Some(Box::new(FreeSeat { inner: Arc::clone(&self.0), slot }))
    }

    fn wake(&self) {
        self.0.wake();
    }
}

impl Seat for FreeSeat {
    fn take(self: Box<Self>, run: Claimed) {
        self.inner.start(run, self.slot, true);
    }
}
