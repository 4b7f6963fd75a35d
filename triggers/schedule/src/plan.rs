//! What is to be done about a schedule that is due. What must hold: it is decided from what the database says now; a time that was fired already, by another node
//! or before a crash, is neither fired nor reported again; nothing is left out silently.

use std::sync::Arc;
use std::time::Duration;

use factotum_model::Timestamp;
use factotum_model::trigger::{MAX_QUEUED_FIRINGS, Overlap};
use factotum_storage::schedules::{self, Armed, Due};
use factotum_storage::{StorageError, Tx, runs, schedule_queue};

use crate::firing::{Firing, Made};
use crate::jitter;
use crate::missed::{LeftOut, catch_up};
use crate::read::Read;

/// When a schedule is looked at again whose configuration cannot be read: a zone that this machine does not know.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// What is to be done about a due schedule.
#[derive(Debug)]
pub(crate) enum Plan {
    /// Nothing: it was moved on by another node, changed or deleted meanwhile.
    Done,
    /// Only move on: to when, and up to when it is decided then.
    Move { to: Option<Timestamp>, decided_at: Timestamp },
    /// Fire, then move on.
    Fire(Box<Firing>),
}

/// Decides about a schedule that stands in memory as `due`. `noticed` is when its time was seen to have come, `armed` what the database says of it now.
pub(crate) async fn plan(
    tx: &mut Tx,
    due: Due,
    noticed: Timestamp,
    armed: Option<&Armed>,
    read: Result<Arc<Read>, String>,
) -> Result<Plan, StorageError> {
    let Some(armed) = armed else {
        return Ok(Plan::Move { to: None, decided_at: due.decided_at });
    };
    let Some(stands) = armed.due.filter(|stands| stands.next_at == due.next_at) else {
        return Ok(Plan::Done);
    };
    let read = match read {
        Ok(read) => read,
        Err(reason) => {
            tracing::error!(trigger = %armed.trigger_id, reason, "a schedule cannot be read; it does not fire");
            return Ok(Plan::Move { to: Some(noticed.plus(LOOK_AGAIN)), decided_at: stands.decided_at });
        }
    };
    // Nominal times that have come: it fires each that much later.
    let now = noticed.minus(stands.delay);
    let next_after = |at: Timestamp| read.schedule.next_after(at).map(|at| at.plus(stands.delay));
    if armed.paused_at.is_some() {
        // It keeps its place in the calendar; resuming decides about what was missed.
        return Ok(Plan::Move { to: next_after(now), decided_at: stands.decided_at });
    }
    let last = stands.decided_at.min(stands.nominal().minus(Duration::from_micros(1)));
    let caught = catch_up(&read.schedule, &read.config.missed, last, now);
    let mut left_out = Vec::new();
    if let Some(missed) = caught.left_out {
        left_out.push(("schedule.miss", missed_reason(&missed, &read), missed.count));
    }
    let made = match read.config.overlap {
        Overlap::Allow => Made { fire: caught.fire, ..Made::default() },
        overlap => {
            // What was accepted already is done with, whoever did it.
            let known = schedules::fired(tx, armed.trigger_id, &caught.fire, noticed).await?;
            let times = caught.fire.into_iter().filter(|at| !known.contains(at)).collect();
            overlapping(tx, armed, overlap, times, &mut left_out).await?
        }
    };
    let decided_at = now.max(stands.nominal());
    let next = next_after(decided_at);
    Ok(Plan::Fire(Box::new(Firing::of(armed.clone(), read, made, left_out, (next, decided_at)))))
}

/// What becomes of firings while runs of the trigger may go on.
async fn overlapping(
    tx: &mut Tx,
    armed: &Armed,
    overlap: Overlap,
    mut times: Vec<Timestamp>,
    left_out: &mut Vec<(&'static str, String, usize)>,
) -> Result<Made, StorageError> {
    let mut made = Made::default();
    if times.is_empty() {
        return Ok(made);
    }
    let mut leave_out = |times: &[Timestamp], why: &str| {
        if let Some(first) = times.first() {
            let reason = match times.len() {
                1 => format!("overlap: the firing of {first} was left out, {why}"),
                n => format!("overlap: {n} firings from {first} on were left out, {why}"),
            };
            left_out.push(("schedule.skip", reason, times.len()));
        }
    };
    if matches!(overlap, Overlap::CancelRunning | Overlap::Replace) {
        // Of several at once, all but the newest would be cancelled.
        let newest = times.split_off(times.len() - 1);
        leave_out(&times, "only the newest of several at once is fired");
        made.cancel = Some(overlap);
        made.fire = newest;
        return Ok(made);
    }
    let waiting = schedule_queue::waiting(tx, armed.trigger_id).await?;
    let busy = waiting > 0 || runs::unfinished_of_trigger(tx, armed.org_id, armed.trigger_id).await? > 0;
    if overlap == Overlap::Skip {
        let newest = times.split_off(times.len() - 1);
        leave_out(&times, "only the newest of several at once is fired");
        if busy {
            leave_out(&newest, "the one before is still going on");
        } else {
            made.fire = newest;
        }
        return Ok(made);
    }
    let most = if overlap == Overlap::QueueOne { 1 } else { MAX_QUEUED_FIRINGS };
    let waiting = usize::try_from(waiting).unwrap_or(usize::MAX);
    let first = usize::from(!busy);
    made.queue = times.split_off(first.min(times.len()));
    made.fire = times;
    let room = most.saturating_sub(waiting).min(made.queue.len());
    let too_many = made.queue.split_off(room);
    let why = if most == 1 { "one waits already".to_owned() } else { format!("{most} wait already") };
    leave_out(&too_many, &why);
    Ok(made)
}

/// What the audit trail says about firings that were missed.
pub(crate) fn missed_reason(left: &LeftOut, read: &Read) -> String {
    let missed = &read.config.missed;
    let at_least = if left.or_more { "at least " } else { "" };
    let policy = serde_json::to_value(missed.policy).unwrap_or_default();
    format!(
        "missed: {at_least}{} firing(s) from {} on were left out (policy {policy}, window {} s)",
        left.count, left.first, missed.window_s
    )
}

/// The delay of a trigger of this configuration.
pub(crate) fn delay(trigger: factotum_model::TriggerId, read: &Read) -> Duration {
    jitter::delay(trigger, read.config.jitter_s)
}
