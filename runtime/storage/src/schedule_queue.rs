//! Firings that wait: for the run before them, or because somebody asked for them. What must hold: a nominal time of a schedule stands here once; it is taken out
//! only after its event is committed, and the dedup key of that event makes a second try harmless.

use std::collections::HashMap;

use factotum_model::{OrgId, Timestamp, TriggerId};

use crate::connection::Tx;
use crate::error::StorageError;

/// Why a firing waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The run before it had not ended.
    Overlap,
    /// Somebody backfilled.
    Backfill,
    /// The configuration changed while it was due.
    Change,
}

impl Cause {
    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::Backfill => "backfill",
            Self::Change => "change",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Overlap, Self::Backfill, Self::Change].into_iter().find(|cause| cause.as_str() == word)
    }
}

/// A firing that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queued {
    /// Whose.
    pub org_id: OrgId,
    /// Its trigger.
    pub trigger_id: TriggerId,
    /// Its nominal time.
    pub nominal_at: Timestamp,
    /// Why it waits.
    pub cause: Cause,
    /// Whether it waits until no run of its trigger goes on.
    pub in_turn: bool,
    /// Since when.
    pub queued_at: Timestamp,
}

/// Puts firings in. One that stands there already stays as it is.
pub async fn add(tx: &mut Tx, firings: &[Queued]) -> Result<(), StorageError> {
    tx.insert_rows(
        "INSERT INTO schedule_queue (trigger_id, nominal_at, org_id, cause, in_turn, queued_at) VALUES {rows} \
         ON CONFLICT (trigger_id, nominal_at) DO NOTHING",
        6,
        firings,
        |s, firing| {
            s.bind(firing.trigger_id.0)
                .bind(firing.nominal_at.as_micros())
                .bind(firing.org_id.0)
                .bind(firing.cause.as_str())
                .bind(i64::from(firing.in_turn))
                .bind(firing.queued_at.as_micros())
        },
    )
    .await
    .map(drop)
}

/// Takes out firings whose events are committed.
pub async fn remove(tx: &mut Tx, firings: &[Queued]) -> Result<(), StorageError> {
    for firing in firings {
        tx.query("DELETE FROM schedule_queue WHERE trigger_id = $1 AND nominal_at = $2")
            .bind(firing.trigger_id.0)
            .bind(firing.nominal_at.as_micros())
            .execute()
            .await?;
    }
    Ok(())
}

/// Takes out all of a trigger: it or its workflow is gone.
pub async fn clear(tx: &mut Tx, trigger: TriggerId) -> Result<(), StorageError> {
    tx.query("DELETE FROM schedule_queue WHERE trigger_id = $1").bind(trigger.0).execute().await.map(drop)
}

/// How many of a trigger wait.
pub async fn waiting(tx: &mut Tx, trigger: TriggerId) -> Result<u64, StorageError> {
    let row = tx
        .query("SELECT count(*) FROM schedule_queue WHERE trigger_id = $1")
        .bind(trigger.0)
        .fetch_optional()
        .await?;
    row.map_or(Ok(0), |row| row.get::<i64>(0).map(i64::unsigned_abs))
}

/// How many of each of these triggers wait; those of which none does are left out.
pub async fn waiting_of(
    tx: &mut Tx,
    triggers: &[TriggerId],
) -> Result<HashMap<TriggerId, u64>, StorageError> {
    let rows = tx
        .insert_rows(
            "SELECT q.trigger_id, count(*) FROM (VALUES {rows}) AS v JOIN schedule_queue q ON q.trigger_id = v.column1 GROUP BY q.trigger_id",
            1,
            triggers,
            |s, id| s.bind(id.0),
        )
        .await?;
    rows.iter().map(|row| Ok((row.id(0)?, row.get::<i64>(1)?.unsigned_abs()))).collect()
}

/// Whether any waits at all.
pub async fn is_empty(tx: &mut Tx) -> Result<bool, StorageError> {
    Ok(tx.query("SELECT 1 FROM schedule_queue LIMIT 1").fetch_optional().await?.is_none())
}

/// Firings that may go now, at most `limit` of those in turn and as many of the others: of a trigger in turn its first, and only while no run of it goes on.
pub async fn ready(tx: &mut Tx, limit: u32) -> Result<Vec<Queued>, StorageError> {
    let free = tx
        .query(
            "SELECT q.trigger_id, q.org_id, q.nominal_at, q.cause, q.in_turn, q.queued_at FROM schedule_queue q \
             JOIN triggers t ON t.id = q.trigger_id WHERE q.in_turn = 0 AND t.deleted_at IS NULL AND t.paused_at IS NULL \
             ORDER BY q.queued_at, q.nominal_at LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    let heads = tx
        .query(
            "SELECT q.trigger_id, q.org_id, q.nominal_at, q.cause, q.in_turn, q.queued_at \
             FROM (SELECT trigger_id, min(nominal_at) AS first_at FROM schedule_queue WHERE in_turn = 1 GROUP BY trigger_id) h \
             JOIN schedule_queue q ON q.trigger_id = h.trigger_id AND q.nominal_at = h.first_at \
             JOIN triggers t ON t.id = q.trigger_id WHERE t.deleted_at IS NULL AND t.paused_at IS NULL \
             AND NOT EXISTS (SELECT 1 FROM leases l JOIN runs r ON r.id = l.run_id WHERE l.org_id = q.org_id AND r.trigger_id = q.trigger_id) \
             AND NOT EXISTS (SELECT 1 FROM ready y JOIN runs r ON r.id = y.run_id WHERE y.org_id = q.org_id AND r.trigger_id = q.trigger_id) \
             ORDER BY q.queued_at, q.nominal_at LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    free.iter()
        .chain(&heads)
        .map(|row| {
            let cause: String = row.get(3)?;
            Ok(Queued {
                trigger_id: row.id(0)?,
                org_id: row.id(1)?,
                nominal_at: row.time(2)?,
                cause: Cause::from_word(&cause)
                    .ok_or_else(|| StorageError::damaged("schedule_queue.cause", cause))?,
                in_turn: row.get::<i64>(4)? != 0,
                queued_at: row.time(5)?,
            })
        })
        .collect()
}
