//! When each schedule is due next. What must hold: the row only moves forward from where its reader saw it, so two nodes
//! that fire the same time move it once; the dedup key makes sure that the firing itself happens once.

use factotum_model::{OrgId, Timestamp, TriggerId};

use crate::connection::Tx;
use crate::error::StorageError;

/// A schedule that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Its trigger.
    pub trigger_id: TriggerId,
    /// Whose.
    pub org_id: OrgId,
    /// The nominal time.
    pub next_at: Timestamp,
}

/// Sets when a schedule is due next, whatever it was; `None` if never again.
pub async fn set(
    tx: &mut Tx,
    org: OrgId,
    trigger: TriggerId,
    next_at: Option<Timestamp>,
) -> Result<(), StorageError> {
    match next_at {
        Some(at) => tx
            .query(
                "INSERT INTO schedules (trigger_id, org_id, next_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (trigger_id) DO UPDATE SET next_at = excluded.next_at",
            )
            .bind(trigger.0)
            .bind(org.0)
            .bind(at.as_micros())
            .execute()
            .await
            .map(drop),
        None => {
            tx.query("DELETE FROM schedules WHERE trigger_id = $1").bind(trigger.0).execute().await.map(drop)
        }
    }
}

/// Moves a schedule on from a time; whether it still stood there.
pub async fn advance(
    tx: &mut Tx,
    trigger: TriggerId,
    from: Timestamp,
    to: Option<Timestamp>,
) -> Result<bool, StorageError> {
    let changed = match to {
        Some(to) => {
            tx.query("UPDATE schedules SET next_at = $3 WHERE trigger_id = $1 AND next_at = $2")
                .bind(trigger.0)
                .bind(from.as_micros())
                .bind(to.as_micros())
                .execute()
                .await?
        }
        None => {
            tx.query("DELETE FROM schedules WHERE trigger_id = $1 AND next_at = $2")
                .bind(trigger.0)
                .bind(from.as_micros())
                .execute()
                .await?
        }
    };
    Ok(changed > 0)
}

/// The schedules due at or before a time, the earliest first. Paused triggers stand in the list too.
pub async fn due(tx: &mut Tx, until: Timestamp, limit: u32) -> Result<Vec<Due>, StorageError> {
    let rows = tx
        .query("SELECT trigger_id, org_id, next_at FROM schedules WHERE next_at <= $1 ORDER BY next_at, trigger_id LIMIT $2")
        .bind(until.as_micros())
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter()
        .map(|row| Ok(Due { trigger_id: row.id(0)?, org_id: row.id(1)?, next_at: row.time(2)? }))
        .collect()
}

/// When the next schedule is due.
pub async fn next(tx: &mut Tx) -> Result<Option<Timestamp>, StorageError> {
    let row = tx.query("SELECT min(next_at) FROM schedules").fetch_optional().await?;
    row.map_or(Ok(None), |row| row.maybe_time(0))
}

/// When this schedule is due next.
pub async fn get(tx: &mut Tx, trigger: TriggerId) -> Result<Option<Timestamp>, StorageError> {
    let row = tx
        .query("SELECT next_at FROM schedules WHERE trigger_id = $1")
        .bind(trigger.0)
        .fetch_optional()
        .await?;
    row.map(|row| row.time(0)).transpose()
}
