//! Setting when a schedule is due: when its trigger is made, changed or resumed. What must hold: this is written in the transaction
//! that makes the change, so that no schedule is ever without its next time, and a change loses nothing that was due.

use std::time::Duration;

use factotum_model::trigger::{Overlap, ScheduleConfig, TriggerKind};
use factotum_model::{AccountId, OrgId, Timestamp, TriggerId, WorkflowId};
use factotum_storage::schedule_queue::{self, Cause, Queued};
use factotum_storage::schedules::{self, Armed, Due};
use factotum_storage::triggers::{self, Counts, NewTrigger, Trigger};
use factotum_storage::{StorageError, Tx, audit_entries};

use crate::calendar::Schedule;
use crate::missed::{CatchUp, catch_up, left_out};
use crate::read::{Read, read};
use crate::{firing, jitter, plan};

/// Makes a schedule trigger of a checked configuration, due from `now` on.
pub async fn create(
    tx: &mut Tx,
    workflow: (OrgId, WorkflowId),
    config: (&ScheduleConfig, &Schedule),
    created_by: AccountId,
    now: Timestamp,
) -> Result<Trigger, StorageError> {
    let (org, workflow_id) = workflow;
    let (config, schedule) = config;
    let new = NewTrigger {
        id: TriggerId::random(),
        workflow_id,
        kind: TriggerKind::Schedule,
        config: plain(config)?,
        token_hash: None,
        sealed: None,
        created_by,
    };
    let trigger = triggers::create(tx, org, &new, now).await?;
    set(tx, &trigger, (config, schedule), now).await?;
    Ok(trigger)
}

async fn set(
    tx: &mut Tx,
    trigger: &Trigger,
    (config, schedule): (&ScheduleConfig, &Schedule),
    decided_at: Timestamp,
) -> Result<(), StorageError> {
    let delay = jitter::delay(trigger.id, config.jitter_s);
    let next = schedule.next_after(decided_at);
    schedules::set(tx, (trigger.org_id, trigger.id), next, delay, decided_at).await
}

/// Changes a schedule's configuration: it goes by the new one from `now` on. What was due by the old one and not fired yet is fired soon. Whether it was there.
pub async fn update(
    tx: &mut Tx,
    trigger: &Trigger,
    config: (&ScheduleConfig, &Schedule),
    now: Timestamp,
) -> Result<bool, StorageError> {
    let changed = triggers::update(tx, trigger.org_id, trigger.id, &plain(config.0)?, None, now).await?;
    if changed {
        // A paused one may stand at a later time than the first that it missed.
        let undecided = |stood: &Due| stood.nominal() <= now || trigger.paused_at.is_some();
        if let Some(stood) = schedules::get(tx, trigger.id).await?.filter(undecided) {
            settle(tx, trigger, stood, now).await?;
        }
        set(tx, trigger, config, now).await?;
    }
    Ok(changed)
}

/// Decides about what was due by a configuration that is about to be gone.
async fn settle(tx: &mut Tx, trigger: &Trigger, stood: Due, now: Timestamp) -> Result<(), StorageError> {
    // What cannot be read fires nothing, and its schedule says so in the log since it is due.
    let Ok(old) = read(&trigger.config.to_string()) else { return Ok(()) };
    let last = stood.decided_at.min(stood.nominal().minus(Duration::from_micros(1)));
    let caught = if trigger.paused_at.is_some() {
        CatchUp { fire: Vec::new(), left_out: left_out(&old.schedule, last, now) }
    } else {
        catch_up(&old.schedule, &old.config.missed, last, now)
    };
    let known = schedules::fired(tx, trigger.id, &caught.fire, now).await?;
    let waits = caught.fire.iter().filter(|at| !known.contains(at)).map(|nominal_at| Queued {
        org_id: trigger.org_id,
        trigger_id: trigger.id,
        nominal_at: *nominal_at,
        cause: Cause::Change,
        in_turn: old.config.overlap != Overlap::Allow,
        queued_at: now,
    });
    schedule_queue::add(tx, &waits.collect::<Vec<_>>()).await?;
    if let Some(left) = caught.left_out {
        let reason = plan::missed_reason(&left, &old);
        let entry = firing::entry(&armed(trigger), "schedule.miss", reason, now);
        let rejected = left.count as u64;
        triggers::count(tx, &[(trigger.id, Counts { rejected, ..Counts::default() })]).await?;
        audit_entries::append(tx, &[entry]).await?;
    }
    Ok(())
}

/// Sets a schedule that is being resumed to the first time since its pause; its policy decides about what was missed.
/// `trigger` as it was while paused. To be called in the transaction that resumes it.
pub async fn resume(tx: &mut Tx, trigger: &Trigger) -> Result<(), StorageError> {
    let Some(paused_at) = trigger.paused_at.filter(|_| trigger.kind == TriggerKind::Schedule) else {
        return Ok(());
    };
    let Read { config, schedule } = read(&trigger.config.to_string())
        .map_err(|reason| StorageError::Damaged { place: "triggers.config", reason })?;
    let stood = schedules::get(tx, trigger.id).await?;
    set(tx, trigger, (&config, &schedule), stood.map_or(paused_at, |stood| stood.decided_at)).await
}

fn armed(trigger: &Trigger) -> Armed {
    Armed {
        trigger_id: trigger.id,
        org_id: trigger.org_id,
        workflow_id: trigger.workflow_id,
        workflow: trigger.workflow.clone(),
        base_account: trigger.base_account,
        config: String::new(),
        paused_at: trigger.paused_at,
        due: None,
    }
}

fn plain(config: &ScheduleConfig) -> Result<serde_json::Value, StorageError> {
    serde_json::to_value(config)
        .map_err(|e| StorageError::Damaged { place: "triggers.config", reason: e.to_string() })
}
