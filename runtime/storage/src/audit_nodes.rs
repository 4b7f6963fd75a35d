//! The tree above the leaves: complete subtrees of 256, 256², … leaves. What must hold: any hash of the tree is computed from at most 128
//! stored ones, so that a proof costs a few short reads at any size, and a leaf costs 1/255 of a row.

use std::collections::HashMap;

use factotum_model::OrgId;
use factotum_model::audit_log::frontier::{NODE_LEVELS, NODE_WIDTH};
use factotum_model::audit_log::{Frontier, Hash};

use crate::audit_leaves;
use crate::connection::Tx;
use crate::error::StorageError;

/// A stored node: its level in powers of 256, its index there, its hash.
pub(crate) type Node = (u8, u64, Hash);

/// The node that a completed subtree of 2^level leaves is, if it is one that is stored.
pub(crate) const fn stored(level: u8, index: u64, hash: Hash) -> Option<Node> {
    if level.is_multiple_of(NODE_LEVELS) { Some((level / NODE_LEVELS, index, hash)) } else { None }
}

/// Adds nodes.
pub(crate) async fn append(tx: &mut Tx, org: OrgId, nodes: &[Node]) -> Result<(), StorageError> {
    tx.insert_rows(
        "INSERT INTO audit_nodes (org_id, level, node_index, hash) VALUES {rows}",
        4,
        nodes,
        |statement, (level, index, hash)| {
            statement.bind(org.0).bind(i64::from(*level)).bind(*index as i64).bind(hash.0.to_vec())
        },
    )
    .await
    .map(drop)
}

/// The hashes `from..to` of a level in powers of 256, 0 being the leaves; fewer if some are not there.
pub(crate) async fn hashes(
    tx: &mut Tx,
    org: OrgId,
    level: u8,
    from: u64,
    to: u64,
) -> Result<Vec<Hash>, StorageError> {
    if from >= to {
        return Ok(Vec::new());
    }
    if level == 0 {
        return audit_leaves::hashes(tx, org, from, to).await;
    }
    let rows = tx
        .query("SELECT hash FROM audit_nodes WHERE org_id = $1 AND level = $2 AND node_index >= $3 AND node_index < $4 ORDER BY node_index")
        .bind(org.0)
        .bind(i64::from(level))
        .bind(from as i64)
        .bind(to as i64)
        .fetch_all()
        .await?;
    rows.iter().map(|row| audit_leaves::hash(row, 0)).collect()
}

/// The right edge of the tree of the first `size` leaves. Where hashes are missing it is smaller.
pub(crate) async fn frontier(tx: &mut Tx, org: OrgId, size: u64) -> Result<Frontier, StorageError> {
    let mut frontier = Frontier::default();
    let levels = (0u8..7).take_while(|level| size >> (level * NODE_LEVELS) > 0).collect::<Vec<_>>();
    for level in levels.into_iter().rev() {
        let shift = level * NODE_LEVELS;
        // What is a whole node of the level above is in there already.
        let (from, to) = ((size >> shift) / NODE_WIDTH * NODE_WIDTH, size >> shift);
        for hash in hashes(tx, org, level, from, to).await? {
            frontier.append_subtree(shift, hash, |_, _, _| {});
        }
    }
    Ok(frontier)
}

/// The hashes of complete subtrees, each given by its level in powers of 2 and its index there; those that cannot be computed are left
/// out.
pub(crate) async fn subtrees(
    tx: &mut Tx,
    org: OrgId,
    wanted: &[(u8, u64)],
) -> Result<HashMap<(u8, u64), Hash>, StorageError> {
    let mut found = HashMap::new();
    for (level, index) in wanted.iter().copied() {
        let (base, above) = (level / NODE_LEVELS, level % NODE_LEVELS);
        let below = hashes(tx, org, base, index << above, (index + 1) << above).await?;
        let mut tree = Frontier::default();
        for hash in below {
            tree.append(hash, |_, _, _| {});
        }
        if tree.size() == 1 << above {
            found.insert((level, index), tree.root());
        }
    }
    Ok(found)
}
