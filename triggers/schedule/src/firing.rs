//! Firings of one schedule on their way into the database. What must hold: a firing's dedup key is its nominal
//! time, so a repeated attempt, on whichever node, makes no second event; a schedule moves on only when all that it fires is
//! committed, and whatever is left out is put on the record in the same transaction.

use std::sync::Arc;
use std::time::Duration;

use factotum_model::account::BASE_ACCOUNT_NAME;
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::trigger::Overlap;
use factotum_model::{
    AccountKind, ErrorCode, EventInput, Initiator, InitiatorKind, Principal, RunId, Timestamp, TriggerId,
};
use factotum_storage::accept::{AcceptError, Accepted, DedupKey, EventSource, NewRun, Origin};
use factotum_storage::schedule_queue::{Cause, Queued};
use factotum_storage::schedules::{Armed, Due, Step};
use factotum_storage::triggers::Counts;
use factotum_storage::{Storage, StorageError, runs};

use crate::lag::Lag;
use crate::read::Read;

/// For how long a firing is remembered beyond the window in which it may be made up for.
pub const REMEMBERED: Duration = Duration::from_hours(30 * 24);
/// For how long one that somebody asked for is: for good. A repetition of an old backfill must find it.
const FOR_GOOD: Duration = Duration::from_hours(100 * 366 * 24);

/// What becomes of the times that have come.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// To be accepted now, oldest first.
    pub(crate) fire: Vec<Timestamp>,
    /// To wait for their turn.
    pub(crate) queue: Vec<Timestamp>,
    /// What is cancelled before: as `cancel_running` or `replace` says.
    pub(crate) cancel: Option<Overlap>,
}

/// Firings of one schedule.
#[derive(Debug)]
pub(crate) struct Firing {
    armed: Armed,
    read: Arc<Read>,
    made: Made,
    /// Action, reason and number of what is left out.
    left_out: Vec<(&'static str, String, usize)>,
    next: Option<Timestamp>,
    decided_at: Timestamp,
    counts: Counts,
}

impl Firing {
    pub(crate) fn of(
        armed: Armed,
        read: Arc<Read>,
        made: Made,
        left_out: Vec<(&'static str, String, usize)>,
        (next, decided_at): (Option<Timestamp>, Timestamp),
    ) -> Self {
        Self { armed, read, made, left_out, next, decided_at, counts: Counts::default() }
    }

    /// Accepts what is to be fired, oldest first. What was accepted is not repeated by a later attempt.
    pub(crate) async fn accept(&mut self, storage: &Storage, lag: &Lag) -> Result<(), AcceptError> {
        if let Some(overlap) = self.made.cancel {
            cancel(storage, &self.armed, overlap).await?;
            self.made.cancel = None;
        }
        let delay = crate::plan::delay(self.armed.trigger_id, &self.read);
        let window = Duration::from_secs(self.read.config.missed.window_s);
        while let Some(nominal_time) = self.made.fire.first().copied() {
            let remembered = storage.clock().now().max(nominal_time).plus(REMEMBERED).plus(window);
            match storage.journal().accept(run(&self.armed, nominal_time, remembered)).await? {
                Accepted::New(_) => {
                    self.counts.accepted += 1;
                    lag.add(storage.clock().now().since(nominal_time.plus(delay)));
                }
                Accepted::Duplicate(_) => self.counts.duplicates += 1,
            }
            self.made.fire.remove(0);
        }
        Ok(())
    }

    /// When it fires next.
    pub(crate) const fn next(&self) -> Option<Timestamp> {
        self.next
    }

    /// How it moves on from where it was seen.
    pub(crate) const fn step(&self, due: &Due) -> Step {
        Step { trigger_id: due.trigger_id, from: due.next_at, to: self.next, decided_at: self.decided_at }
    }

    /// What it took, whoever moves it on.
    pub(crate) fn accepted(&self) -> Option<(TriggerId, Counts)> {
        (self.counts != Counts::default()).then_some((self.armed.trigger_id, self.counts))
    }

    /// How much is left out.
    pub(crate) fn refused(&self) -> Option<(TriggerId, Counts)> {
        let rejected = self.left_out.iter().map(|(_, _, count)| *count as u64).sum();
        (rejected > 0).then_some((self.armed.trigger_id, Counts { rejected, ..Counts::default() }))
    }

    /// What is to wait.
    pub(crate) fn queued(&self, now: Timestamp) -> impl Iterator<Item = Queued> {
        self.made.queue.iter().map(move |nominal_at| Queued {
            org_id: self.armed.org_id,
            trigger_id: self.armed.trigger_id,
            nominal_at: *nominal_at,
            cause: Cause::Overlap,
            in_turn: true,
            queued_at: now,
        })
    }

    /// The entries about what is left out.
    pub(crate) fn entries(&self, now: Timestamp) -> impl Iterator<Item = AuditEntry> {
        self.left_out.iter().map(move |(action, reason, _)| entry(&self.armed, action, reason.clone(), now))
    }
}

/// The run of a firing.
pub(crate) fn run(armed: &Armed, nominal_time: Timestamp, remembered: Timestamp) -> NewRun {
    NewRun {
        run_id: RunId::random(),
        org_id: armed.org_id,
        workflow_id: armed.workflow_id,
        account_id: armed.base_account,
        initiator: Initiator { kind: InitiatorKind::Schedule, id: Some(armed.trigger_id.to_string()) },
        trigger_id: Some(armed.trigger_id),
        parent: None,
        credential: None,
        dedup: Some(DedupKey { key: nominal_time.to_string(), expires_at: remembered }),
        event: EventSource::New {
            input: EventInput::Schedule { nominal_time, test: false },
            payload: Vec::new(),
        },
        replay_of: None,
        due_at: None,
        origin: Origin::default(),
    }
}

/// Until when a firing out of the queue is remembered.
pub(crate) fn remembered(cause: Cause, nominal_time: Timestamp, now: Timestamp, window_s: u64) -> Timestamp {
    let long = if cause == Cause::Backfill { FOR_GOOD } else { REMEMBERED };
    now.max(nominal_time).plus(long).plus(Duration::from_secs(window_s))
}

/// Cancels what the new firing takes the place of. A crash after this finds nothing more to cancel, and fires.
async fn cancel(storage: &Storage, armed: &Armed, overlap: Overlap) -> Result<(), StorageError> {
    let now = storage.clock().now();
    let mut tx = storage.write().await?;
    let whose = (armed.org_id, armed.trigger_id);
    let entry = |run: RunId| {
        let mut entry = entry(armed, "run.cancel", "overlap: a newer firing takes its place".to_owned(), now);
        entry.outcome = AuditOutcome::Ok;
        entry.run_id = Some(run);
        entry.targets = vec![Target::new("run", run)];
        entry
    };
    let ended = runs::cancel_of_trigger(&mut tx, whose, overlap == Overlap::Replace, entry, now).await?;
    tx.commit().await?;
    storage.tell_cancelled(&ended, ErrorCode::Cancelled);
    Ok(())
}

/// An entry about a schedule, by the base account that it runs as.
pub(crate) fn entry(armed: &Armed, action: &str, reason: String, now: Timestamp) -> AuditEntry {
    let actor =
        Principal { id: armed.base_account, kind: AccountKind::Base, name: BASE_ACCOUNT_NAME.to_owned() };
    let initiator = AuditInitiator {
        kind: InitiatorKind::Schedule,
        trigger_id: Some(armed.trigger_id),
        external_ref: None,
    };
    let mut entry = AuditEntry::new(armed.org_id, now, action, AuditOutcome::Error, actor, initiator);
    entry.reason = Some(reason);
    entry.workflow = Some(armed.workflow.clone());
    entry.targets = vec![Target::new("trigger", armed.trigger_id)];
    entry
}
