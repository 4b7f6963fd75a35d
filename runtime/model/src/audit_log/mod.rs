//! The audit trail as a transparency log: what a leaf commits to, the Merkle tree over the leaves (RFC 6962 §2.1), checkpoints that are
//! signed notes (C2SP `tlog-checkpoint`, `signed-note`), and the keys that sign them. What must hold: everything here can be computed
//! again by a program of another make, from what is published and from nothing else.

pub mod checkpoint;
pub mod frontier;
pub mod key;
pub mod leaf;

pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint, origin};
pub use frontier::Frontier;
pub use key::{PublicKey, SigningKey, VerifierKeyError};
pub use leaf::Leaf;
/// A hash of the tree: SHA-256, shown in base64.
pub use tlog_tiles::tlog::Hash;
