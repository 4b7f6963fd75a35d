//! Plugins: uploaded components, by name and version. What must hold: a version is immutable.

use factotum_model::{AccountId, Digest, OrgId, PluginId, Timestamp};

use crate::connection::{Row, Tx};
use crate::error::StorageError;

/// One version of a plugin.
#[derive(Debug, Clone)]
pub struct Plugin {
    /// Its id.
    pub id: PluginId,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its bytes as uploaded.
    pub digest: Digest,
    /// `factotum:workflow` or `wasi:cli`.
    pub world: String,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it exports; empty where it was uploaded before this was kept.
    pub exports: Vec<String>,
    /// Its size in bytes.
    pub size: u64,
    /// Who uploaded it.
    pub created_by: AccountId,
    /// When.
    pub created_at: Timestamp,
}

const COLUMNS: &str =
    "p.id, p.name, p.version, p.digest, p.world, p.imports, p.size, p.created_by, p.created_at, p.exports";

/// Stores a version with its bytes. [`StorageError::Exists`] if the version is there.
pub async fn create(tx: &mut Tx, org: OrgId, plugin: &Plugin, bytes: &[u8]) -> Result<(), StorageError> {
    crate::blobs::put(tx, plugin.digest, bytes, plugin.created_at).await?;
    let written = tx
        .query("INSERT INTO plugins (id, org_id, name, version, digest, world, imports, size, created_by, created_at, exports) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
        .bind(plugin.id.0)
        .bind(org.0)
        .bind(plugin.name.clone())
        .bind(plugin.version.clone())
        .bind(plugin.digest.0.to_vec())
        .bind(plugin.world.clone())
        .bind(serde_json::to_string(&plugin.imports).unwrap_or_default())
        .bind(i64::try_from(plugin.size).unwrap_or(i64::MAX))
        .bind(plugin.created_by.0)
        .bind(plugin.created_at.as_micros())
        .bind(serde_json::to_string(&plugin.exports).unwrap_or_default())
        .execute()
        .await;
    match written {
        Err(StorageError::Exists { .. }) => {
            Err(StorageError::Exists { what: format!("the plugin {}@{}", plugin.name, plugin.version) })
        }
        other => other.map(drop),
    }
}

/// A version by name.
pub async fn find(
    tx: &mut Tx,
    org: OrgId,
    name: &str,
    version: &str,
) -> Result<Option<Plugin>, StorageError> {
    let row = tx
        .query_built(format!(
            "SELECT {COLUMNS} FROM plugins p WHERE p.org_id = $1 AND p.name = $2 AND p.version = $3"
        ))
        .bind(org.0)
        .bind(name.to_owned())
        .bind(version.to_owned())
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// A version by id.
pub async fn get(tx: &mut Tx, org: OrgId, id: PluginId) -> Result<Option<Plugin>, StorageError> {
    let row = tx
        .query_built(format!("SELECT {COLUMNS} FROM plugins p WHERE p.org_id = $1 AND p.id = $2"))
        .bind(org.0)
        .bind(id.0)
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// Versions, newest first.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    before: Option<PluginId>,
    limit: u32,
) -> Result<Vec<Plugin>, StorageError> {
    let rows = tx
        .query_built(format!(
            "SELECT {COLUMNS} FROM plugins p WHERE p.org_id = $1 AND p.id < $2 ORDER BY p.id DESC LIMIT $3"
        ))
        .bind(org.0)
        .bind(before.map_or(uuid::Uuid::max(), |p| p.0))
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// The versions of one plugin, newest first.
pub async fn versions(tx: &mut Tx, org: OrgId, name: &str, limit: u32) -> Result<Vec<Plugin>, StorageError> {
    let rows = tx
        .query_built(format!(
            "SELECT {COLUMNS} FROM plugins p WHERE p.org_id = $1 AND p.name = $2 ORDER BY p.id DESC LIMIT $3"
        ))
        .bind(org.0)
        .bind(name.to_owned())
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// The newest version of each plugin, by name, at most `limit` after `after`.
pub async fn newest(
    tx: &mut Tx,
    org: OrgId,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Plugin>, StorageError> {
    let rows = tx
        .query_built(format!(
            "SELECT {COLUMNS} FROM (SELECT DISTINCT name FROM plugins WHERE org_id = $1 AND name > $2 ORDER BY name LIMIT $3) n \
             JOIN plugins p ON p.id = (SELECT q.id FROM plugins q WHERE q.org_id = $1 AND q.name = n.name ORDER BY q.id DESC LIMIT 1) \
             ORDER BY p.name"
        ))
        .bind(org.0)
        .bind(after.unwrap_or_default().to_owned())
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Plugin, StorageError> {
    let digest: Vec<u8> = row.get(3)?;
    Ok(Plugin {
        id: row.id(0)?,
        name: row.get(1)?,
        version: row.get(2)?,
        digest: Digest::try_from(digest.as_slice())
            .map_err(|e| StorageError::damaged("plugins.digest", e))?,
        world: row.get(4)?,
        imports: row.json(5, "plugins.imports")?,
        size: u64::try_from(row.get::<i64>(6)?).unwrap_or(0),
        created_by: row.id(7)?,
        created_at: row.time(8)?,
        exports: row.json(9, "plugins.exports")?,
    })
}
