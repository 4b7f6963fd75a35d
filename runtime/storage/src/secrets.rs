//! The organization's secrets: written, used by the host, never shown. What must hold: a value is sealed for its
//! organization and name.

use factotum_model::{OrgId, Redacted, Timestamp};

use crate::connection::Tx;
use crate::error::StorageError;
use crate::storage::Storage;
use crate::vault::Sealed;

/// What can be shown of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretInfo {
    /// Its name.
    pub name: String,
    /// Grows with each change.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last set.
    pub updated_at: Timestamp,
}

fn place(org: OrgId, name: &str) -> String {
    format!("{org}/secrets/{name}")
}

/// Sets a secret; whether it is new.
pub async fn put(
    storage: &Storage,
    tx: &mut Tx,
    org: OrgId,
    name: &str,
    value: &Redacted,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let sealed = storage.vault().seal(&place(org, name), value.expose().as_bytes())?;
    let row = tx
        .query(
            "INSERT INTO secrets (org_id, name, data_key_id, sealed, version, created_at, updated_at) VALUES ($1, $2, $3, $4, 1, $5, $5) \
             ON CONFLICT (org_id, name) DO UPDATE SET data_key_id = excluded.data_key_id, sealed = excluded.sealed, \
             version = secrets.version + 1, updated_at = excluded.updated_at RETURNING version",
        )
        .bind(org.0)
        .bind(name.to_owned())
        .bind(sealed.data_key_id)
        .bind(sealed.bytes)
        .bind(now.as_micros())
        .fetch_optional()
        .await?;
    row.map_or(Ok(false), |row| Ok(row.get::<i64>(0)? == 1))
}

/// Tells about a secret, without its value.
pub async fn info(tx: &mut Tx, org: OrgId, name: &str) -> Result<Option<SecretInfo>, StorageError> {
    let row = tx
        .query("SELECT name, version, created_at, updated_at FROM secrets WHERE org_id = $1 AND name = $2")
        .bind(org.0)
        .bind(name.to_owned())
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// The secrets by name, after `after`, without their values.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<SecretInfo>, StorageError> {
    let rows = tx
        .query("SELECT name, version, created_at, updated_at FROM secrets WHERE org_id = $1 AND name > $2 ORDER BY name LIMIT $3")
        .bind(org.0)
        .bind(after.unwrap_or_default().to_owned())
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// The value: for the host, which uses it on a workflow's behalf.
pub async fn reveal(
    storage: &Storage,
    tx: &mut Tx,
    org: OrgId,
    name: &str,
) -> Result<Option<Redacted<Vec<u8>>>, StorageError> {
    let row = tx
        .query("SELECT data_key_id, sealed FROM secrets WHERE org_id = $1 AND name = $2")
        .bind(org.0)
        .bind(name.to_owned())
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(None) };
    let sealed = Sealed { data_key_id: row.get(0)?, bytes: row.get(1)? };
    storage.vault().unseal(tx, &place(org, name), &sealed).await.map(Some)
}

/// Deletes a secret; whether it was there.
pub async fn delete(tx: &mut Tx, org: OrgId, name: &str) -> Result<bool, StorageError> {
    let changed = tx
        .query("DELETE FROM secrets WHERE org_id = $1 AND name = $2")
        .bind(org.0)
        .bind(name.to_owned())
        .execute()
        .await?;
    Ok(changed > 0)
}

fn read(row: &crate::connection::Row) -> Result<SecretInfo, StorageError> {
    Ok(SecretInfo {
        name: row.get(0)?,
        version: u64::try_from(row.get::<i64>(1)?).unwrap_or(0),
        created_at: row.time(2)?,
        updated_at: row.time(3)?,
    })
}
