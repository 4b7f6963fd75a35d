//! Tokens that a trigger had before, and that lead to it for a while yet. What must hold: one at a time for each trigger, found by its hash alone, and
//! only until its time is up.

use factotum_model::{Digest, Timestamp, TriggerId};

use crate::connection::Tx;
use crate::error::StorageError;
use crate::triggers::{self, Trigger};

/// The live trigger to which an older token leads.
pub async fn find(tx: &mut Tx, hash: Digest, now: Timestamp) -> Result<Option<Trigger>, StorageError> {
    let row = tx
        .query(
            "SELECT t.id, t.org_id FROM trigger_old_tokens o JOIN triggers t ON t.id = o.trigger_id \
             WHERE o.token_hash = $1 AND o.expires_at > $2 AND t.deleted_at IS NULL",
        )
        .bind(hash.0.to_vec())
        .bind(now.as_micros())
        .fetch_optional()
        .await?;
    match row {
        Some(row) => triggers::get(tx, row.id(1)?, row.id(0)?).await,
        None => Ok(None),
    }
}

/// Until when a trigger's older token leads to it, if one does.
pub async fn until(tx: &mut Tx, id: TriggerId, now: Timestamp) -> Result<Option<Timestamp>, StorageError> {
    let row = tx
        .query("SELECT expires_at FROM trigger_old_tokens WHERE trigger_id = $1 AND expires_at > $2")
        .bind(id.0)
        .bind(now.as_micros())
        .fetch_optional()
        .await?;
    row.map(|row| row.time(0)).transpose()
}

/// Writes down the one older token of a trigger, by its hash, and until when it leads there; none: no older token does.
pub async fn set_old(
    tx: &mut Tx,
    id: TriggerId,
    old: Option<(Digest, Timestamp)>,
) -> Result<(), StorageError> {
    tx.query("DELETE FROM trigger_old_tokens WHERE trigger_id = $1").bind(id.0).execute().await?;
    if let Some((hash, until)) = old {
        tx.query("INSERT INTO trigger_old_tokens (trigger_id, token_hash, expires_at) VALUES ($1, $2, $3)")
            .bind(id.0)
            .bind(hash.0.to_vec())
            .bind(until.as_micros())
            .execute()
            .await?;
    }
    Ok(())
}
