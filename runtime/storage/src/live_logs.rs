//! What an attempt has logged so far, for who watches it from another node. What must hold: it is a copy for reading, and no more: the log that counts is
//! written by the attempt's end, and one that nobody asks for is not copied.

use std::time::Duration;

use factotum_model::{RunId, Timestamp};

use crate::connection::Tx;
use crate::error::StorageError;

/// How long a copy that nobody renews is kept.
const KEPT: Duration = Duration::from_mins(5);

/// Copies an attempt's lines so far, a JSON list.
pub async fn keep(
    tx: &mut Tx,
    run: RunId,
    attempt: u32,
    lines: String,
    now: Timestamp,
) -> Result<(), StorageError> {
    tx.query(
        "INSERT INTO live_logs (run_id, attempt, lines, at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (run_id) DO UPDATE SET attempt = $2, lines = $3, at = $4 WHERE live_logs.attempt <= $2",
    )
    .bind(run.0)
    .bind(i64::from(attempt))
    .bind(lines)
    .bind(now.as_micros())
    .execute()
    .await
    .map(drop)
}

/// The newest copy, with the number of its attempt.
pub async fn get(tx: &mut Tx, run: RunId) -> Result<Option<(u32, String)>, StorageError> {
    let row = tx
        .query("SELECT attempt, lines FROM live_logs WHERE run_id = $1")
        .bind(run.0)
        .fetch_optional()
        .await?;
    row.map(|row| Ok((u32::try_from(row.get::<i64>(0)?).unwrap_or(0), row.get(1)?))).transpose()
}

/// Forgets copies that nobody renews.
pub(crate) async fn sweep(tx: &mut Tx, now: Timestamp) -> Result<(), StorageError> {
    tx.query("DELETE FROM live_logs WHERE at < $1")
        .bind(now.minus(KEPT).as_micros())
        .execute()
        .await
        .map(drop)
}
