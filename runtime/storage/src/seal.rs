//! The sealer: gives committed entries their leaf indexes, appends them to the tree of their organization, and signs a checkpoint over it,
//! all in one short transaction for each batch. What must hold: it never runs in the transaction of an action; an entry is sealed once,
//! however often a round is repeated or cut off; and it does not go on over a log that is not what its newest checkpoint says.

use std::collections::{BTreeMap, HashMap};

use factotum_model::account::BASE_ACCOUNT_NAME;
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::audit_log::{Checkpoint, Frontier, Hash, SigningKey};
use factotum_model::{AccountKind, AuditId, InitiatorKind, OrgId, Principal, Timestamp};
use serde_json::json;

use crate::audit_checkpoints::{self, Epoch, Stored};
use crate::audit_sealing::{self, Place, Unsealed};
use crate::connection::Tx;
use crate::error::StorageError;
use crate::storage::Storage;
use crate::{audit_entries, audit_leaves, audit_nodes, audit_signing_keys, dialect, organizations};

/// How many entries are sealed in one transaction at the most: SQLite's only writer is held no longer than that takes.
pub const BATCH: u32 = 1000;

/// What a round did.
#[derive(Debug, Default)]
pub struct Round {
    /// How many entries it found that were not sealed.
    pub found: u64,
    /// How many of them it sealed.
    pub sealed: u64,
    /// Whether all that had committed when it began is sealed now.
    pub complete: bool,
    /// The newest checkpoint of each organization that it signed one for.
    pub signed: Vec<Stored>,
    /// Organizations whose log it does not go on with, and why.
    pub refused: Vec<(OrgId, StorageError)>,
}

/// Seals, round by round. It remembers how far each log was: a log that is shorter than that comes from an older backup.
pub struct Sealer {
    storage: Storage,
    remembered: HashMap<OrgId, Checkpoint>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("remembered", &self.remembered.len()).finish_non_exhaustive()
    }
}

impl Sealer {
    /// A sealer that knows these checkpoints from before, from outside the database.
    pub fn remembering(storage: Storage, checkpoints: impl IntoIterator<Item = Checkpoint>) -> Self {
        let remembered = checkpoints.into_iter().map(|c| (c.org, c)).collect();
        Self { storage, remembered }
    }

    /// Seals all that has committed. Another node may be at it: then this round does nothing, and is not complete.
    pub async fn round(&mut self) -> Result<Round, StorageError> {
        let (mut round, mut after, mut bound) = (Round::default(), Place::START, None);
        let (mut signed, mut trees) = (BTreeMap::new(), HashMap::new());
        self.look_for_a_restore(&mut signed).await?;
        loop {
            let mut tx = self.storage.read().await?;
            let seen = audit_sealing::now(&mut tx).await?;
            let entries = audit_sealing::unsealed(&mut tx, &seen.bound, after, BATCH).await?;
            drop(tx);
            let Some((first, last)) = entries.first().zip(entries.last()) else {
                round.complete = round.refused.is_empty();
                break;
            };
            let full = entries.len() == BATCH as usize;
            round.found += entries.len() as u64;
            after = last.place;
            let bound = bound.get_or_insert_with(|| first.bound.clone());

            let mut tx = self.storage.write().await?;
            if !audit_sealing::take_turn(&mut tx, &seen).await? {
                break;
            }
            let mut by_org: BTreeMap<OrgId, Vec<&Unsealed>> = BTreeMap::new();
            for entry in &entries {
                by_org.entry(entry.org).or_default().push(entry);
            }
            for (org, entries) in by_org {
                if round.refused.iter().any(|(refused, _)| *refused == org) {
                    continue;
                }
                let log = match self.open(&mut tx, org, trees.remove(&org)).await {
                    Ok(log) => log,
                    Err(error @ StorageError::Damaged { .. }) => {
                        round.refused.push((org, error));
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                let (stored, tree) = log.extend(&mut tx, org, &entries).await?;
                signed.insert(org, stored.clone());
                trees.insert(org, (stored, tree));
                round.sealed += entries.len() as u64;
            }
            if !full && round.refused.is_empty() {
                audit_sealing::move_bound(&mut tx, bound).await?;
            }
            tx.commit().await?;
            if !full {
                round.complete = round.refused.is_empty();
                break;
            }
        }
        for stored in signed.values() {
            self.remembered.insert(stored.checkpoint.org, stored.checkpoint.clone());
        }
        round.signed = signed.into_values().collect();
        Ok(round)
    }

    /// The log of an organization, to be extended. `known` is what this round made of it before: the first batch of each round reads the tree anew.
    async fn open(
        &self,
        tx: &mut Tx,
        org: OrgId,
        known: Option<(Stored, Frontier)>,
    ) -> Result<Log, StorageError> {
        let now = self.storage.clock().now();
        let head = audit_checkpoints::newest(tx, org).await?;
        let size = head.as_ref().map_or(0, |head| head.checkpoint.size);
        let tree = match known {
            Some((stored, tree)) if head.as_ref() == Some(&stored) => tree,
            _ => audit_nodes::frontier(tx, org, size).await?,
        };
        let root = head.as_ref().map_or(tree.root(), |head| head.checkpoint.root);
        if tree.size() != size || tree.root() != root || audit_leaves::exists(tx, org, size as i64).await? {
            return Err(StorageError::damaged(
                "the audit log",
                format!(
                    "the leaves of organization {org} are not those of its newest checkpoint, of size {size}: it was tampered with; nothing is sealed on top of it. Run `factotum audit verify`"
                ),
            ));
        }
        let key = audit_signing_keys::current(&self.storage, tx, org, now).await?;
        if let Some(head) = head {
            return Ok(Log { index: head.index + 1, epoch: head.checkpoint.epoch, tree, key, now });
        }
        let known = self.remembered.get(&org);
        let epoch = next_epoch(now, known.map(|known| known.epoch));
        let reason = match known {
            None => "the first".to_owned(),
            Some(known) => format!(
                "the database has no checkpoint of this log, of which one was signed before (size {} of epoch {}): it was restored from an older backup, or its trail was removed",
                known.size, known.epoch
            ),
        };
        let first = Epoch { epoch, size, at: now, reason };
        audit_checkpoints::append_epoch(tx, org, &first).await?;
        if let Some(known) = known {
            let entry = epoch_entry(tx, org, known.epoch, &first).await?;
            audit_entries::append(tx, &[entry]).await?;
        }
        Ok(Log { index: 0, epoch, tree, key, now })
    }

    /// Begins an epoch in each log that is not as far as it is remembered to have been.
    async fn look_for_a_restore(&mut self, signed: &mut BTreeMap<OrgId, Stored>) -> Result<(), StorageError> {
        let mut tx = self.storage.read().await?;
        let seen = audit_sealing::now(&mut tx).await?;
        let foreign = audit_sealing::is_foreign(&mut tx, &seen.bound).await?;
        let mut behind = Vec::new();
        for (org, known) in &self.remembered {
            let head = audit_checkpoints::newest(&mut tx, *org).await?.map(|stored| stored.checkpoint);
            if head.as_ref().is_none_or(|head| is_behind(head, known)) {
                behind.push((known.clone(), head));
            }
        }
        drop(tx);
        for (known, head) in behind {
            let Some(head) = head else { continue };
            let reason = format!(
                "the database is behind a checkpoint of this log that was signed before (size {} of epoch {}, here size {} of epoch {}): it was restored from an older backup, or the end of its trail was removed",
                known.size, known.epoch, head.size, head.epoch
            );
            let mut tx = self.storage.write().await?;
            let begun = begin_epoch(&self.storage, &mut tx, known.org, known.epoch, &reason).await?;
            tx.commit().await?;
            tracing::warn!(org = %known.org, reason, "the audit log begins a new epoch");
            self.remembered.insert(known.org, begun.checkpoint.clone());
            signed.insert(known.org, begun);
        }
        if foreign {
            let mut tx = self.storage.write().await?;
            if !audit_sealing::take_turn(&mut tx, &seen).await? {
                return Ok(());
            }
            for org in organizations::list(&mut tx).await? {
                if audit_checkpoints::newest(&mut tx, org.id).await?.is_none() || signed.contains_key(&org.id)
                {
                    continue;
                }
                let reason =
                    "the database was loaded into another cluster than the one in which it was sealed last";
                signed.insert(org.id, begin_epoch(&self.storage, &mut tx, org.id, 0, reason).await?);
            }
            audit_sealing::forget_bound(&mut tx).await?;
            tx.commit().await?;
            tracing::warn!("the database was loaded into another cluster: the audit logs begin new epochs");
        }
        Ok(())
    }
}

/// A log to which leaves are to be added.
struct Log {
    index: u64,
    epoch: u64,
    tree: Frontier,
    key: SigningKey,
    now: Timestamp,
}

impl Log {
    /// Appends entries, and signs; the checkpoint, and the tree under it.
    async fn extend(
        self,
        tx: &mut Tx,
        org: OrgId,
        entries: &[&Unsealed],
    ) -> Result<(Stored, Frontier), StorageError> {
        let Self { index, epoch, mut tree, key, now } = self;
        let (first, mut nodes) = (tree.size(), Vec::new());
        for entry in entries {
            tree.append(entry.hash, |level, index, hash| {
                nodes.extend(audit_nodes::stored(level, index, hash));
            });
        }
        let leaves: Vec<(AuditId, Hash)> = entries.iter().map(|e| (e.id, e.hash)).collect();
        audit_leaves::append(tx, org, first, &leaves).await?;
        audit_nodes::append(tx, org, &nodes).await?;
        let checkpoint = Checkpoint { org, epoch, size: tree.size(), root: tree.root(), at: now };
        Ok((sign(tx, &key, index, checkpoint).await?, tree))
    }
}

/// The number of an epoch that begins now: later than `after`.
fn next_epoch(now: Timestamp, after: Option<u64>) -> u64 {
    let second = u64::try_from(now.as_millis() / 1000).unwrap_or(0);
    after.map_or(second, |after| second.max(after + 1))
}

/// Whether a log is not as far as a checkpoint that was signed of it.
fn is_behind(head: &Checkpoint, known: &Checkpoint) -> bool {
    match head.epoch.cmp(&known.epoch) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Equal => {
            head.size < known.size || (head.size == known.size && head.root != known.root)
        }
        std::cmp::Ordering::Greater => false,
    }
}

async fn sign(
    tx: &mut Tx,
    key: &SigningKey,
    index: u64,
    checkpoint: Checkpoint,
) -> Result<Stored, StorageError> {
    let note = checkpoint.sign(key).map_err(|e| StorageError::damaged("audit_checkpoints", e))?;
    let stored = Stored { index, checkpoint, note };
    audit_checkpoints::append(tx, &stored).await?;
    Ok(stored)
}

/// Begins the log of an organization again where it is, after a restore: under a new origin, and on the record. `after` is an epoch that
/// is known to have been. There must be a checkpoint.
pub async fn begin_epoch(
    storage: &Storage,
    tx: &mut Tx,
    org: OrgId,
    after: u64,
    reason: &str,
) -> Result<Stored, StorageError> {
    let now = storage.clock().now();
    let head = audit_checkpoints::newest(tx, org).await?;
    let head =
        head.ok_or_else(|| StorageError::damaged("audit_checkpoints", "no checkpoint was signed yet"))?;
    let epoch = next_epoch(now, Some(head.checkpoint.epoch.max(after)));
    let begun = Epoch { epoch, size: head.checkpoint.size, at: now, reason: reason.to_owned() };
    audit_checkpoints::append_epoch(tx, org, &begun).await?;
    let entry = epoch_entry(tx, org, head.checkpoint.epoch, &begun).await?;
    audit_entries::append(tx, &[entry]).await?;
    let key = audit_signing_keys::current(storage, tx, org, now).await?;
    sign(tx, &key, head.index + 1, Checkpoint { epoch, at: now, ..head.checkpoint }).await
}

/// As [`begin_epoch`], if the organization has a log.
pub async fn begin_epoch_of(
    storage: &Storage,
    tx: &mut Tx,
    org: OrgId,
    reason: &str,
) -> Result<Option<Stored>, StorageError> {
    if audit_checkpoints::newest(tx, org).await?.is_none() {
        return Ok(None);
    }
    begin_epoch(storage, tx, org, 0, reason).await.map(Some)
}

/// Waits until no other transaction seals, and keeps sealers away until this one ends. It comes first in the transaction.
pub async fn wait_turn(tx: &mut Tx) -> Result<(), StorageError> {
    let Some(sql) = dialect::turn(tx.backend()) else { return Ok(()) };
    tx.query(sql).bind(dialect::seal::TURN).execute().await.map(drop)
}

/// Signs the log once more as it is: after a new key, so that the newest checkpoint is signed by it.
pub async fn sign_again(storage: &Storage, tx: &mut Tx, org: OrgId) -> Result<Option<Stored>, StorageError> {
    let now = storage.clock().now();
    let Some(head) = audit_checkpoints::newest(tx, org).await? else { return Ok(None) };
    let key = audit_signing_keys::current(storage, tx, org, now).await?;
    sign(tx, &key, head.index + 1, Checkpoint { at: now, ..head.checkpoint }).await.map(Some)
}

async fn epoch_entry(
    tx: &mut Tx,
    org: OrgId,
    before: u64,
    begun: &Epoch,
) -> Result<AuditEntry, StorageError> {
    let actor = Principal {
        id: organizations::base_account(tx, org).await?,
        kind: AccountKind::Base,
        name: BASE_ACCOUNT_NAME.to_owned(),
    };
    let initiator = AuditInitiator::of(InitiatorKind::System);
    let mut entry = AuditEntry::new(org, begun.at, "audit.begin_epoch", AuditOutcome::Ok, actor, initiator);
    entry.reason = Some(begun.reason.clone());
    entry.targets = vec![Target::new("audit_log", begun.epoch)];
    entry.change =
        Some(json!({"before": {"epoch": before}, "after": {"epoch": begun.epoch, "size": begun.size}}));
    Ok(entry)
}
