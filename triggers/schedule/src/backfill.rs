//! Making up for a range of time: which firings a schedule had, or would have had, in it. What must hold: what is shown before is what is done; each nominal time
//! is fired once, however often somebody asks; the work is bounded.

use factotum_model::Timestamp;
use factotum_model::trigger::{MAX_BACKFILL, Overlap, ScheduleConfig};
use factotum_storage::schedule_queue::{self, Cause, Queued};
use factotum_storage::triggers::Trigger;
use factotum_storage::{StorageError, Tx, schedules};

use crate::calendar::Schedule;
use crate::firing::REMEMBERED;

/// What a backfill would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backfill {
    /// The nominal times that are fired, oldest first.
    pub fire: Vec<Timestamp>,
    /// How many of the range were fired already, and are not fired again.
    pub fired_already: usize,
    /// Whether one waits for the run of the one before.
    pub in_turn: bool,
}

/// Why a range cannot be backfilled.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// It ends before it begins, or has no length.
    #[error("`until` must be later than `from`")]
    Order,
    /// It reaches beyond now.
    #[error("`until` lies in the future: what is due then fires by itself")]
    Future,
    /// More than [`MAX_BACKFILL`].
    #[error(
        "there are more than {MAX_BACKFILL} firings between; the first {MAX_BACKFILL} end before {0}: ask for less at a time"
    )]
    TooMany(Timestamp),
    /// Nobody knows any more what of it was fired.
    #[error(
        "what was fired before {0} is remembered no more, so that part of it might fire a second time; begin there, or say `again` if that may be"
    )]
    Forgotten(Timestamp),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What there is to fire of a schedule from a time on, and before another. `again` allows times that may have been fired so long ago that it is forgotten.
pub async fn plan(
    tx: &mut Tx,
    trigger: &Trigger,
    (config, schedule): (&ScheduleConfig, &Schedule),
    (from, until): (Timestamp, Timestamp),
    (again, now): (bool, Timestamp),
) -> Result<Backfill, BackfillError> {
    if until <= from {
        return Err(BackfillError::Order);
    }
    if until > now {
        return Err(BackfillError::Future);
    }
    // Before the trigger was there it fired nothing; what it fired lately is remembered.
    let remembered = now.minus(REMEMBERED).max(trigger.created_at);
    let just_before = Timestamp::from_micros(from.as_micros().saturating_sub(1));
    let firings = std::iter::successors(schedule.next_after(just_before), |last| schedule.next_after(*last));
    let times: Vec<Timestamp> = firings.take_while(|at| *at < until).take(MAX_BACKFILL + 1).collect();
    if let Some(beyond) = times.get(MAX_BACKFILL) {
        return Err(BackfillError::TooMany(*beyond));
    }
    let known = schedules::fired(tx, trigger.id, &times, now).await?;
    let before = times.len();
    let fire: Vec<Timestamp> = times.into_iter().filter(|at| !known.contains(at)).collect();
    if !again && fire.iter().any(|at| (trigger.created_at..remembered).contains(at)) {
        return Err(BackfillError::Forgotten(remembered));
    }
    Ok(Backfill { fired_already: before - fire.len(), fire, in_turn: config.overlap != Overlap::Allow })
}

/// Puts it into the queue, from which the scheduler fires it.
pub async fn begin(
    tx: &mut Tx,
    trigger: &Trigger,
    what: &Backfill,
    now: Timestamp,
) -> Result<(), StorageError> {
    let firings: Vec<Queued> = what
        .fire
        .iter()
        .map(|nominal_at| Queued {
            org_id: trigger.org_id,
            trigger_id: trigger.id,
            nominal_at: *nominal_at,
            cause: Cause::Backfill,
            in_turn: what.in_turn,
            queued_at: now,
        })
        .collect();
    schedule_queue::add(tx, &firings).await
}
