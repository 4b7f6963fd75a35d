//! Which entry is which leaf of its organization's log. What must hold: indexes start at 0 and have no gap, a leaf is never changed, and
//! what it commits to is made of the stored columns of the entry, here and nowhere else.

use factotum_model::audit_log::{Hash, Leaf};
use factotum_model::{AuditId, OrgId};
use uuid::Uuid;

use crate::connection::{Row, Tx};
use crate::error::StorageError;

/// The columns that a leaf commits to, sorted by name, as [`leaf`] reads them, of a table called `e`. A column that comes later must be
/// null in the entries that were there before.
pub(crate) const LEAF_COLUMNS: &str = "e.action, e.actor_id, e.actor_kind, e.actor_name, e.at, e.detail, e.id, e.initiator_kind, e.key_id, e.org_id, e.outcome, e.run_id, e.target_id, e.trigger_id";
/// How many they are: what follows them in a row has this number.
pub(crate) const LEAF_WIDTH: usize = 14;

/// The bytes of an entry's leaf, from a row that begins with [`LEAF_COLUMNS`].
pub(crate) fn leaf(row: &Row) -> Result<Vec<u8>, StorageError> {
    let text = |column| row.get::<Option<String>>(column);
    let id = |column| row.get::<Option<Uuid>>(column);
    let mut leaf = Leaf::default();
    leaf.text("action", text(0)?.as_deref());
    leaf.id("actor_id", id(1)?);
    leaf.text("actor_kind", text(2)?.as_deref());
    leaf.text("actor_name", text(3)?.as_deref());
    leaf.number("at", row.get(4)?);
    leaf.text("detail", text(5)?.as_deref());
    leaf.id("id", id(6)?);
    leaf.text("initiator_kind", text(7)?.as_deref());
    leaf.id("key_id", id(8)?);
    leaf.id("org_id", id(9)?);
    leaf.text("outcome", text(10)?.as_deref());
    leaf.id("run_id", id(11)?);
    leaf.text("target_id", text(12)?.as_deref());
    leaf.id("trigger_id", id(13)?);
    Ok(leaf.into_bytes())
}

/// A hash as it is stored.
pub(crate) fn hash(row: &Row, column: usize) -> Result<Hash, StorageError> {
    let bytes: Vec<u8> = row.get(column)?;
    let length = bytes.len();
    bytes.try_into().map(Hash).map_err(|_| {
        StorageError::damaged("the audit log", format!("a hash has {length} bytes in the place of 32"))
    })
}

/// Leaves of an organization from an index on.
pub(crate) async fn append(
    tx: &mut Tx,
    org: OrgId,
    first: u64,
    leaves: &[(AuditId, Hash)],
) -> Result<(), StorageError> {
    let rows: Vec<_> = (first as i64..).zip(leaves).collect();
    tx.insert_rows(
        "INSERT INTO audit_leaves (org_id, leaf_index, entry_id, leaf_hash) VALUES {rows}",
        4,
        &rows,
        |statement, (index, (entry, hash))| {
            statement.bind(org.0).bind(*index).bind(entry.0).bind(hash.0.to_vec())
        },
    )
    .await
    .map(drop)
}

/// Whether there is a leaf of this index.
pub(crate) async fn exists(tx: &mut Tx, org: OrgId, index: i64) -> Result<bool, StorageError> {
    let row = tx
        .query("SELECT 1 FROM audit_leaves WHERE org_id = $1 AND leaf_index = $2")
        .bind(org.0)
        .bind(index)
        .fetch_optional()
        .await?;
    Ok(row.is_some())
}

/// The hashes of the leaves `from..to`; fewer if some are not there.
pub async fn hashes(tx: &mut Tx, org: OrgId, from: u64, to: u64) -> Result<Vec<Hash>, StorageError> {
    let rows = tx
        .query("SELECT leaf_hash FROM audit_leaves WHERE org_id = $1 AND leaf_index >= $2 AND leaf_index < $3 ORDER BY leaf_index")
        .bind(org.0)
        .bind(from as i64)
        .bind(to as i64)
        .fetch_all()
        .await?;
    rows.iter().map(|row| hash(row, 0)).collect()
}
