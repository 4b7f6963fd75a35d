//! Workflows and their versions. What must hold: a version is immutable, and a run keeps the version it was accepted with.

use factotum_model::workflow::{AuditClass, Limits, RetryPolicy};
use factotum_model::{AccountId, Digest, Grants, OrgId, PluginId, Timestamp, WorkflowId};

use crate::claim::{PARKED_CONCURRENCY, PARKED_WORKFLOW};
use crate::connection::{Row, Tx};
use crate::error::StorageError;

/// A workflow with its current version.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// Its id.
    pub id: WorkflowId,
    /// Its name.
    pub name: String,
    /// Its current version's number, from 1.
    pub version: i64,
    /// `name@version` of its plugin.
    pub plugin: String,
    /// The component.
    pub digest: Digest,
    /// What it may need.
    pub grants: Grants,
    /// What `config` answers.
    pub config: serde_json::Value,
    /// Bounds of an attempt.
    pub limits: Limits,
    /// When to try again.
    pub retry: RetryPolicy,
    /// How many runs at a time.
    pub concurrency: Option<u32>,
    /// How much of what its runs do is on the record.
    pub audit: AuditClass,
    /// Since when it is paused.
    pub paused_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a version consists of.
#[derive(Debug, Clone)]
pub struct NewVersion {
    /// The plugin version.
    pub plugin_id: PluginId,
    /// What it may need.
    pub grants: Grants,
    /// What `config` answers.
    pub config: serde_json::Value,
    /// Bounds of an attempt.
    pub limits: Limits,
    /// When to try again.
    pub retry: RetryPolicy,
    /// How many runs at a time.
    pub concurrency: Option<u32>,
    /// How much of what its runs do is on the record.
    pub audit: AuditClass,
    /// Who made it.
    pub created_by: AccountId,
}

const SELECT: &str = "SELECT w.id, w.name, v.version, p.name || '@' || p.version, p.digest, v.grants, v.config, v.limits, v.retry, \
    v.concurrency, w.paused_at, w.created_at, w.updated_at, v.audit FROM workflows w \
    JOIN workflow_versions v ON v.workflow_id = w.id JOIN plugins p ON p.id = v.plugin_id";

/// Makes a workflow, or gives the one with that name its next version; the workflow and whether it is new.
pub async fn put(
    tx: &mut Tx,
    org: OrgId,
    name: &str,
    new: &NewVersion,
    now: Timestamp,
) -> Result<(Workflow, bool), StorageError> {
    let row = tx
        .query("SELECT id, version FROM workflows WHERE org_id = $1 AND name = $2 AND deleted_at IS NULL /*UPDATE*/")
        .bind(org.0)
        .bind(name.to_owned())
        .fetch_optional()
        .await?;
    let (id, version, created) = match row {
        Some(row) => (row.id::<WorkflowId>(0)?, row.get::<i64>(1)? + 1, false),
        None => (WorkflowId::random(), 1, true),
    };
    if created {
        tx.query("INSERT INTO workflows (id, org_id, name, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)")
            .bind(id.0)
            .bind(org.0)
            .bind(name.to_owned())
            .bind(version)
            .bind(now.as_micros())
            .execute()
            .await?;
    } else {
        tx.query("UPDATE workflows SET version = $2, updated_at = $3 WHERE id = $1")
            .bind(id.0)
            .bind(version)
            .bind(now.as_micros())
            .execute()
            .await?;
    }
    tx.query(
        "INSERT INTO workflow_versions (workflow_id, version, plugin_id, grants, config, limits, retry, concurrency, created_by, created_at, audit) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(id.0)
    .bind(version)
    .bind(new.plugin_id.0)
    .bind(serde_json::to_string(&new.grants).unwrap_or_default())
    .bind(new.config.to_string())
    .bind(serde_json::to_string(&new.limits).unwrap_or_default())
    .bind(serde_json::to_string(&new.retry).unwrap_or_default())
    .bind(new.concurrency.map(i64::from))
    .bind(new.created_by.0)
    .bind(now.as_micros())
    .bind(new.audit.as_str())
    .execute()
    .await?;
    // A higher limit lets parked runs come up; each that is still too many is parked again.
    tx.query("UPDATE ready SET parked = 0 WHERE workflow_id = $1 AND parked <> 0 AND parked = $2")
        .bind(id.0)
        .bind(PARKED_CONCURRENCY)
        .execute()
        .await?;
    if new.concurrency.is_some() {
        // Runs that began without a limit take places too, and give them back.
        tx.query("UPDATE leases SET limited = 1 WHERE workflow_id = $1 AND limited = 0")
            .bind(id.0)
            .execute()
            .await?;
    }
    let workflow = find(tx, org, name).await?;
    workflow
        .map(|w| (w, created))
        .ok_or_else(|| StorageError::damaged("workflows", "the row just written is missing"))
}

/// A workflow by name.
pub async fn find(tx: &mut Tx, org: OrgId, name: &str) -> Result<Option<Workflow>, StorageError> {
    let row = tx
        .query_built(format!(
            "{SELECT} WHERE w.org_id = $1 AND w.name = $2 AND w.deleted_at IS NULL AND v.version = w.version"
        ))
        .bind(org.0)
        .bind(name.to_owned())
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// A workflow by id.
pub async fn get(tx: &mut Tx, org: OrgId, id: WorkflowId) -> Result<Option<Workflow>, StorageError> {
    let row = tx
        .query_built(format!(
            "{SELECT} WHERE w.org_id = $1 AND w.id = $2 AND w.deleted_at IS NULL AND v.version = w.version"
        ))
        .bind(org.0)
        .bind(id.0)
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// One version of a workflow, current or not, deleted or not: what a run was accepted with.
pub async fn version(tx: &mut Tx, id: WorkflowId, version: i64) -> Result<Option<Workflow>, StorageError> {
    let row = tx
        .query_built(format!("{SELECT} WHERE w.id = $1 AND v.version = $2"))
        .bind(id.0)
        .bind(version)
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// Workflows by name, at most `limit` after `after`.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Workflow>, StorageError> {
    let rows = tx
        .query_built(format!(
            "{SELECT} WHERE w.org_id = $1 AND w.name > $2 AND w.deleted_at IS NULL AND v.version = w.version ORDER BY w.name LIMIT $3"
        ))
        .bind(org.0)
        .bind(after.unwrap_or_default().to_owned())
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// The names of workflows that are paused, at most `limit`.
pub async fn paused(tx: &mut Tx, org: OrgId, limit: u32) -> Result<Vec<String>, StorageError> {
    let rows = tx
        .query("SELECT name FROM workflows WHERE org_id = $1 AND deleted_at IS NULL AND paused_at IS NOT NULL ORDER BY name LIMIT $2")
        .bind(org.0)
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Pauses or resumes a workflow: its queued runs wait. Whether that changed anything.
pub async fn set_paused(
    tx: &mut Tx,
    org: OrgId,
    id: WorkflowId,
    paused: bool,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let row = tx
        .query("SELECT paused_at FROM workflows WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL")
        .bind(org.0)
        .bind(id.0)
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(false) };
    if row.get::<Option<i64>>(0)?.is_some() == paused {
        return Ok(false);
    }
    if paused {
        // The waiting runs before the workflow, as a claim takes them. What comes in meanwhile is parked when it is claimed.
        tx.query("UPDATE ready SET parked = parked | $2 WHERE workflow_id = $1 AND parked & $2 = 0")
            .bind(id.0)
            .bind(PARKED_WORKFLOW)
            .execute()
            .await?;
    }
    let changed = tx
        .query(
            "UPDATE workflows SET paused_at = $3, updated_at = $4 WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL \
             AND (paused_at IS NULL) = ($3 IS NOT NULL)",
        )
        .bind(org.0)
        .bind(id.0)
        .bind(paused.then_some(now.as_micros()))
        .bind(now.as_micros())
        .execute()
        .await?;
    if !paused {
        // The workflow before the waiting runs: who is about to park one holds the workflow. What comes up again is asked
        // about the limit anew, since places may have become free meanwhile.
        tx.query("UPDATE ready SET parked = (parked - $2) & $3 WHERE workflow_id = $1 AND parked <> 0 AND parked & $2 <> 0")
            .bind(id.0)
            .bind(PARKED_WORKFLOW)
            .bind(!PARKED_CONCURRENCY)
            .execute()
            .await?;
    }
    Ok(changed > 0)
}

/// Deletes a workflow and its triggers; its runs stay. Whether it was there. Queued runs end when they come up.
pub async fn delete(tx: &mut Tx, org: OrgId, id: WorkflowId, now: Timestamp) -> Result<bool, StorageError> {
    let changed = tx
        .query("UPDATE workflows SET deleted_at = $3 WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL")
        .bind(org.0)
        .bind(id.0)
        .bind(now.as_micros())
        .execute()
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    let triggers = tx
        .query("UPDATE triggers SET deleted_at = $2, token_hash = NULL, sealed = NULL, data_key_id = NULL WHERE workflow_id = $1 AND deleted_at IS NULL RETURNING id")
        .bind(id.0)
        .bind(now.as_micros())
        .fetch_all()
        .await?;
    for row in triggers {
        let trigger: factotum_model::TriggerId = row.id(0)?;
        tx.query("DELETE FROM schedules WHERE trigger_id = $1").bind(trigger.0).execute().await?;
        crate::schedule_queue::clear(tx, trigger).await?;
    }
    tx.query("UPDATE ready SET parked = 0 WHERE workflow_id = $1 AND parked <> 0")
        .bind(id.0)
        .execute()
        .await?;
    Ok(true)
}

fn read(row: &Row) -> Result<Workflow, StorageError> {
    let (digest, audit): (Vec<u8>, String) = (row.get(4)?, row.get(13)?);
    Ok(Workflow {
        id: row.id(0)?,
        name: row.get(1)?,
        version: row.get(2)?,
        plugin: row.get(3)?,
        digest: Digest::try_from(digest.as_slice())
            .map_err(|e| StorageError::damaged("plugins.digest", e))?,
        grants: row.json(5, "workflow_versions.grants")?,
        config: row.json(6, "workflow_versions.config")?,
        limits: row.json(7, "workflow_versions.limits")?,
        retry: row.json(8, "workflow_versions.retry")?,
        concurrency: row.get::<Option<i64>>(9)?.and_then(|n| u32::try_from(n).ok()),
        audit: AuditClass::from_word(&audit)
            .ok_or_else(|| StorageError::damaged("workflow_versions.audit", audit))?,
        paused_at: row.maybe_time(10)?,
        created_at: row.time(11)?,
        updated_at: row.time(12)?,
    })
}
