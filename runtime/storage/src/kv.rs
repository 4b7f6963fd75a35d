//! The workflows' key-value stores. What must hold: a swap changes nothing unless the version is the expected one; a value
//! past its time is not there.

use factotum_model::{OrgId, Timestamp, WorkflowId};

use crate::connection::Tx;
use crate::error::StorageError;

/// A value with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Vec<u8>,
    /// Grows with each change; never 0.
    pub version: u64,
}

/// The store of the workflow with this name; `None` if there is no such workflow.
pub async fn store(tx: &mut Tx, org: OrgId, workflow: &str) -> Result<Option<WorkflowId>, StorageError> {
    let row = tx
        .query("SELECT id FROM workflows WHERE org_id = $1 AND name = $2 AND deleted_at IS NULL")
        .bind(org.0)
        .bind(workflow.to_owned())
        .fetch_optional()
        .await?;
    row.map(|row| row.id(0)).transpose()
}

/// Reads.
pub async fn get(
    tx: &mut Tx,
    store: WorkflowId,
    key: &str,
    now: Timestamp,
) -> Result<Option<Entry>, StorageError> {
    let row = tx
        .query("SELECT value, version FROM kv WHERE workflow_id = $1 AND key = $2 AND (expires_at IS NULL OR expires_at > $3)")
        .bind(store.0)
        .bind(key.to_owned())
        .bind(now.as_micros())
        .fetch_optional()
        .await?;
    row.map(|row| Ok(Entry { value: row.get(0)?, version: u64::try_from(row.get::<i64>(1)?).unwrap_or(0) }))
        .transpose()
}

/// Writes, whatever was there.
pub async fn set(
    tx: &mut Tx,
    store: WorkflowId,
    key: &str,
    value: &[u8],
    expires_at: Option<Timestamp>,
) -> Result<(), StorageError> {
    tx.query(
        "INSERT INTO kv (workflow_id, key, value, version, expires_at) VALUES ($1, $2, $3, 1, $4) ON CONFLICT (workflow_id, key) \
         DO UPDATE SET value = excluded.value, version = kv.version + 1, expires_at = excluded.expires_at",
    )
    .bind(store.0)
    .bind(key.to_owned())
    .bind(value.to_vec())
    .bind(expires_at.map(Timestamp::as_micros))
    .execute()
    .await
    .map(drop)
}

/// Writes if the version is `expected`, 0 meaning that nothing is there; the new version, or `None` if it was another.
pub async fn swap(
    tx: &mut Tx,
    store: WorkflowId,
    key: &str,
    expected: u64,
    value: &[u8],
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<u64>, StorageError> {
    let row = if expected == 0 {
        // A value past its time counts as not there, and its version goes on, so that it never comes twice.
        tx.query(
            "INSERT INTO kv (workflow_id, key, value, version, expires_at) VALUES ($1, $2, $3, 1, $4) ON CONFLICT (workflow_id, key) \
             DO UPDATE SET value = excluded.value, version = kv.version + 1, expires_at = excluded.expires_at \
             WHERE kv.expires_at <= $5 RETURNING version",
        )
        .bind(store.0)
        .bind(key.to_owned())
        .bind(value.to_vec())
        .bind(expires_at.map(Timestamp::as_micros))
        .bind(now.as_micros())
        .fetch_optional()
        .await?
    } else {
        tx.query(
            "UPDATE kv SET value = $3, version = version + 1, expires_at = $4 WHERE workflow_id = $1 AND key = $2 AND version = $5 \
             AND (expires_at IS NULL OR expires_at > $6) RETURNING version",
        )
        .bind(store.0)
        .bind(key.to_owned())
        .bind(value.to_vec())
        .bind(expires_at.map(Timestamp::as_micros))
        .bind(i64::try_from(expected).unwrap_or(i64::MAX))
        .bind(now.as_micros())
        .fetch_optional()
        .await?
    };
    row.map(|row| Ok(u64::try_from(row.get::<i64>(0)?).unwrap_or(0))).transpose()
}

/// Removes; whether there was something.
pub async fn delete(tx: &mut Tx, store: WorkflowId, key: &str, now: Timestamp) -> Result<bool, StorageError> {
    let row = tx
        .query("DELETE FROM kv WHERE workflow_id = $1 AND key = $2 RETURNING expires_at")
        .bind(store.0)
        .bind(key.to_owned())
        .fetch_optional()
        .await?;
    let expires_at = row.map(|row| row.maybe_time(0)).transpose()?;
    Ok(expires_at.is_some_and(|at| at.is_none_or(|at| at > now)))
}

/// The keys that start with `prefix`, sorted by their bytes, after `after`.
pub async fn list(
    tx: &mut Tx,
    store: WorkflowId,
    prefix: &str,
    after: &str,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<String>, StorageError> {
    let rows = tx
        .query(
            "SELECT key FROM kv WHERE workflow_id = $1 AND key > $2 AND substr(key, 1, length($3)) = $3 \
             AND (expires_at IS NULL OR expires_at > $4) ORDER BY key LIMIT $5",
        )
        .bind(store.0)
        .bind(after.to_owned())
        .bind(prefix.to_owned())
        .bind(now.as_micros())
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(|row| row.get(0)).collect()
}
