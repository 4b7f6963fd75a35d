//! How far entries are sealed. What must hold: whoever moves the bound was the last to look at it, so that two sealers never follow the
//! same plan.

use factotum_model::audit_log::Hash;
use factotum_model::audit_log::Leaf;
use factotum_model::{AuditId, OrgId};
use uuid::Uuid;

use crate::audit_leaves::{self, LEAF_WIDTH};
use crate::connection::Tx;
use crate::dialect;
use crate::error::StorageError;

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealing {
    /// What is within it is sealed; in the terms of the database.
    pub bound: String,
    /// How often it was moved or worked on.
    pub rounds: i64,
}

/// Where a scan of what is new has come to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place(i64, Uuid);

impl Place {
    pub(crate) const START: Self = Self(0, Uuid::nil());
}

/// An entry that is to be a leaf.
#[derive(Debug)]
pub(crate) struct Unsealed {
    pub id: AuditId,
    pub org: OrgId,
    pub hash: Hash,
    pub place: Place,
    /// The bound that holds once this entry and all before and after it in the scan are sealed.
    pub bound: String,
}

/// How far it is now.
pub(crate) async fn now(tx: &mut Tx) -> Result<Sealing, StorageError> {
    let row = tx.query("SELECT bound, rounds FROM audit_sealing WHERE one = 1").fetch_optional().await?;
    let row = row.ok_or_else(|| StorageError::damaged("audit_sealing", "its row is missing"))?;
    Ok(Sealing { bound: row.get(0)?, rounds: row.get(1)? })
}

/// Whether the bound was made by another database than this one.
pub(crate) async fn is_foreign(tx: &mut Tx, bound: &str) -> Result<bool, StorageError> {
    let sql = dialect::seal::is_foreign(tx.backend());
    let row = tx.query(sql).bind(bound.to_owned()).fetch_optional().await?;
    row.map_or(Ok(false), |row| Ok(row.get::<i64>(0)? == 1))
}

/// Entries that are no leaves yet.
pub(crate) async fn unsealed(
    tx: &mut Tx,
    bound: &str,
    after: Place,
    limit: u32,
) -> Result<Vec<Unsealed>, StorageError> {
    let sql = dialect::seal::unsealed(tx.backend());
    let rows = tx
        .query_built(sql)
        .bind(bound.to_owned())
        .bind(after.0)
        .bind(after.1)
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter()
        .map(|row| {
            let id: AuditId = row.id(6)?;
            Ok(Unsealed {
                id,
                org: row.id(9)?,
                hash: Leaf::hash(&audit_leaves::leaf(row)?),
                place: Place(row.get(LEAF_WIDTH)?, id.0),
                bound: row.get(LEAF_WIDTH + 1)?,
            })
        })
        .collect()
}

/// Takes the turn to seal, for this transaction, and counts the round; false if another has it, or had it since `seen`.
pub(crate) async fn take_turn(tx: &mut Tx, seen: &Sealing) -> Result<bool, StorageError> {
    let sql = dialect::seal::sealers_turn(tx.backend());
    let turn = tx.query(sql).fetch_optional().await?.map_or(Ok(0), |row| row.get::<i64>(0))?;
    if turn == 0 {
        return Ok(false);
    }
    let changed = tx
        .query("UPDATE audit_sealing SET rounds = rounds + 1 WHERE one = 1 AND rounds = $1 AND bound = $2")
        .bind(seen.rounds)
        .bind(seen.bound.clone())
        .execute()
        .await?;
    Ok(changed == 1)
}

/// Moves the bound; in the transaction that took the turn.
pub(crate) async fn move_bound(tx: &mut Tx, bound: &str) -> Result<(), StorageError> {
    tx.query("UPDATE audit_sealing SET bound = $1 WHERE one = 1").bind(bound.to_owned()).execute().await?;
    Ok(())
}

/// Forgets the bound: all entries are looked at once more.
pub(crate) async fn forget_bound(tx: &mut Tx) -> Result<(), StorageError> {
    let none = dialect::seal::no_bound(tx.backend());
    move_bound(tx, none).await
}
