//! Setting when a schedule is due: when its trigger is made, changed or resumed. What must hold: this is written in the transaction
//! that makes the change, so that no schedule is ever without its next time.

use factotum_model::trigger::{ScheduleConfig, TriggerKind};
use factotum_model::{AccountId, OrgId, Timestamp, TriggerId, WorkflowId};
use factotum_storage::triggers::{self, NewTrigger, Trigger};
use factotum_storage::{StorageError, Tx, schedules};

use crate::calendar::Schedule;

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
    schedules::set(tx, org, trigger.id, schedule.next_after(now)).await?;
    Ok(trigger)
}

/// Changes a schedule's configuration: it goes by the new one from `now` on. Whether it was there.
pub async fn update(
    tx: &mut Tx,
    trigger: &Trigger,
    config: (&ScheduleConfig, &Schedule),
    now: Timestamp,
) -> Result<bool, StorageError> {
    let (config, schedule) = config;
    let changed = triggers::update(tx, trigger.org_id, trigger.id, &plain(config)?, None, now).await?;
    if changed {
        schedules::set(tx, trigger.org_id, trigger.id, schedule.next_after(now)).await?;
    }
    Ok(changed)
}

/// Sets a schedule that is being resumed to the first time since its pause; its policy decides about what was missed.
/// `trigger` as it was while paused. To be called in the transaction that resumes it.
pub async fn resume(tx: &mut Tx, trigger: &Trigger) -> Result<(), StorageError> {
    let Some(paused_at) = trigger.paused_at.filter(|_| trigger.kind == TriggerKind::Schedule) else {
        return Ok(());
    };
    let damaged = |reason: String| StorageError::Damaged { place: "triggers.config", reason };
    let config: ScheduleConfig =
        serde_json::from_value(trigger.config.clone()).map_err(|e| damaged(e.to_string()))?;
    let schedule = Schedule::parse(&config).map_err(|e| damaged(e.to_string()))?;
    schedules::set(tx, trigger.org_id, trigger.id, schedule.next_after(paused_at)).await
}

fn plain(config: &ScheduleConfig) -> Result<serde_json::Value, StorageError> {
    serde_json::to_value(config)
        .map_err(|e| StorageError::Damaged { place: "triggers.config", reason: e.to_string() })
}
