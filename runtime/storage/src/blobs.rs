//! Large bytes by their SHA-256: components, and payloads too large for their event's row. What must hold: bytes are
//! stored before, and in the same transaction as, whatever names them.

use factotum_model::{Digest, Timestamp};

use crate::connection::Tx;
use crate::error::StorageError;

/// Stores bytes; nothing happens if they are there.
pub async fn put(tx: &mut Tx, digest: Digest, bytes: &[u8], now: Timestamp) -> Result<(), StorageError> {
    tx.query(
        "INSERT INTO blobs (digest, bytes, created_at) VALUES ($1, $2, $3) ON CONFLICT (digest) DO NOTHING",
    )
    .bind(digest.0.to_vec())
    .bind(bytes.to_vec())
    .bind(now.as_micros())
    .execute()
    .await
    .map(drop)
}

/// Reads bytes.
pub async fn get(tx: &mut Tx, digest: Digest) -> Result<Option<Vec<u8>>, StorageError> {
    let row = tx
        .query("SELECT bytes FROM blobs WHERE digest = $1")
        .bind(digest.0.to_vec())
        .fetch_optional()
        .await?;
    row.map(|row| row.get(0)).transpose()
}
