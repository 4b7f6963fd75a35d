//! Checkpoints under verification: those of the database, in step with the leaves, and those that were taken off the host. What must hold:
//! each is signed by a key of its organization, says what its columns say, and has the root that the leaves have.

use std::collections::VecDeque;

use factotum_model::audit_log::{Checkpoint, Frontier, PublicKey, SignedCheckpoint};

use super::{Finding, Kind, Report};
use crate::audit_checkpoints::{self, Epoch, Stored};
use crate::connection::Tx;
use crate::error::StorageError;

/// How many are read at a time.
const PAGE: u32 = 500;

/// The checkpoints of the database, one after another.
#[derive(Debug, Default)]
pub(super) struct Stream {
    read: VecDeque<Stored>,
    next: u64,
    ended: bool,
    /// How many were good.
    pub(super) checked: u64,
    /// The size of the newest good one.
    pub(super) good: u64,
}

impl Stream {
    /// The next one.
    pub(super) async fn peek(
        &mut self,
        tx: &mut Tx,
        report: &Report,
    ) -> Result<Option<&Stored>, StorageError> {
        if self.read.is_empty() && !self.ended {
            let more = audit_checkpoints::list(tx, report.org, self.next, PAGE).await?;
            self.ended = more.len() < PAGE as usize;
            self.next = more.last().map_or(self.next, |stored| stored.index + 1);
            self.read = more.into();
        }
        Ok(self.read.front())
    }

    /// Checks all that are of the size that the tree has now. The finding says nothing of leaves yet.
    pub(super) async fn check(
        &mut self,
        tx: &mut Tx,
        report: &Report,
        tree: &Frontier,
    ) -> Result<Option<Finding>, StorageError> {
        loop {
            let number = self.checked;
            let Some(stored) = self.peek(tx, report).await? else { return Ok(None) };
            if stored.checkpoint.size > tree.size() {
                return Ok(None);
            }
            if let Some(finding) = signature(stored, number, report) {
                return Ok(Some(finding));
            }
            let stored =
                self.read.pop_front().unwrap_or_else(|| unreachable!("it was looked at a moment ago"));
            if stored.checkpoint.root != tree.root() {
                let reason = format!(
                    "the root over the first {} leaves is {}, signed was {} (checkpoint {})",
                    tree.size(),
                    tree.root(),
                    stored.checkpoint.root,
                    stored.index
                );
                return Ok(Some(Finding::new(Kind::Altered, reason).before(tree.size())));
            }
            self.checked += 1;
            self.good = tree.size();
        }
    }
}

/// That a checkpoint is the next one, says in the note what its columns say, and is signed.
fn signature(stored: &Stored, number: u64, report: &Report) -> Option<Finding> {
    let forged =
        |what: String| Some(Finding::new(Kind::Forged, format!("checkpoint {}: {what}", stored.index)));
    if stored.index != number {
        let reason = format!("checkpoint {number} is gone, the next one there is {}", stored.index);
        return Some(Finding::new(Kind::Missing, reason));
    }
    let signed = match SignedCheckpoint::parse(&stored.note) {
        Ok(signed) => signed,
        Err(error) => return forged(error.to_string()),
    };
    if signed.checkpoint != stored.checkpoint {
        return forged("its columns do not say what was signed".to_owned());
    }
    if !report.epochs.iter().any(|epoch| epoch.epoch == stored.checkpoint.epoch) {
        return forged(format!("there is no epoch {}", stored.checkpoint.epoch));
    }
    if !report.keys.iter().rev().any(|key| signed.is_signed_by(*key)) {
        return forged("it is signed by no key of this organization".to_owned());
    }
    None
}

/// The epoch that began before the leaves that a checkpoint was signed over, if one did: the end of its own epoch was cut off.
fn cut<'a>(report: &'a Report, theirs: &Checkpoint) -> Option<&'a Epoch> {
    report.epochs.iter().find(|epoch| epoch.epoch > theirs.epoch && epoch.size < theirs.size)
}

/// Those whose leaves must still be the first ones.
pub(super) fn not_cut<'a>(
    report: &Report,
    outside: &[&'a (String, SignedCheckpoint)],
) -> Vec<&'a (String, SignedCheckpoint)> {
    outside.iter().copied().filter(|(_, signed)| cut(report, &signed.checkpoint).is_none()).collect()
}

/// What checkpoints from outside say that the leaves alone do not: sizes that are not reached, epochs that were cut off, other keys.
pub(super) fn outside(
    report: &Report,
    outside: &[&(String, SignedCheckpoint)],
    pinned: &[PublicKey],
) -> Option<Finding> {
    for (name, signed) in outside {
        let theirs = &signed.checkpoint;
        let size = report.checkpoint.as_ref().map_or(0, |head| head.size);
        if theirs.size > size {
            let reason = format!(
                "{name}: it was signed over {} leaves, here are {size}: the end of the trail is gone{}",
                theirs.size,
                restored(report, theirs.epoch)
            );
            return Some(Finding::new(Kind::Truncated, reason).at(size, None));
        }
        if !report.epochs.iter().any(|epoch| epoch.epoch == theirs.epoch) {
            let reason = format!("{name}: it is of epoch {}, which this log never had", theirs.epoch);
            return Some(Finding::new(Kind::Rewritten, reason));
        }
        if let Some(cut) = cut(report, theirs) {
            let reason = format!(
                "{name}: it was signed over {} leaves; epoch {} began again at {}{}",
                theirs.size,
                cut.epoch,
                cut.size,
                restored(report, theirs.epoch)
            );
            return Some(Finding::new(Kind::Truncated, reason).at(cut.size, None));
        }
        if !report.keys.iter().chain(pinned).any(|key| signed.is_signed_by(*key)) {
            let reason =
                format!("{name}: it is signed by a key that this log does not know: its keys were replaced");
            return Some(Finding::new(Kind::Rewritten, reason));
        }
    }
    None
}

/// What the trail itself says of a restore since that epoch.
fn restored(report: &Report, epoch: u64) -> String {
    let later = report.epochs.iter().find(|later| later.epoch > epoch);
    later.map_or_else(String::new, |later| {
        format!(
            ". On the record is: epoch {} began at {} with {} leaves, because {}. If somebody restored a backup then, entries since that backup are lost; take a checkpoint of the new epoch from now on",
            later.epoch, later.at, later.size, later.reason
        )
    })
}
