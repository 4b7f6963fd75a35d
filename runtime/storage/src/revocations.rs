//! How often keys were revoked or their lives shortened: the count that caches of keys go by. What must hold: the count grows with each
//! such change, in its transaction and in the order of commits (the database's own trigger does it, on one locked row), so that
//! who has seen a count has seen all that it counts; a node reports a count only after its cache has moved on to it.

use factotum_model::NodeId;

use crate::connection::Tx;
use crate::dialect;
use crate::error::StorageError;

/// A count of revocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Revocations(pub i64);

/// The count now; inside a transaction that revokes, with its own.
pub async fn count(tx: &mut Tx) -> Result<Revocations, StorageError> {
    let row = tx.query("SELECT seq FROM revocations WHERE one = 1").fetch_optional().await?;
    let row = row.ok_or_else(|| StorageError::damaged("revocations", "the row is missing"))?;
    row.get(0).map(Revocations)
}

/// Reports that a node's cache has moved on to a count. A node that is not listed reports nothing.
pub async fn report(tx: &mut Tx, node: NodeId, seen: Revocations) -> Result<(), StorageError> {
    tx.query("UPDATE nodes SET revocations_seen = $2 WHERE id = $1 AND revocations_seen < $2")
        .bind(node.0)
        .bind(seen.0)
        .execute()
        .await
        .map(drop)
}

/// The other nodes that have not reported this count. A node that died is listed until it has been silent for
/// [`Storage::LEASE`](crate::Storage::LEASE). On SQLite there is no other: what is listed there is a predecessor.
pub async fn behind(tx: &mut Tx, node: NodeId, count: Revocations) -> Result<Vec<NodeId>, StorageError> {
    if !dialect::is_shared(tx.backend()) {
        return Ok(Vec::new());
    }
    let rows = tx
        .query("SELECT id FROM nodes WHERE id <> $1 AND revocations_seen < $2 ORDER BY id")
        .bind(node.0)
        .bind(count.0)
        .fetch_all()
        .await?;
    rows.iter().map(|row| row.id(0)).collect()
}
