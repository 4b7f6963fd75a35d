//! Proofs that an entry is in the log: the path from its leaf to the signed root (RFC 6962 §2.1.1). What must hold: it is made of what is
//! stored, and tells whoever checks it nothing that they would have to believe.

use std::cell::RefCell;
use std::collections::HashMap;

use factotum_model::audit_log::{Hash, Leaf};
use factotum_model::{AuditId, OrgId};
use tlog_tiles::tlog::{self, HashReader};

use crate::audit_checkpoints::{self, Stored};
use crate::audit_leaves::{self, LEAF_COLUMNS, LEAF_WIDTH};
use crate::audit_nodes;
use crate::connection::Tx;
use crate::error::StorageError;

/// That an entry is in the log.
#[derive(Debug)]
pub struct Inclusion {
    /// Its index.
    pub index: u64,
    /// The bytes of the leaf.
    pub leaf: Vec<u8>,
    /// The hashes beside the path, from the leaf up.
    pub hashes: Vec<Hash>,
    /// The checkpoint that has the root.
    pub checkpoint: Stored,
}

/// What there is of an entry.
#[derive(Debug)]
pub enum Found {
    /// It is not sealed yet.
    NotYet,
    /// It is.
    Sealed(Box<Inclusion>),
}

/// The proof for an entry, against the newest checkpoint. An entry whose proof does not hold is [`StorageError::Damaged`].
pub async fn inclusion(tx: &mut Tx, org: OrgId, id: AuditId) -> Result<Option<Found>, StorageError> {
    let sql = format!(
        "SELECT {LEAF_COLUMNS}, l.leaf_index FROM audit_entries e \
         LEFT JOIN audit_leaves l ON l.entry_id = e.id AND l.org_id = e.org_id WHERE e.org_id = $1 AND e.id = $2"
    );
    let Some(row) = tx.query_built(sql).bind(org.0).bind(id.0).fetch_optional().await? else {
        return Ok(None);
    };
    let leaf = audit_leaves::leaf(&row)?;
    let index: Option<i64> = row.get(LEAF_WIDTH)?;
    let (Some(index), Some(checkpoint)) = (index, audit_checkpoints::newest(tx, org).await?) else {
        return Ok(Some(Found::NotYet));
    };
    let (index, size) = (index as u64, checkpoint.checkpoint.size);
    let damaged = |_| {
        let reason = format!(
            "leaf {index} cannot be proved to be in the log of size {size}: it was tampered with; run `factotum audit verify`"
        );
        StorageError::damaged("the audit log", reason)
    };
    let hashes = path(tx, org, size, index).await?.map_err(damaged)?;
    tlog::check_record(&hashes, size, checkpoint.checkpoint.root, index, Leaf::hash(&leaf))
        .map_err(damaged)?;
    Ok(Some(Found::Sealed(Box::new(Inclusion { index, leaf, hashes, checkpoint }))))
}

/// The hashes beside the path from a leaf to the root over `size` leaves, from below; or why there is no such path.
pub(crate) async fn path(
    tx: &mut Tx,
    org: OrgId,
    size: u64,
    index: u64,
) -> Result<Result<Vec<Hash>, tlog::Error>, StorageError> {
    if index >= size {
        return Ok(Err(tlog::Error::IndexesNotInTree));
    }
    let asked = Asked::default();
    // The first try only tells which hashes are needed.
    let _ = tlog::prove_record(size, index, &asked);
    let wanted: Vec<_> = asked.0.into_inner().into_iter().map(tlog::split_stored_hash_index).collect();
    if wanted.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    let there = There(audit_nodes::subtrees(tx, org, &wanted).await?);
    Ok(tlog::prove_record(size, index, &there))
}

/// Notes which hashes it is asked for.
#[derive(Default)]
struct Asked(RefCell<Vec<u64>>);

impl HashReader for Asked {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog::Error> {
        self.0.borrow_mut().extend_from_slice(indexes);
        Err(tlog::Error::IndexesNotInTree)
    }
}

struct There(HashMap<(u8, u64), Hash>);

impl HashReader for There {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog::Error> {
        let find = |index: &u64| self.0.get(&tlog::split_stored_hash_index(*index)).copied();
        indexes.iter().map(find).collect::<Option<_>>().ok_or(tlog::Error::IndexesNotInTree)
    }
}
