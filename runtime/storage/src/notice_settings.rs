//! When an organization's notices go out, and what differs for single workflows. What must hold: without a row the defaults hold.

use std::collections::{BTreeMap, BTreeSet};

use factotum_model::notice::{NoticeSettings, WorkflowNotices};
use factotum_model::{OrgId, Timestamp, WorkflowId};

use crate::connection::{Row, Tx};
use crate::error::StorageError;

fn count(row: &Row, column: usize) -> Result<u32, StorageError> {
    row.get::<i64>(column).map(|n| u32::try_from(n).unwrap_or(0))
}

/// Those of an organization.
pub async fn get(tx: &mut Tx, org: OrgId) -> Result<NoticeSettings, StorageError> {
    let row = tx
        .query("SELECT admins, after_failures, gather_s, interval_s, reminder_h FROM notice_settings WHERE org_id = $1")
        .bind(org.0)
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(NoticeSettings::default()) };
    Ok(NoticeSettings {
        admins: count(&row, 0)? != 0,
        after_failures: count(&row, 1)?,
        gather_s: count(&row, 2)?,
        interval_s: count(&row, 3)?,
        reminder_h: count(&row, 4)?,
    })
}

/// Sets them.
pub async fn put(
    tx: &mut Tx,
    org: OrgId,
    settings: &NoticeSettings,
    now: Timestamp,
) -> Result<(), StorageError> {
    tx.query(
        "INSERT INTO notice_settings (org_id, admins, after_failures, gather_s, interval_s, reminder_h, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (org_id) DO UPDATE SET admins = excluded.admins, \
         after_failures = excluded.after_failures, gather_s = excluded.gather_s, interval_s = excluded.interval_s, \
         reminder_h = excluded.reminder_h, updated_at = excluded.updated_at",
    )
    .bind(org.0)
    .bind(i64::from(settings.admins))
    .bind(i64::from(settings.after_failures))
    .bind(i64::from(settings.gather_s))
    .bind(i64::from(settings.interval_s))
    .bind(i64::from(settings.reminder_h))
    .bind(now.as_micros())
    .execute()
    .await
    .map(drop)
}

/// What differs for a workflow.
pub async fn of_workflow(tx: &mut Tx, workflow: WorkflowId) -> Result<WorkflowNotices, StorageError> {
    let row = tx
        .query("SELECT muted, after_failures FROM workflow_notices WHERE workflow_id = $1")
        .bind(workflow.0)
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(WorkflowNotices::default()) };
    let after_failures = row.get::<Option<i64>>(1)?.and_then(|n| u32::try_from(n).ok());
    Ok(WorkflowNotices { muted: count(&row, 0)? != 0, after_failures })
}

/// Sets what differs for a workflow.
pub async fn put_of_workflow(
    tx: &mut Tx,
    workflow: WorkflowId,
    own: &WorkflowNotices,
) -> Result<(), StorageError> {
    tx.query(
        "INSERT INTO workflow_notices (workflow_id, muted, after_failures) VALUES ($1, $2, $3) \
         ON CONFLICT (workflow_id) DO UPDATE SET muted = excluded.muted, after_failures = excluded.after_failures",
    )
    .bind(workflow.0)
    .bind(i64::from(own.muted))
    .bind(own.after_failures.map(i64::from))
    .execute()
    .await
    .map(drop)
}

/// Of these workflows, the own thresholds of those that have one.
pub(crate) async fn thresholds(
    tx: &mut Tx,
    workflows: &BTreeSet<WorkflowId>,
) -> Result<BTreeMap<WorkflowId, u32>, StorageError> {
    let workflows: Vec<WorkflowId> = workflows.iter().copied().collect();
    let rows = tx
        .insert_rows(
            "SELECT n.workflow_id, n.after_failures FROM (VALUES {rows}) AS v JOIN workflow_notices n ON n.workflow_id = v.column1 \
             WHERE n.after_failures IS NOT NULL",
            1,
            &workflows,
            |s, workflow| s.bind(workflow.0),
        )
        .await?;
    rows.iter().map(|row| Ok((row.id(0)?, count(row, 1)?))).collect()
}
