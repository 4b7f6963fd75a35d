//! Removing the beginning of an audit log that is past its time. What must hold: only what the newest checkpoint covers goes, in the order of
//! the leaves, and only while it is whole; the leaves stay, so that roots and proofs do; the database checks the boundary once more.

use std::time::Duration;

use factotum_model::audit_log::{Checkpoint, Leaf};
use factotum_model::{OrgId, Timestamp};
use uuid::Uuid;

use crate::audit_leaves::{self, LEAF_COLUMNS, LEAF_WIDTH};
use crate::connection::Tx;
use crate::error::StorageError;
use crate::{audit_checkpoints, dialect};

/// How young nothing is removed: the database goes by its own clock, and refuses it.
pub const MIN_AGE: Duration = Duration::from_hours(30 * 24);
/// How many entries are removed in one transaction at the most: SQLite's only writer is held no longer than that takes.
pub const BATCH: u64 = 2_000;

/// What was removed.
#[derive(Debug, Clone, PartialEq)]
pub struct Removed {
    /// The first leaf whose entry went.
    pub from: u64,
    /// The first leaf whose entry stays.
    pub size: u64,
    /// Each was older than this.
    pub before: Timestamp,
    /// The checkpoint that covers them.
    pub checkpoint: Checkpoint,
}

/// The leaves below this number have no entries any more.
pub async fn removed(tx: &mut Tx, org: OrgId) -> Result<u64, StorageError> {
    let sql = "SELECT coalesce(max(size), 0) FROM audit_retention WHERE org_id = $1";
    let row = tx.query(sql).bind(org.0).fetch_optional().await?;
    row.map_or(Ok(0), |row| Ok(row.get::<i64>(0)? as u64))
}

/// Removes what is older than `before` from the beginning of a log, up to [`BATCH`] entries; `None` if there is nothing to remove. The caller
/// puts it on the record in the same transaction. [`StorageError::Damaged`] if an entry is missing or altered: removing would hide it.
pub async fn remove(
    tx: &mut Tx,
    org: OrgId,
    before: Timestamp,
    now: Timestamp,
) -> Result<Option<Removed>, StorageError> {
    take_turn(tx, org).await?;
    let Some(head) = audit_checkpoints::newest(tx, org).await? else { return Ok(None) };
    let from = removed(tx, org).await?;
    // The newest leaf stays: a log is never empty again.
    let last = (from + BATCH).min(head.checkpoint.size.saturating_sub(1));
    let size = past(tx, org, (from, last), before).await?;
    if size <= from {
        return Ok(None);
    }
    let removed = Removed { from, size, before, checkpoint: head.checkpoint };
    write(tx, &removed, now).await?;
    Ok(Some(removed))
}

/// Two nodes do not remove from the same log at a time.
async fn take_turn(tx: &mut Tx, org: OrgId) -> Result<(), StorageError> {
    let Some(sql) = dialect::turn(tx.backend()) else { return Ok(()) };
    // Another number than that of changes of the organization's members.
    let number = !org.0.as_u64_pair().1 as i64;
    tx.query(sql).bind(number).execute().await.map(drop)
}

/// The first of these leaves whose entry is not past its time, or the end of them.
async fn past(
    tx: &mut Tx,
    org: OrgId,
    (from, to): (u64, u64),
    before: Timestamp,
) -> Result<u64, StorageError> {
    let rows = tx
        .query_built(format!(
            "SELECT {LEAF_COLUMNS}, l.leaf_index, l.leaf_hash FROM audit_leaves l LEFT JOIN audit_entries e ON e.org_id = l.org_id AND e.id = l.entry_id \
             WHERE l.org_id = $1 AND l.leaf_index >= $2 AND l.leaf_index < $3 ORDER BY l.leaf_index"
        ))
        .bind(org.0)
        .bind(from as i64)
        .bind(to as i64)
        .fetch_all()
        .await?;
    for (index, row) in (from..).zip(&rows) {
        let is = row.get::<Option<Uuid>>(6)?.is_some() && row.get::<i64>(LEAF_WIDTH)? as u64 == index;
        if !is || Leaf::hash(&audit_leaves::leaf(row)?) != audit_leaves::hash(row, LEAF_WIDTH + 1)? {
            let what = if is { "altered" } else { "missing" };
            return Err(StorageError::damaged(
                "the audit log",
                format!(
                    "entry {index} of organization {org} is {what}; nothing is removed, which would hide it. Run `factotum audit verify`"
                ),
            ));
        }
        if row.time(4)? >= before {
            return Ok(index);
        }
    }
    Ok(from + rows.len() as u64)
}

/// By the one function on PostgreSQL, which acts as the owner of the tables; in the same steps on SQLite, where the file has one owner.
async fn write(tx: &mut Tx, removed: &Removed, now: Timestamp) -> Result<(), StorageError> {
    let Removed { from, size, before, checkpoint } = removed;
    let org = checkpoint.org.0;
    if let Some(sql) = dialect::retain_audit(tx.backend()) {
        let statement =
            tx.query(sql).bind(org).bind(*size as i64).bind(before.as_micros()).bind(now.as_micros());
        return statement.fetch_all().await.map(drop);
    }
    tx.query("INSERT INTO audit_retention (org_id, size, older_than, checkpoint_size, checkpoint_root, at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(org)
        .bind(*size as i64)
        .bind(before.as_micros())
        .bind(checkpoint.size as i64)
        .bind(checkpoint.root.0.to_vec())
        .bind(now.as_micros())
        .execute()
        .await?;
    for sql in [
        "DELETE FROM audit_personal WHERE org_id = $1 AND entry_id IN \
         (SELECT entry_id FROM audit_leaves WHERE org_id = $1 AND leaf_index >= $2 AND leaf_index < $3)",
        "DELETE FROM audit_entries WHERE org_id = $1 AND id IN \
         (SELECT entry_id FROM audit_leaves WHERE org_id = $1 AND leaf_index >= $2 AND leaf_index < $3)",
    ] {
        tx.query(sql).bind(org).bind(*from as i64).bind(*size as i64).execute().await?;
    }
    Ok(())
}
