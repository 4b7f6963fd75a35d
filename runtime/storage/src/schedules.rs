//! When each schedule is due next. What must hold: the row only moves forward from where its reader saw it, so two nodes
//! that fire the same time move it once; the dedup key makes sure that the firing itself happens once.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use factotum_model::{AccountId, OrgId, Timestamp, TriggerId, WorkflowId};

use crate::connection::{Row, Tx};
use crate::error::StorageError;

/// A schedule that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Its trigger.
    pub trigger_id: TriggerId,
    /// Whose.
    pub org_id: OrgId,
    /// When it fires: its nominal time and the delay.
    pub next_at: Timestamp,
    /// By how much it fires later than its nominal time.
    pub delay: Duration,
    /// All nominal times up to here were fired or left out.
    pub decided_at: Timestamp,
}

impl Due {
    /// The time that the schedule names.
    pub fn nominal(&self) -> Timestamp {
        self.next_at.minus(self.delay)
    }
}

/// A schedule's trigger, with all that a firing needs.
#[derive(Debug, Clone)]
pub struct Armed {
    /// The trigger.
    pub trigger_id: TriggerId,
    /// Whose.
    pub org_id: OrgId,
    /// What it starts.
    pub workflow_id: WorkflowId,
    /// That workflow's name.
    pub workflow: String,
    /// Whom it runs as.
    pub base_account: AccountId,
    /// Its configuration, as JSON.
    pub config: String,
    /// Since when it is paused.
    pub paused_at: Option<Timestamp>,
    /// When it is due next, if ever again.
    pub due: Option<Due>,
}

/// A schedule moves on.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Which.
    pub trigger_id: TriggerId,
    /// From where: the `next_at` that was seen.
    pub from: Timestamp,
    /// To where; `None` if it is due no more.
    pub to: Option<Timestamp>,
    /// Up to when its nominal times are decided about now.
    pub decided_at: Timestamp,
}

const DUE: &str = "SELECT trigger_id, org_id, next_at, delay_us, decided_at FROM schedules";

fn read_due(row: &Row, first: usize) -> Result<Due, StorageError> {
    let next_at = row.time(first + 2)?;
    let delay = Duration::from_micros(u64::try_from(row.get::<i64>(first + 3)?).unwrap_or(0));
    // A schedule that was stored before this was: it stands just before its time.
    let before = next_at.minus(delay).minus(Duration::from_micros(1));
    let decided_at = row.maybe_time(first + 4)?.unwrap_or(before);
    Ok(Due { trigger_id: row.id(first)?, org_id: row.id(first + 1)?, next_at, delay, decided_at })
}

/// Sets where a schedule stands, whatever it was: its next nominal time, `None` if never again; its delay; up to when it is decided.
pub async fn set(
    tx: &mut Tx,
    (org, trigger): (OrgId, TriggerId),
    nominal: Option<Timestamp>,
    delay: Duration,
    decided_at: Timestamp,
) -> Result<(), StorageError> {
    match nominal {
        Some(at) => tx
            .query(
                "INSERT INTO schedules (trigger_id, org_id, next_at, delay_us, decided_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (trigger_id) DO UPDATE SET next_at = excluded.next_at, delay_us = excluded.delay_us, decided_at = excluded.decided_at",
            )
            .bind(trigger.0)
            .bind(org.0)
            .bind(at.plus(delay).as_micros())
            .bind(i64::try_from(delay.as_micros()).unwrap_or(i64::MAX))
            .bind(decided_at.as_micros())
            .execute()
            .await
            .map(drop),
        None => {
            tx.query("DELETE FROM schedules WHERE trigger_id = $1").bind(trigger.0).execute().await.map(drop)
        }
    }
}

/// Moves schedules on; those that still stood where they were seen.
pub async fn advance(tx: &mut Tx, steps: &[Step]) -> Result<HashSet<TriggerId>, StorageError> {
    let mut moved = HashSet::new();
    let mut on: Vec<&Step> = steps.iter().filter(|step| step.to.is_some()).collect();
    // In one order on every node, so that they wait for each other and never in a circle.
    on.sort_unstable_by_key(|step| step.trigger_id);
    let rows = tx
        .insert_rows(
            // `+ 0`, so that no index over times is asked: where ten thousand are due at once, each would be looked for among all.
            "UPDATE schedules SET next_at = v.column3, decided_at = v.column4 FROM (VALUES {rows}) AS v \
             WHERE schedules.trigger_id = v.column1 AND schedules.next_at + 0 = v.column2 RETURNING trigger_id",
            4,
            &on,
            |s, step| {
                s.bind(step.trigger_id.0)
                    .bind(step.from.as_micros())
                    .bind(step.to.map_or(0, Timestamp::as_micros))
                    .bind(step.decided_at.as_micros())
            },
        )
        .await?;
    for row in &rows {
        moved.insert(row.id(0)?);
    }
    for step in steps.iter().filter(|step| step.to.is_none()) {
        let gone = tx
            .query("DELETE FROM schedules WHERE trigger_id = $1 AND next_at = $2")
            .bind(step.trigger_id.0)
            .bind(step.from.as_micros())
            .execute()
            .await?;
        if gone > 0 {
            moved.insert(step.trigger_id);
        }
    }
    Ok(moved)
}

/// The schedules due at or before a time, the earliest first. Paused triggers stand in the list too.
pub async fn due(tx: &mut Tx, until: Timestamp, limit: u32) -> Result<Vec<Due>, StorageError> {
    let rows = tx
        .query_built(format!("{DUE} WHERE next_at <= $1 ORDER BY next_at, trigger_id LIMIT $2"))
        .bind(until.as_micros())
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(|row| read_due(row, 0)).collect()
}

/// The triggers of these ids that are schedules and not deleted, each with where it stands.
pub async fn load(tx: &mut Tx, ids: &[TriggerId]) -> Result<HashMap<TriggerId, Armed>, StorageError> {
    let rows = tx
        .insert_rows(
            // CROSS, as SQLite keeps that order: left to itself it reads all triggers of a workflow for each list.
            "SELECT t.id, t.org_id, t.workflow_id, w.name, o.base_account_id, t.config, t.paused_at, \
             s.next_at, s.trigger_id, s.org_id, s.next_at, s.delay_us, s.decided_at \
             FROM (VALUES {rows}) AS v CROSS JOIN triggers t CROSS JOIN workflows w CROSS JOIN organizations o \
             LEFT JOIN schedules s ON s.trigger_id = t.id WHERE t.id = v.column1 AND w.id = t.workflow_id \
             AND o.id = t.org_id AND t.kind = 'schedule' AND t.deleted_at IS NULL",
            1,
            ids,
            |s, id| s.bind(id.0),
        )
        .await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let due = row.maybe_time(7)?.map(|_| read_due(row, 8)).transpose()?;
        let armed = Armed {
            trigger_id: row.id(0)?,
            org_id: row.id(1)?,
            workflow_id: row.id(2)?,
            workflow: row.get(3)?,
            base_account: row.id(4)?,
            config: row.get(5)?,
            paused_at: row.maybe_time(6)?,
            due,
        };
        found.insert(armed.trigger_id, armed);
    }
    Ok(found)
}

/// Which of these nominal times were accepted already, as long as that is remembered.
pub async fn fired(
    tx: &mut Tx,
    trigger: TriggerId,
    times: &[Timestamp],
    now: Timestamp,
) -> Result<HashSet<Timestamp>, StorageError> {
    let mut known = HashSet::new();
    let keys: HashMap<String, Timestamp> = times.iter().map(|at| (at.to_string(), *at)).collect();
    let list: Vec<&String> = keys.keys().collect();
    for chunk in list.chunks(tx.bulk_rows()) {
        let mut statement = tx.query_rows(
            "SELECT d.key FROM (VALUES {rows}) AS v JOIN dedup_keys d ON d.trigger_id = v.column1 AND d.key = v.column2 \
             WHERE d.expires_at >= {after}",
            2,
            chunk.len(),
        );
        for key in chunk {
            statement = statement.bind(trigger.0).bind((*key).clone());
        }
        for row in statement.bind(now.as_micros()).fetch_all().await? {
            known.extend(keys.get(&row.get::<String>(0)?));
        }
    }
    Ok(known)
}

/// When the next schedule is due.
pub async fn next(tx: &mut Tx) -> Result<Option<Timestamp>, StorageError> {
    let row = tx.query("SELECT min(next_at) FROM schedules").fetch_optional().await?;
    row.map_or(Ok(None), |row| row.maybe_time(0))
}

/// Where this schedule stands; `None` if it is due no more.
pub async fn get(tx: &mut Tx, trigger: TriggerId) -> Result<Option<Due>, StorageError> {
    let row = tx.query_built(format!("{DUE} WHERE trigger_id = $1")).bind(trigger.0).fetch_optional().await?;
    row.map(|row| read_due(&row, 0)).transpose()
}
