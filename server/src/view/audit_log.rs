//! The log of the audit trail in JSON.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use factotum_model::audit_log::{Hash, Leaf};
use factotum_storage::proof::Inclusion;
use schemars::JsonSchema;
use serde::Serialize;

use crate::operations::audit::VerifierKey;

/// The proof that an entry is in the log (RFC 6962 §2.1.1).
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditProof")]
pub struct ProofView {
    /// The leaf's index, from 0.
    pub leaf_index: u64,
    /// Over how many leaves the checkpoint was signed.
    pub tree_size: u64,
    /// What the leaf commits to, as the bytes that are hashed.
    pub leaf: String,
    /// The leaf's hash: SHA-256 of a zero byte and the leaf, in base64.
    pub leaf_hash: String,
    /// The hashes beside the path from the leaf to the root, from below, in base64.
    pub hashes: Vec<String>,
    /// The root, in base64, as it stands in the checkpoint.
    pub root: String,
    /// The signed checkpoint.
    pub checkpoint: String,
    /// The key that signed it.
    pub verifier_key: String,
}

impl ProofView {
    /// The proof as it is published.
    pub fn of(proof: &Inclusion, key: VerifierKey) -> Self {
        let base64 = |hash: &Hash| BASE64_STANDARD.encode(hash.0);
        let checkpoint = &proof.checkpoint;
        Self {
            leaf_index: proof.index,
            tree_size: checkpoint.checkpoint.size,
            leaf: String::from_utf8_lossy(&proof.leaf).into_owned(),
            leaf_hash: base64(&Leaf::hash(&proof.leaf)),
            hashes: proof.hashes.iter().map(base64).collect(),
            root: base64(&checkpoint.checkpoint.root),
            checkpoint: checkpoint.note.clone(),
            verifier_key: key.text,
        }
    }
}

/// A key that signs checkpoints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditKey")]
pub struct VerifierKeyView {
    /// For a verifier: name, hash and key (C2SP signed-note).
    pub verifier_key: String,
    /// Since when it signs.
    pub created_at: String,
    /// The note by which the key before it names it; null for the first.
    pub endorsement: Option<String>,
}

impl From<VerifierKey> for VerifierKeyView {
    fn from(key: VerifierKey) -> Self {
        Self {
            verifier_key: key.text,
            created_at: key.key.created_at.to_string(),
            endorsement: key.key.endorsement,
        }
    }
}
