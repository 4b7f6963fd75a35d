//! Checkpoints: how large the log of an organization is and what its root is, signed (C2SP `tlog-checkpoint`). What must hold: the origin
//! names organization and epoch, so that a log that was begun again after a restore never passes for the one before it.

use signed_note::Note;
use tlog_tiles::checkpoint::Checkpoint as Body;
use tlog_tiles::tlog::Hash;

use super::key::{PublicKey, SigningKey};
use crate::id::OrgId;
use crate::time::Timestamp;

/// What all origins begin with.
const PREFIX: &str = "factotum/audit";
/// The last second of the year 9999: no epoch is later, so there is always another after it.
const LAST_EPOCH: u64 = 253_402_300_799;

/// What is wrong with a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// No signed note with a checkpoint.
    #[error("not a signed checkpoint (C2SP tlog-checkpoint)")]
    Malformed,
    /// Of another kind of log.
    #[error(
        "a checkpoint, but not of an audit trail of Factotum: its first line is not `factotum/audit/ORGANIZATION/EPOCH`"
    )]
    Origin,
}

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Whose trail.
    pub org: OrgId,
    /// Which epoch of it: the second, since 1970, in which it began.
    pub epoch: u64,
    /// How many leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// When it was signed.
    pub at: Timestamp,
}

/// The first line of checkpoints of an organization's epoch, and the name of the key that signs them.
pub fn origin(org: OrgId, epoch: u64) -> String {
    format!("{}/{epoch}", origin_of_org(org))
}

/// What is the same in all its epochs.
pub(super) fn origin_of_org(org: OrgId) -> String {
    format!("{PREFIX}/{}", org.0)
}

impl Checkpoint {
    /// The first line, and the name of the key.
    pub fn origin(&self) -> String {
        origin(self.org, self.epoch)
    }

    /// Signs it; the text of the note.
    pub fn sign(&self, key: &SigningKey) -> Result<String, CheckpointError> {
        let (origin, at) = (self.origin(), format!("at {}\n", self.at));
        let body =
            Body::new(&origin, self.size, self.root, &at).map_err(|_| CheckpointError::Malformed)?.to_bytes();
        let text = String::from_utf8(body).map_err(|_| CheckpointError::Malformed)?;
        key.sign(&origin, &text).map_err(|_| CheckpointError::Malformed)
    }
}

/// A checkpoint as a note, its signatures not looked at yet.
#[derive(Debug)]
pub struct SignedCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    note: Note,
}

impl SignedCheckpoint {
    /// Reads a note.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let note = Note::from_bytes(text.as_bytes()).map_err(|_| CheckpointError::Malformed)?;
        let body = Body::from_bytes(note.text()).map_err(|_| CheckpointError::Malformed)?;
        let named = body.origin().strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('/'));
        let (org, epoch) = named.and_then(|rest| rest.split_once('/')).ok_or(CheckpointError::Origin)?;
        let (org, epoch) = (org.parse().map(OrgId), epoch.parse());
        let (Ok(org), Ok(epoch)) = (org, epoch) else { return Err(CheckpointError::Origin) };
        if epoch > LAST_EPOCH {
            return Err(CheckpointError::Origin);
        }
        let at = body.extension().lines().find_map(|line| line.strip_prefix("at ")?.parse().ok());
        let checkpoint = Checkpoint {
            org,
            epoch,
            size: body.size(),
            root: *body.hash(),
            at: at.ok_or(CheckpointError::Malformed)?,
        };
        // Another spelling of the same would be another note.
        if checkpoint.origin() != body.origin() {
            return Err(CheckpointError::Origin);
        }
        Ok(Self { checkpoint, note })
    }

    /// Whether this key signed it.
    pub fn is_signed_by(&self, key: PublicKey) -> bool {
        key.signed(&self.checkpoint.origin(), &self.note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redacted::Redacted;

    fn example() -> (SigningKey, Checkpoint) {
        let key = SigningKey::from_seed(&Redacted::new([7; 32]));
        let org = OrgId(uuid::Uuid::from_u128(1));
        let at = Timestamp::from_micros(1_800_000_000_123_456);
        (key, Checkpoint { org, epoch: 1_800_000_000, size: 5, root: Hash([9; 32]), at })
    }

    #[test]
    fn it_is_a_signed_note_that_says_what_it_was_made_of() {
        let (key, checkpoint) = example();
        let text = checkpoint.sign(&key).unwrap();
        let (body, signatures) = text.split_once("\n\n").unwrap();
        assert_eq!(
            body,
            "factotum/audit/00000000-0000-0000-0000-000000000001/1800000000\n5\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\nat 2027-01-15T08:00:00.123456Z"
        );
        assert!(signatures.starts_with("— factotum/audit/00000000-0000-0000-0000-000000000001/1800000000 "));
        let read = SignedCheckpoint::parse(&text).unwrap();
        assert_eq!(read.checkpoint, checkpoint);
        assert!(read.is_signed_by(key.public()));
        assert!(!read.is_signed_by(SigningKey::from_seed(&Redacted::new([8; 32])).public()));
    }

    #[test]
    fn a_changed_note_is_not_signed() {
        let (key, checkpoint) = example();
        let text = checkpoint.sign(&key).unwrap();
        let mut accepted = 0;
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let good = SignedCheckpoint::parse(&changed).is_ok_and(|note| note.is_signed_by(key.public()));
            accepted += usize::from(good);
        }
        assert_eq!(accepted, 0, "no byte can be changed");
    }

    #[test]
    fn notes_of_other_logs_are_told_apart() {
        let (key, _) = example();
        let other = key.sign(
            "go.sum database tree",
            "go.sum database tree\n5\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n",
        );
        // A key's name has no spaces.
        assert!(other.is_err());
        let other =
            key.sign("x", "sum.golang.org\n5\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n").unwrap();
        assert_eq!(SignedCheckpoint::parse(&other).unwrap_err(), CheckpointError::Origin);
        assert_eq!(SignedCheckpoint::parse("hello").unwrap_err(), CheckpointError::Malformed);
    }
}
