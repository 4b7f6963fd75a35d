//! What was signed of an organization's log, and the epochs of it. What must hold: whatever leaves there are, the newest checkpoint covers
//! all of them, since both are written by one transaction.

use factotum_model::audit_log::{Checkpoint, Hash};
use factotum_model::{OrgId, Timestamp};

use crate::audit_leaves;
use crate::connection::{Row, Tx};
use crate::error::StorageError;

/// A checkpoint as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its number in the organization, from 0.
    pub index: u64,
    /// What it says, as the columns have it.
    pub checkpoint: Checkpoint,
    /// The signed note.
    pub note: String,
}

/// An epoch of an organization's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// Its number: the second in which it began.
    pub epoch: u64,
    /// How many leaves there were when it began.
    pub size: u64,
    /// When it began.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// The newest of an organization.
pub async fn newest(tx: &mut Tx, org: OrgId) -> Result<Option<Stored>, StorageError> {
    let row = tx
        .query("SELECT checkpoint_index, epoch, size, root, at, note FROM audit_checkpoints WHERE org_id = $1 ORDER BY checkpoint_index DESC LIMIT 1")
        .bind(org.0)
        .fetch_optional()
        .await?;
    row.map(|row| read(&row, org)).transpose()
}

/// From an index on, at most so many.
pub async fn list(tx: &mut Tx, org: OrgId, from: u64, limit: u32) -> Result<Vec<Stored>, StorageError> {
    let rows = tx
        .query("SELECT checkpoint_index, epoch, size, root, at, note FROM audit_checkpoints WHERE org_id = $1 AND checkpoint_index >= $2 ORDER BY checkpoint_index LIMIT $3")
        .bind(org.0)
        .bind(from as i64)
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(|row| read(row, org)).collect()
}

fn read(row: &Row, org: OrgId) -> Result<Stored, StorageError> {
    let number = |column| row.get::<i64>(column).map(|n| n as u64);
    let root: Hash = audit_leaves::hash(row, 3)?;
    Ok(Stored {
        index: number(0)?,
        checkpoint: Checkpoint { org, epoch: number(1)?, size: number(2)?, root, at: row.time(4)? },
        note: row.get(5)?,
    })
}

pub(crate) async fn append(tx: &mut Tx, stored: &Stored) -> Result<(), StorageError> {
    let checkpoint = &stored.checkpoint;
    tx.query("INSERT INTO audit_checkpoints (org_id, checkpoint_index, epoch, size, root, at, note) VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(checkpoint.org.0)
        .bind(stored.index as i64)
        .bind(checkpoint.epoch as i64)
        .bind(checkpoint.size as i64)
        .bind(checkpoint.root.0.to_vec())
        .bind(checkpoint.at.as_micros())
        .bind(stored.note.clone())
        .execute()
        .await
        .map(drop)
}

/// The epochs of an organization, the first one first.
pub async fn epochs(tx: &mut Tx, org: OrgId) -> Result<Vec<Epoch>, StorageError> {
    let rows = tx
        .query("SELECT epoch, size, at, reason FROM audit_epochs WHERE org_id = $1 ORDER BY epoch")
        .bind(org.0)
        .fetch_all()
        .await?;
    let read = |row: &Row| {
        Ok(Epoch {
            epoch: row.get::<i64>(0)? as u64,
            size: row.get::<i64>(1)? as u64,
            at: row.time(2)?,
            reason: row.get(3)?,
        })
    };
    rows.iter().map(read).collect()
}

pub(crate) async fn append_epoch(tx: &mut Tx, org: OrgId, epoch: &Epoch) -> Result<(), StorageError> {
    tx.query("INSERT INTO audit_epochs (org_id, epoch, size, at, reason) VALUES ($1, $2, $3, $4, $5)")
        .bind(org.0)
        .bind(epoch.epoch as i64)
        .bind(epoch.size as i64)
        .bind(epoch.at.as_micros())
        .bind(epoch.reason.clone())
        .execute()
        .await
        .map(drop)
}
