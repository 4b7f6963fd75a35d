//! Triggers: what starts a workflow. What must hold: a token is found by its hash alone; the token's text and the verification
//! secrets are sealed; a deleted trigger's token is gone.

use factotum_model::trigger::TriggerKind;
use factotum_model::{AccountId, Digest, OrgId, Timestamp, TriggerId, WorkflowId};

use crate::connection::{Row, Tx};
use crate::error::StorageError;
use crate::vault::Sealed;

/// A trigger.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// Its id.
    pub id: TriggerId,
    /// Whose.
    pub org_id: OrgId,
    /// What it starts.
    pub workflow_id: WorkflowId,
    /// That workflow's name.
    pub workflow: String,
    /// The organization's base service account, which its runs run as.
    pub base_account: AccountId,
    /// Its kind.
    pub kind: TriggerKind,
    /// Its configuration, without secrets.
    pub config: serde_json::Value,
    /// Token and secrets, sealed for [`Trigger::place`].
    pub sealed: Option<Sealed>,
    /// Since when it is paused.
    pub paused_at: Option<Timestamp>,
    /// Who made it.
    pub created_by: AccountId,
    /// When.
    pub created_at: Timestamp,
    /// When it was last changed: a cache of anything derived from it goes by this.
    pub updated_at: Timestamp,
    /// What it took and refused.
    pub counts: Counts,
    /// schedule: how many firings wait, for the run before them or because somebody backfilled.
    pub waiting: u64,
}

/// What a trigger took and refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Deliveries that became runs.
    pub accepted: u64,
    /// Deliveries that were refused.
    pub rejected: u64,
    /// Deliveries seen before.
    pub duplicates: u64,
}

impl Trigger {
    /// What its secrets are sealed for.
    pub fn place(org: OrgId, id: TriggerId) -> String {
        format!("{org}/triggers/{id}")
    }
}

/// What is needed to make a trigger.
#[derive(Debug, Clone)]
pub struct NewTrigger {
    /// Its id, made by the caller, since its secrets are sealed for it.
    pub id: TriggerId,
    /// What it starts.
    pub workflow_id: WorkflowId,
    /// Its kind.
    pub kind: TriggerKind,
    /// Its configuration, without secrets.
    pub config: serde_json::Value,
    /// SHA-256 of its token.
    pub token_hash: Option<Digest>,
    /// Token and secrets.
    pub sealed: Option<Sealed>,
    /// Who makes it.
    pub created_by: AccountId,
}

const SELECT: &str = "SELECT t.id, t.org_id, t.workflow_id, w.name, o.base_account_id, t.kind, t.config, t.data_key_id, t.sealed, t.paused_at, \
    t.created_by, t.created_at, t.updated_at, c.accepted, c.rejected, c.duplicates, \
    (SELECT count(*) FROM schedule_queue q WHERE q.trigger_id = t.id) FROM triggers t \
    JOIN workflows w ON w.id = t.workflow_id JOIN organizations o ON o.id = t.org_id \
    LEFT JOIN trigger_counts c ON c.trigger_id = t.id WHERE t.deleted_at IS NULL";

/// Makes a trigger.
pub async fn create(
    tx: &mut Tx,
    org: OrgId,
    new: &NewTrigger,
    now: Timestamp,
) -> Result<Trigger, StorageError> {
    tx.query(
        "INSERT INTO triggers (id, org_id, workflow_id, kind, config, token_hash, data_key_id, sealed, created_by, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
    )
    .bind(new.id.0)
    .bind(org.0)
    .bind(new.workflow_id.0)
    .bind(new.kind.as_str())
    .bind(new.config.to_string())
    .bind(new.token_hash.map(|d| d.0.to_vec()))
    .bind(new.sealed.as_ref().map(|s| s.data_key_id))
    .bind(new.sealed.as_ref().map(|s| s.bytes.clone()))
    .bind(new.created_by.0)
    .bind(now.as_micros())
    .execute()
    .await?;
    get(tx, org, new.id)
        .await?
        .ok_or_else(|| StorageError::damaged("triggers", "the row just written is missing"))
}

/// One trigger.
pub async fn get(tx: &mut Tx, org: OrgId, id: TriggerId) -> Result<Option<Trigger>, StorageError> {
    let row = tx
        .query_built(format!("{SELECT} AND t.org_id = $1 AND t.id = $2"))
        .bind(org.0)
        .bind(id.0)
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// The trigger with a token.
pub async fn find_by_token(tx: &mut Tx, token_hash: Digest) -> Result<Option<Trigger>, StorageError> {
    let row = tx
        .query_built(format!("{SELECT} AND t.token_hash = $1"))
        .bind(token_hash.0.to_vec())
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// Triggers, newest first; of one workflow if given.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    workflow: Option<WorkflowId>,
    before: Option<TriggerId>,
    limit: u32,
) -> Result<Vec<Trigger>, StorageError> {
    let sql = format!(
        "{SELECT} AND t.org_id = $1 AND t.id < $2 AND ($3 = 0 OR t.workflow_id = $4) ORDER BY t.id DESC LIMIT $5"
    );
    let rows = tx
        .query_built(sql)
        .bind(org.0)
        .bind(before.map_or(uuid::Uuid::max(), |t| t.0))
        .bind(i64::from(workflow.is_some()))
        .bind(workflow.map_or(uuid::Uuid::nil(), |w| w.0))
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// The triggers of a kind, the oldest first.
pub async fn of_kind(
    tx: &mut Tx,
    org: OrgId,
    kind: TriggerKind,
    limit: u32,
) -> Result<Vec<Trigger>, StorageError> {
    let rows = tx
        .query_built(format!("{SELECT} AND t.org_id = $1 AND t.kind = $2 ORDER BY t.id LIMIT $3"))
        .bind(org.0)
        .bind(kind.as_str())
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// Changes configuration and secrets.
pub async fn update(
    tx: &mut Tx,
    org: OrgId,
    id: TriggerId,
    config: &serde_json::Value,
    sealed: Option<&Sealed>,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let changed = tx
        .query("UPDATE triggers SET config = $3, data_key_id = $4, sealed = $5, updated_at = $6 WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL")
        .bind(org.0)
        .bind(id.0)
        .bind(config.to_string())
        .bind(sealed.map(|s| s.data_key_id))
        .bind(sealed.map(|s| s.bytes.clone()))
        .bind(now.as_micros())
        .execute()
        .await?;
    Ok(changed > 0)
}

/// Gives a webhook another token: the one before leads nowhere from the commit on. Whether it was there.
pub async fn set_token(
    tx: &mut Tx,
    org: OrgId,
    id: TriggerId,
    (token_hash, sealed): (Digest, &Sealed),
    now: Timestamp,
) -> Result<bool, StorageError> {
    let changed = tx
        .query("UPDATE triggers SET token_hash = $3, data_key_id = $4, sealed = $5, updated_at = $6 WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL")
        .bind(org.0)
        .bind(id.0)
        .bind(token_hash.0.to_vec())
        .bind(sealed.data_key_id)
        .bind(sealed.bytes.clone())
        .bind(now.as_micros())
        .execute()
        .await?;
    Ok(changed > 0)
}

/// Pauses or resumes; whether that changed anything.
pub async fn set_paused(
    tx: &mut Tx,
    org: OrgId,
    id: TriggerId,
    paused: bool,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let changed = tx
        .query(
            "UPDATE triggers SET paused_at = $3, updated_at = $4 WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL \
             AND (paused_at IS NULL) = ($3 IS NOT NULL)",
        )
        .bind(org.0)
        .bind(id.0)
        .bind(paused.then_some(now.as_micros()))
        .bind(now.as_micros())
        .execute()
        .await?;
    Ok(changed > 0)
}

/// Deletes; its events and runs stay, its token is gone. Whether it was there.
pub async fn delete(tx: &mut Tx, org: OrgId, id: TriggerId, now: Timestamp) -> Result<bool, StorageError> {
    let changed = tx
        .query("UPDATE triggers SET deleted_at = $3, token_hash = NULL, sealed = NULL, data_key_id = NULL WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL")
        .bind(org.0)
        .bind(id.0)
        .bind(now.as_micros())
        .execute()
        .await?;
    if changed > 0 {
        tx.query("DELETE FROM schedules WHERE trigger_id = $1").bind(id.0).execute().await?;
        crate::schedule_queue::clear(tx, id).await?;
    }
    Ok(changed > 0)
}

/// Adds to what triggers took and refused.
pub async fn count(tx: &mut Tx, added: &[(TriggerId, Counts)]) -> Result<(), StorageError> {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    // Each trigger once, and in one order on every node.
    let mut sums = std::collections::BTreeMap::<TriggerId, Counts>::new();
    for (id, counts) in added {
        let sum = sums.entry(*id).or_default();
        sum.accepted += counts.accepted;
        sum.rejected += counts.rejected;
        sum.duplicates += counts.duplicates;
    }
    let sums: Vec<_> = sums.into_iter().collect();
    tx.insert_rows(
        "INSERT INTO trigger_counts (trigger_id, accepted, rejected, duplicates) VALUES {rows} \
         ON CONFLICT (trigger_id) DO UPDATE SET accepted = trigger_counts.accepted + excluded.accepted, \
         rejected = trigger_counts.rejected + excluded.rejected, duplicates = trigger_counts.duplicates + excluded.duplicates",
        4,
        &sums,
        |s, (id, counts)| {
            s.bind(id.0).bind(number(counts.accepted)).bind(number(counts.rejected)).bind(number(counts.duplicates))
        },
    )
    .await
    .map(drop)
}

fn read(row: &Row) -> Result<Trigger, StorageError> {
    let kind: String = row.get(5)?;
    let key: Option<uuid::Uuid> = row.get(7)?;
    let sealed: Option<Vec<u8>> = row.get(8)?;
    let number =
        |column| row.get::<Option<i64>>(column).map(|n| n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0));
    Ok(Trigger {
        id: row.id(0)?,
        org_id: row.id(1)?,
        workflow_id: row.id(2)?,
        workflow: row.get(3)?,
        base_account: row.id(4)?,
        kind: TriggerKind::from_word(&kind).ok_or_else(|| StorageError::damaged("triggers.kind", kind))?,
        config: row.json(6, "triggers.config")?,
        sealed: key.zip(sealed).map(|(data_key_id, bytes)| Sealed { data_key_id, bytes }),
        paused_at: row.maybe_time(9)?,
        created_by: row.id(10)?,
        created_at: row.time(11)?,
        updated_at: row.time(12)?,
        counts: Counts { accepted: number(13)?, rejected: number(14)?, duplicates: number(15)? },
        waiting: number(16)?,
    })
}
