//! How workflows do whose runs fail: a row for each of them, and none for a workflow whose runs succeed. Written beside the audit trail, so that no finish pays for it.
//! What must hold: each end of a run counts once, in the order in which it was sealed; a row is changed only by who holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use factotum_model::notice::{Health, NoticeSettings, Tell};
use factotum_model::{OrgId, RunId, RunState, Timestamp, WorkflowId};
use uuid::Uuid;

use crate::connection::{Row, Tx};
use crate::error::StorageError;
use crate::notice_settings;

/// An end that is told of later than this is history: it starts nothing.
const NEWS_FOR: Duration = Duration::from_hours(24);
/// How many workflows of an organization are told of at a time.
const AT_A_TIME: i64 = 10_000;

const SELECT: &str = "SELECT workflow_id, failing, streak, failures, since, first_run, last_at, last_run, recovered_at, recovered_run, \
    changed_at, told, told_at, untold FROM workflow_failures";

/// The end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Which.
    pub run: RunId,
    /// Of which workflow.
    pub workflow: WorkflowId,
    /// How it ended.
    pub state: RunState,
    /// When.
    pub at: Timestamp,
}

/// Takes note of ends of runs, in their order. Where all succeed and none had failed before, it reads one index and writes nothing.
pub async fn note(tx: &mut Tx, org: OrgId, ends: &[End], now: Timestamp) -> Result<(), StorageError> {
    let news = now.minus(NEWS_FOR);
    let tells = |end: &&End| {
        end.at >= news && matches!(end.state, RunState::Failed | RunState::Dead | RunState::Succeeded)
    };
    let ends: Vec<&End> = ends.iter().filter(tells).collect();
    let touched: BTreeSet<WorkflowId> = ends.iter().map(|end| end.workflow).collect();
    let mut known = held(tx, &touched).await?;
    let failed = |end: &&&End| end.state != RunState::Succeeded;
    let changed: BTreeSet<WorkflowId> =
        ends.iter().filter(failed).map(|end| end.workflow).chain(known.keys().copied()).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let settings = notice_settings::get(tx, org).await?;
    let own = notice_settings::thresholds(tx, &changed).await?;
    for end in ends.into_iter().filter(|end| changed.contains(&end.workflow)) {
        let threshold = own.get(&end.workflow).copied().unwrap_or(settings.after_failures);
        if end.state == RunState::Succeeded {
            if let Some(health) = known.get_mut(&end.workflow) {
                health.succeeded(end.at, end.run);
            }
        } else {
            let health =
                known.entry(end.workflow).or_insert_with(|| Health::after_first_failure(end.at, end.run));
            health.failed(end.at, end.run, threshold);
        }
    }
    keep(tx, org, &known, &settings, now).await
}

/// The rows of these workflows, held until the transaction ends.
async fn held(
    tx: &mut Tx,
    workflows: &BTreeSet<WorkflowId>,
) -> Result<BTreeMap<WorkflowId, Health>, StorageError> {
    let workflows: Vec<WorkflowId> = workflows.iter().copied().collect();
    let rows = tx
        .insert_rows(
            "SELECT workflow_id, failing, streak, failures, since, first_run, last_at, last_run, recovered_at, recovered_run, \
             changed_at, told, told_at, untold FROM workflow_failures \
             WHERE workflow_id IN (SELECT v.column1 FROM (VALUES {rows}) AS v) ORDER BY workflow_id /*UPDATE*/",
            1,
            &workflows,
            |s, workflow| s.bind(workflow.0),
        )
        .await?;
    rows.iter().map(read).collect()
}

/// Writes rows, and removes those that there is nothing to remember of.
async fn keep(
    tx: &mut Tx,
    org: OrgId,
    all: &BTreeMap<WorkflowId, Health>,
    settings: &NoticeSettings,
    now: Timestamp,
) -> Result<(), StorageError> {
    let (past, kept): (Vec<_>, Vec<_>) = all.iter().partition(|(_, health)| health.is_past(settings, now));
    for (workflow, _) in past {
        forget(tx, *workflow).await?;
    }
    tx.insert_rows(
        "INSERT INTO workflow_failures (workflow_id, org_id, failing, streak, failures, since, first_run, last_at, last_run, recovered_at, \
         recovered_run, changed_at, told, told_at, untold) VALUES {rows} ON CONFLICT (workflow_id) DO UPDATE SET failing = excluded.failing, \
         streak = excluded.streak, failures = excluded.failures, since = excluded.since, first_run = excluded.first_run, \
         last_at = excluded.last_at, last_run = excluded.last_run, recovered_at = excluded.recovered_at, recovered_run = excluded.recovered_run, \
         changed_at = excluded.changed_at, told = excluded.told, told_at = excluded.told_at, untold = excluded.untold",
        15,
        &kept,
        |s, (workflow, health)| {
            s.bind(workflow.0)
                .bind(org.0)
                .bind(i64::from(health.failing))
                .bind(health.streak as i64)
                .bind(health.failures as i64)
                .bind(health.since.as_micros())
                .bind(health.first_run.0)
                .bind(health.last_at.as_micros())
                .bind(health.last_run.0)
                .bind(health.recovered.map(|(at, _)| at.as_micros()))
                .bind(health.recovered.map(|(_, run)| run.0))
                .bind(health.changed_at.as_micros())
                .bind(i64::from(health.told))
                .bind(health.told_at.map(Timestamp::as_micros))
                .bind(health.untold as i64)
        },
    )
    .await
    .map(drop)
}

async fn forget(tx: &mut Tx, workflow: WorkflowId) -> Result<(), StorageError> {
    let sql = "DELETE FROM workflow_failures WHERE workflow_id = $1";
    tx.query(sql).bind(workflow.0).execute().await.map(drop)
}

fn read(row: &Row) -> Result<(WorkflowId, Health), StorageError> {
    let recovered = row.maybe_time(8)?.zip(row.get::<Option<Uuid>>(9)?.map(RunId));
    let number = |column| row.get::<i64>(column).map(i64::unsigned_abs);
    let health = Health {
        failing: number(1)? != 0,
        streak: number(2)?,
        failures: number(3)?,
        since: row.time(4)?,
        first_run: row.id(5)?,
        last_at: row.time(6)?,
        last_run: row.id(7)?,
        recovered,
        changed_at: row.time(10)?,
        told: number(11)? != 0,
        told_at: row.maybe_time(12)?,
        untold: number(13)?,
    };
    Ok((row.id(0)?, health))
}

/// The organizations in which there may be something to tell: what is not as it was told, and, if asked, workflows that go on failing.
pub async fn organizations(tx: &mut Tx, with_reminders: bool) -> Result<Vec<OrgId>, StorageError> {
    let sql = if with_reminders {
        "SELECT DISTINCT org_id FROM workflow_failures WHERE (failing <> told OR (told = 1 AND untold > 0)) \
         AND NOT EXISTS (SELECT 1 FROM workflow_notices n WHERE n.workflow_id = workflow_failures.workflow_id AND n.muted = 1)"
    } else {
        "SELECT DISTINCT org_id FROM workflow_failures WHERE failing <> told \
         AND NOT EXISTS (SELECT 1 FROM workflow_notices n WHERE n.workflow_id = workflow_failures.workflow_id AND n.muted = 1)"
    };
    let rows = tx.query(sql).fetch_all().await?;
    rows.iter().map(|row| row.id(0)).collect()
}

/// Of an organization, what is not as it was told, and what goes on failing. In a transaction that writes the rows are held until its end.
pub async fn untold(tx: &mut Tx, org: OrgId) -> Result<Vec<(WorkflowId, Health)>, StorageError> {
    let rows = tx
        .query(
            "SELECT workflow_id, failing, streak, failures, since, first_run, last_at, last_run, recovered_at, recovered_run, \
             changed_at, told, told_at, untold FROM workflow_failures \
             WHERE org_id = $1 AND (failing <> told OR (told = 1 AND untold > 0)) \
             AND NOT EXISTS (SELECT 1 FROM workflow_notices n WHERE n.workflow_id = workflow_failures.workflow_id AND n.muted = 1) ORDER BY workflow_id LIMIT $2 /*UPDATE*/",
        )
        .bind(org.0)
        .bind(AT_A_TIME)
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// Writes down that these were told; the caller holds their rows.
pub async fn were_told(
    tx: &mut Tx,
    org: OrgId,
    told: &[(WorkflowId, Health, Tell)],
    settings: &NoticeSettings,
    now: Timestamp,
) -> Result<(), StorageError> {
    let told = told.iter().map(|(workflow, health, tell)| {
        let mut health = *health;
        health.was_told(*tell, now);
        (*workflow, health)
    });
    keep(tx, org, &told.collect(), settings, now).await
}

/// Removes rows of workflows that are deleted, and those that nothing more comes of; how many.
pub async fn sweep(tx: &mut Tx, now: Timestamp) -> Result<u64, StorageError> {
    let interval = Duration::from_secs(factotum_model::notice::MAX_INTERVAL_S.into());
    tx.query(
        "DELETE FROM workflow_failures WHERE (failing = 0 AND told = 0 AND streak = 0 AND (told_at IS NULL OR told_at < $1)) \
         OR EXISTS (SELECT 1 FROM workflows w WHERE w.id = workflow_failures.workflow_id AND w.deleted_at IS NOT NULL)",
    )
    .bind(now.minus(interval).as_micros())
    .execute()
    .await
}

/// How one workflow does, if its runs failed lately.
pub async fn of_workflow(tx: &mut Tx, workflow: WorkflowId) -> Result<Option<Health>, StorageError> {
    let row =
        tx.query_built(format!("{SELECT} WHERE workflow_id = $1")).bind(workflow.0).fetch_optional().await?;
    row.as_ref().map(|row| read(row).map(|(_, health)| health)).transpose()
}

/// Which of these workflows count as failing.
pub async fn failing_of(
    tx: &mut Tx,
    workflows: &[WorkflowId],
) -> Result<BTreeMap<WorkflowId, Health>, StorageError> {
    let rows = tx
        .insert_rows(
            "SELECT workflow_id, failing, streak, failures, since, first_run, last_at, last_run, recovered_at, recovered_run, \
             changed_at, told, told_at, untold FROM workflow_failures \
             WHERE failing = 1 AND workflow_id IN (SELECT v.column1 FROM (VALUES {rows}) AS v)",
            1,
            workflows,
            |s, workflow| s.bind(workflow.0),
        )
        .await?;
    rows.iter().map(read).collect()
}

/// A workflow that counts as failing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// Its name.
    pub name: String,
    /// How it does.
    pub health: Health,
    /// Whether nobody is told of it.
    pub muted: bool,
}

/// The workflows of an organization that count as failing, those that fail longest first.
pub async fn failing(tx: &mut Tx, org: OrgId, limit: u32) -> Result<Vec<Failing>, StorageError> {
    let rows = tx
        .query(
            "SELECT f.workflow_id, f.failing, f.streak, f.failures, f.since, f.first_run, f.last_at, f.last_run, f.recovered_at, f.recovered_run, \
             f.changed_at, f.told, f.told_at, f.untold, w.name, n.muted FROM workflow_failures f \
             JOIN workflows w ON w.id = f.workflow_id AND w.deleted_at IS NULL LEFT JOIN workflow_notices n ON n.workflow_id = f.workflow_id \
             WHERE f.org_id = $1 AND f.failing = 1 ORDER BY f.since, f.workflow_id LIMIT $2",
        )
        .bind(org.0)
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter()
        .map(|row| {
            let (_, health) = read(row)?;
            Ok(Failing { name: row.get(14)?, health, muted: row.get::<Option<i64>>(15)? == Some(1) })
        })
        .collect()
}

/// What a notice names of a workflow beside how it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Whether it is there, and nobody muted it.
    pub is_told_of: bool,
}

/// The names of workflows.
pub async fn names(
    tx: &mut Tx,
    workflows: &[WorkflowId],
) -> Result<BTreeMap<WorkflowId, Named>, StorageError> {
    let rows = tx
        .insert_rows(
            "SELECT w.id, w.name, w.deleted_at, n.muted FROM (VALUES {rows}) AS v JOIN workflows w ON w.id = v.column1 \
             LEFT JOIN workflow_notices n ON n.workflow_id = w.id",
            1,
            workflows,
            |s, workflow| s.bind(workflow.0),
        )
        .await?;
    rows.iter()
        .map(|row| {
            let (deleted, muted) = (row.maybe_time(2)?.is_some(), row.get::<Option<i64>>(3)? == Some(1));
            Ok((row.id(0)?, Named { name: row.get(1)?, is_told_of: !deleted && !muted }))
        })
        .collect()
}

/// The last errors of runs: code and message.
pub async fn errors(tx: &mut Tx, runs: &[RunId]) -> Result<BTreeMap<RunId, (String, String)>, StorageError> {
    let rows = tx
        .insert_rows(
            "SELECT r.id, r.error_code, r.error_message FROM (VALUES {rows}) AS v JOIN runs r ON r.id = v.column1 \
             WHERE r.error_code IS NOT NULL",
            1,
            runs,
            |s, run| s.bind(run.0),
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.id(0)?, (row.get(1)?, row.get::<Option<String>>(2)?.unwrap_or_default()))))
        .collect()
}
