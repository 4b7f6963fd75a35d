//! Verifying one entry against the signed log, now: what `factotum audit verify` does for the whole trail, for a person who looks at one entry. What must hold:
//! the leaf is made again from the entry as it is stored, the path is followed from that leaf, and a signature counts only over what it leads to; what
//! does not hold is told, it is no error.

use factotum_model::audit_log::{Hash, Leaf, SignedCheckpoint, key};
use factotum_model::{AuditId, OrgId};
use tlog_tiles::tlog;

use crate::audit_checkpoints::{self, Stored};
use crate::audit_leaves::{self, LEAF_COLUMNS, LEAF_WIDTH};
use crate::audit_signing_keys::{self, StoredKey};
use crate::connection::Tx;
use crate::error::StorageError;
use crate::proof;

/// What came out for one entry.
#[derive(Debug)]
pub struct EntryCheck {
    /// The hash of the entry as it is stored now.
    pub leaf_hash: Hash,
    /// How it is sealed; none if it is not yet.
    pub seal: Option<SealCheck>,
}

/// What came out for its seal.
#[derive(Debug)]
pub struct SealCheck {
    /// The leaf's index.
    pub index: u64,
    /// The checkpoint that it was checked against.
    pub checkpoint: Stored,
    /// Whether the log has the same hash for this leaf.
    pub same_leaf: bool,
    /// How many hashes lie beside the path; none where the log has no such path.
    pub hashes: Option<usize>,
    /// Whether the path leads from the entry as it is stored to the checkpoint's root.
    pub leads_to_root: bool,
    /// Whether the signed text says what the checkpoint's columns say.
    pub note_agrees: bool,
    /// The key that signed it, of those of the organization.
    pub signer: Option<StoredKey>,
    /// Whether each key before that one named its successor.
    pub keys_follow: bool,
}

impl EntryCheck {
    /// Whether all holds.
    pub fn holds(&self) -> bool {
        self.seal.as_ref().is_some_and(|seal| {
            seal.same_leaf
                && seal.leads_to_root
                && seal.note_agrees
                && seal.signer.is_some()
                && seal.keys_follow
        })
    }
}

/// Verifies an entry against the newest checkpoint. None if there is no such entry.
pub async fn check(tx: &mut Tx, org: OrgId, id: AuditId) -> Result<Option<EntryCheck>, StorageError> {
    let sql = format!(
        "SELECT {LEAF_COLUMNS}, l.leaf_index, l.leaf_hash FROM audit_entries e \
         LEFT JOIN audit_leaves l ON l.entry_id = e.id AND l.org_id = e.org_id WHERE e.org_id = $1 AND e.id = $2"
    );
    let Some(row) = tx.query_built(sql).bind(org.0).bind(id.0).fetch_optional().await? else {
        return Ok(None);
    };
    let leaf_hash = Leaf::hash(&audit_leaves::leaf(&row)?);
    let index: Option<i64> = row.get(LEAF_WIDTH)?;
    let sealed_hash: Option<Vec<u8>> = row.get(LEAF_WIDTH + 1)?;
    let (Some(index), Some(checkpoint)) = (index, audit_checkpoints::newest(tx, org).await?) else {
        return Ok(Some(EntryCheck { leaf_hash, seal: None }));
    };
    let (index, size, root) = (index as u64, checkpoint.checkpoint.size, checkpoint.checkpoint.root);
    let path = proof::path(tx, org, size, index).await?.ok();
    let leads = |hashes: &Vec<Hash>| tlog::check_record(hashes, size, root, index, leaf_hash).is_ok();
    let leads_to_root = path.as_ref().is_some_and(leads);
    let signed = SignedCheckpoint::parse(&checkpoint.note).ok();
    let note_agrees = signed.as_ref().is_some_and(|signed| signed.checkpoint == checkpoint.checkpoint);
    let keys = audit_signing_keys::list(tx, org).await?;
    let signer = signed.and_then(|signed| keys.iter().rposition(|key| signed.is_signed_by(key.public)));
    let keys_follow = signer.is_some_and(|last| follow(org, &keys[..=last]));
    let seal = SealCheck {
        index,
        same_leaf: sealed_hash.as_deref() == Some(leaf_hash.0.as_slice()),
        hashes: path.map(|hashes| hashes.len()),
        leads_to_root,
        note_agrees,
        signer: signer.map(|at| keys[at].clone()),
        keys_follow,
        checkpoint,
    };
    Ok(Some(EntryCheck { leaf_hash, seal: Some(seal) }))
}

/// Whether each key but the first was named by the one before it.
fn follow(org: OrgId, keys: &[StoredKey]) -> bool {
    keys.windows(2).all(|pair| {
        let note = pair[1].endorsement.as_deref();
        note.is_some_and(|note| key::endorses(note, org, pair[0].public, pair[1].public))
    })
}
