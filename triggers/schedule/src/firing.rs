//! One due schedule: what it fires, and how that goes into the database. What must hold: a firing's dedup key is its nominal
//! time, so a repeated attempt, on whichever node, makes no second event; a schedule moves on only when all that it fires is
//! committed, and whatever is left out is put on the record in the same transaction.

use std::time::Duration;

use factotum_model::account::BASE_ACCOUNT_NAME;
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::trigger::{Overlap, ScheduleConfig, TriggerKind};
use factotum_model::{AccountKind, EventInput, Initiator, InitiatorKind, Principal, RunId, Timestamp};
use factotum_storage::accept::{AcceptError, Accepted, DedupKey, EventSource, NewRun, Origin};
use factotum_storage::schedules::Due;
use factotum_storage::triggers::{Counts, Trigger};
use factotum_storage::{Storage, StorageError, Tx, runs, schedules, triggers};

use crate::calendar::Schedule;
use crate::missed::{LeftOut, catch_up};

/// For how long a firing is remembered beyond the window in which it may be made up for.
const REMEMBERED: Duration = Duration::from_hours(30 * 24);
/// When a schedule is looked at again whose configuration cannot be read: a zone that this machine does not know.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// What is to be done about a due schedule.
#[derive(Debug, Clone)]
pub(crate) enum Plan {
    /// Nothing: it was moved on by another node, changed or deleted meanwhile.
    Done,
    /// Only move on.
    Move { to: Option<Timestamp> },
    /// Fire, then move on.
    Fire(Box<Firing>),
}

/// Firings of one schedule.
#[derive(Debug, Clone)]
pub(crate) struct Firing {
    trigger: Trigger,
    config: ScheduleConfig,
    /// Nominal times still to be accepted, oldest first.
    times: Vec<Timestamp>,
    skipped: Option<(&'static str, String)>,
    next: Option<Timestamp>,
    counts: Counts,
}

/// Reads what a schedule is now, and decides. `noticed` is when its time was seen to have come.
pub(crate) async fn plan(tx: &mut Tx, due: Due, noticed: Timestamp) -> Result<Plan, StorageError> {
    if schedules::get(tx, due.trigger_id).await? != Some(due.next_at) {
        return Ok(Plan::Done);
    }
    let trigger = triggers::get(tx, due.org_id, due.trigger_id).await?;
    let Some(trigger) = trigger.filter(|t| t.kind == TriggerKind::Schedule) else {
        return Ok(Plan::Move { to: None });
    };
    let (config, schedule) = match read(&trigger) {
        Ok(read) => read,
        Err(reason) => {
            tracing::error!(trigger = %trigger.id, reason, "a schedule cannot be read; it does not fire");
            return Ok(Plan::Move { to: Some(noticed.plus(LOOK_AGAIN)) });
        }
    };
    if trigger.paused_at.is_some() {
        // It keeps its place in the calendar; resuming decides about what was missed.
        return Ok(Plan::Move { to: schedule.next_after(noticed) });
    }
    let caught = catch_up(&schedule, &config.missed, due.next_at.minus(Duration::from_micros(1)), noticed);
    let mut skipped = caught.left_out.map(|left| ("missed", missed_reason(&left, &config)));
    let mut times = caught.fire;
    if config.overlap == Overlap::Skip && !times.is_empty() {
        // Of several at once, one could run without overlapping the others: the newest.
        times.drain(..times.len() - 1);
        if runs::unfinished_of_trigger(tx, trigger.org_id, trigger.id).await? > 0 {
            let at = times.pop().unwrap_or(due.next_at);
            skipped = Some((
                "overlap",
                format!("overlap: the firing of {at} was left out, the one before is still going on"),
            ));
        }
    }
    let next = schedule.next_after(noticed.max(due.next_at));
    Ok(Plan::Fire(Box::new(Firing { trigger, config, times, skipped, next, counts: Counts::default() })))
}

fn read(trigger: &Trigger) -> Result<(ScheduleConfig, Schedule), String> {
    let config: ScheduleConfig = serde_json::from_value(trigger.config.clone()).map_err(|e| e.to_string())?;
    let schedule = Schedule::parse(&config).map_err(|e| e.to_string())?;
    Ok((config, schedule))
}

fn missed_reason(left: &LeftOut, config: &ScheduleConfig) -> String {
    let at_least = if left.or_more { "at least " } else { "" };
    let policy = serde_json::to_value(config.missed.policy).unwrap_or_default();
    format!(
        "missed: {at_least}{} firing(s) from {} on were left out (policy {policy}, window {} s)",
        left.count, left.first, config.missed.window_s
    )
}

impl Firing {
    /// Accepts what is to be fired, oldest first. What was accepted is not repeated by a later attempt.
    pub(crate) async fn accept(&mut self, storage: &Storage) -> Result<(), AcceptError> {
        while let Some(nominal_time) = self.times.first().copied() {
            match storage.journal().accept(self.run(nominal_time, storage)).await? {
                Accepted::New(_) => self.counts.accepted += 1,
                Accepted::Duplicate(_) => self.counts.duplicates += 1,
            }
            self.times.remove(0);
        }
        Ok(())
    }

    fn run(&self, nominal_time: Timestamp, storage: &Storage) -> NewRun {
        let trigger = &self.trigger;
        let window = Duration::from_secs(self.config.missed.window_s);
        NewRun {
            run_id: RunId::random(),
            org_id: trigger.org_id,
            workflow_id: trigger.workflow_id,
            account_id: trigger.base_account,
            initiator: Initiator { kind: InitiatorKind::Schedule, id: Some(trigger.id.to_string()) },
            trigger_id: Some(trigger.id),
            parent: None,
            credential: None,
            dedup: Some(DedupKey {
                key: nominal_time.to_string(),
                expires_at: storage.clock().now().max(nominal_time).plus(REMEMBERED).plus(window),
            }),
            event: EventSource::New { input: EventInput::Schedule { nominal_time }, payload: Vec::new() },
            replay_of: None,
            due_at: None,
            origin: Origin::default(),
        }
    }

    /// When it is due next.
    pub(crate) const fn next(&self) -> Option<Timestamp> {
        self.next
    }

    /// What is written when the schedule moves on.
    pub(crate) fn count(&self) -> Option<(factotum_model::TriggerId, Counts)> {
        (self.counts != Counts::default()).then_some((self.trigger.id, self.counts))
    }

    /// The entry about what is left out.
    pub(crate) fn entry(&self, now: Timestamp) -> Option<AuditEntry> {
        let (what, reason) = self.skipped.as_ref()?;
        let trigger = &self.trigger;
        let actor = Principal {
            id: trigger.base_account,
            kind: AccountKind::Base,
            name: BASE_ACCOUNT_NAME.to_owned(),
        };
        let initiator = AuditInitiator {
            kind: InitiatorKind::Schedule,
            trigger_id: Some(trigger.id),
            external_ref: None,
        };
        let action = if *what == "missed" { "schedule.miss" } else { "schedule.skip" };
        let mut entry = AuditEntry::new(trigger.org_id, now, action, AuditOutcome::Error, actor, initiator);
        entry.reason = Some(reason.clone());
        entry.workflow = Some(trigger.workflow.clone());
        entry.targets = vec![Target::new("trigger", trigger.id)];
        Some(entry)
    }
}
