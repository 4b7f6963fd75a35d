//! Making the index: block by block, from entries that have their leaf. What must hold: a block is found by searches when all its postings are
//! committed, not before; each transaction is short, since SQLite has one writer; of two nodes at one block, one comes to its end; and
//! a block under way while something was erased is made again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use factotum_model::audit::AuditEntry;
use factotum_model::{OrgId, Timestamp};
use uuid::Uuid;

use super::bits::Bits;
use super::terms::{Term, terms};
use super::{BLOCK, ERA};
use crate::connection::Tx;
use crate::error::StorageError;
use crate::storage::Storage;
use crate::{audit_entries, audit_leaves};

/// How long a node may be silent on a block before another takes it over.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many postings one transaction writes.
const POSTINGS_PER_COMMIT: usize = 1_024;
/// How many entries are read at a time.
const READ: i64 = 512;

/// The pause before the first round, and where there is nothing to do.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// After a block it rests so many times as long as the block took: the processor is for actions.
const REST: u32 = 3;
/// From so many blocks behind on it does not rest: a tail that is read through for each search must not grow without end.
const FAR_BEHIND: i64 = ERA;

/// What a round did.
#[derive(Debug)]
pub struct Round {
    /// How many blocks it made.
    pub made: usize,
    /// How long to wait before the next.
    pub pause: Duration,
}

/// Indexes one block of each organization that has a whole one.
pub async fn round(storage: &Storage) -> Result<Round, StorageError> {
    let begun = Instant::now();
    let mut tx = storage.read().await?;
    let due = due(&mut tx).await?;
    let mut far = false;
    for (org, block) in &due {
        far |= audit_leaves::exists(&mut tx, *org, (block + FAR_BEHIND) * BLOCK as i64).await?;
    }
    drop(tx);
    let mut made = 0;
    for (org, block) in due {
        made += usize::from(index_block(storage, org, block).await?);
    }
    let pause = match made {
        0 => FIRST_PAUSE,
        _ if far => Duration::ZERO,
        _ => begun.elapsed() * REST,
    };
    Ok(Round { made, pause })
}

/// The organizations with a whole block that is not indexed, and its number.
async fn due(tx: &mut Tx) -> Result<Vec<(OrgId, i64)>, StorageError> {
    let rows = tx
        .query(
            "SELECT o.id, COALESCE(i.blocks, 0) FROM organizations o LEFT JOIN audit_indexed i ON i.org_id = o.id WHERE EXISTS \
             (SELECT 1 FROM audit_leaves l WHERE l.org_id = o.id AND l.leaf_index = (COALESCE(i.blocks, 0) + 1) * $1 - 1)",
        )
        .bind(BLOCK as i64)
        .fetch_all()
        .await?;
    rows.iter().map(|row| Ok((row.id(0)?, row.get(1)?))).collect()
}

/// One node's work on one block.
struct Work {
    org: OrgId,
    block: i64,
    number: i64,
    forgotten: i64,
}

async fn index_block(storage: &Storage, org: OrgId, block: i64) -> Result<bool, StorageError> {
    let Some(work) = begin(storage, org, block).await? else { return Ok(false) };
    let entries = entries(storage, org, block).await?;
    let mut postings: BTreeMap<Term, Bits> = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate() {
        for term in terms(entry) {
            postings.entry(term).or_insert_with(Bits::none).set(place);
        }
        if place % 256 == 0 {
            // Others wait for this thread.
            tokio::task::yield_now().await;
        }
    }
    let postings: Vec<(Term, Bits)> = postings.into_iter().collect();
    for some in postings.chunks(POSTINGS_PER_COMMIT) {
        let mut tx = storage.write().await?;
        if !work.goes_on(&mut tx, storage.clock().now()).await? {
            return Ok(false);
        }
        write_postings(&mut tx, &work, some).await?;
        tx.commit().await?;
    }
    let mut tx = storage.write().await?;
    if !work.ends(&mut tx).await? {
        work.begins_again(&mut tx).await?;
        tx.commit().await?;
        return Ok(false);
    }
    write_block(&mut tx, &work, &entries).await?;
    tx.commit().await?;
    Ok(true)
}

/// Takes the block, unless another node is at it; removes what was left of an earlier try.
async fn begin(storage: &Storage, org: OrgId, block: i64) -> Result<Option<Work>, StorageError> {
    let now = storage.clock().now();
    let mut tx = storage.write().await?;
    make_row(&mut tx, org).await?;
    let row = tx
        .query("SELECT blocks, work, worked_at, forgotten FROM audit_indexed WHERE org_id = $1 /*UPDATE*/")
        .bind(org.0)
        .fetch_optional()
        .await?;
    let row = row.ok_or_else(|| StorageError::damaged("audit_indexed", "the row just written is missing"))?;
    let worked_at = row.maybe_time(2)?;
    if row.get::<i64>(0)? != block || worked_at.is_some_and(|at| now.since(at) < PATIENCE) {
        return Ok(None);
    }
    let work = Work { org, block, number: row.get::<i64>(1)? + 1, forgotten: row.get(3)? };
    if worked_at.is_some() {
        tx.query("DELETE FROM audit_postings WHERE org_id = $1 AND era = $2 AND block = $3")
            .bind(org.0)
            .bind(block / ERA)
            .bind(block)
            .execute()
            .await?;
    }
    tx.query("UPDATE audit_indexed SET work = $2, worked_at = $3 WHERE org_id = $1")
        .bind(org.0)
        .bind(work.number)
        .bind(now.as_micros())
        .execute()
        .await?;
    tx.commit().await?;
    Ok(Some(work))
}

/// That there is a row to say how far an organization is indexed.
pub(super) async fn make_row(tx: &mut Tx, org: OrgId) -> Result<(), StorageError> {
    tx.query(
        "INSERT INTO audit_indexed (org_id, blocks, work, worked_at, forgotten) VALUES ($1, 0, 0, NULL, 0) ON CONFLICT (org_id) DO NOTHING",
    )
    .bind(org.0)
    .execute()
    .await
    .map(drop)
}

impl Work {
    /// Whether it is still this node's.
    async fn goes_on(&self, tx: &mut Tx, now: Timestamp) -> Result<bool, StorageError> {
        let changed = tx
            .query("UPDATE audit_indexed SET worked_at = $3 WHERE org_id = $1 AND work = $2")
            .bind(self.org.0)
            .bind(self.number)
            .bind(now.as_micros())
            .execute()
            .await?;
        Ok(changed > 0)
    }

    /// Lets the next round take the block, and what was written of it away.
    async fn begins_again(&self, tx: &mut Tx) -> Result<(), StorageError> {
        self.goes_on(tx, Timestamp::from_micros(0)).await.map(drop)
    }

    /// Ends it. False if it is another node's, or if something was erased meanwhile.
    async fn ends(&self, tx: &mut Tx) -> Result<bool, StorageError> {
        let changed = tx
            .query(
                "UPDATE audit_indexed SET blocks = blocks + 1, worked_at = NULL \
                 WHERE org_id = $1 AND work = $2 AND blocks = $3 AND forgotten = $4",
            )
            .bind(self.org.0)
            .bind(self.number)
            .bind(self.block)
            .bind(self.forgotten)
            .execute()
            .await?;
        Ok(changed > 0)
    }
}

/// The entries of a block's leaves, in the order of their ids.
async fn entries(storage: &Storage, org: OrgId, block: i64) -> Result<Vec<AuditEntry>, StorageError> {
    let mut all = Vec::with_capacity(BLOCK);
    let (first, end) = (block * BLOCK as i64, (block + 1) * BLOCK as i64);
    for from in (first..end).step_by(READ as usize) {
        let mut tx = storage.read().await?;
        let rows = tx
            .query(
                "SELECT e.id, e.org_id, e.at, e.action, e.outcome, e.actor_id, e.actor_kind, e.actor_name, e.initiator_kind, e.trigger_id, \
                 e.key_id, e.run_id, e.target_id, e.detail FROM audit_leaves l JOIN audit_entries e ON e.org_id = l.org_id AND e.id = l.entry_id \
                 WHERE l.org_id = $1 AND l.leaf_index >= $2 AND l.leaf_index < $3",
            )
            .bind(org.0)
            .bind(from)
            .bind(end.min(from + READ))
            .fetch_all()
            .await?;
        all.extend(audit_entries::read_all(&mut tx, &rows).await?);
    }
    all.sort_unstable_by_key(|entry| entry.id);
    Ok(all)
}

async fn write_postings(tx: &mut Tx, work: &Work, postings: &[(Term, Bits)]) -> Result<(), StorageError> {
    tx.insert_rows(
        "INSERT INTO audit_postings (org_id, era, term, block, places) VALUES {rows}",
        5,
        postings,
        |statement, (term, bits)| {
            statement
                .bind(work.org.0)
                .bind(work.block / ERA)
                .bind(term.clone())
                .bind(work.block)
                .bind(bits.store())
        },
    )
    .await
    .map(drop)
}

async fn write_block(tx: &mut Tx, work: &Work, entries: &[AuditEntry]) -> Result<(), StorageError> {
    let row = tx
        .query("SELECT high_id, high_at FROM audit_blocks WHERE org_id = $1 AND block = $2")
        .bind(work.org.0)
        .bind(work.block - 1)
        .fetch_optional()
        .await?;
    let (high_id, high_at) = match row {
        Some(row) => (row.get::<Uuid>(0)?, row.get::<i64>(1)?),
        None => (Uuid::nil(), i64::MIN),
    };
    let ids: Vec<Uuid> = entries.iter().map(|entry| entry.id.0).collect();
    let times = || entries.iter().map(|entry| entry.at.as_micros());
    // Of a block whose entries are all gone, nothing is eligible.
    let (min_id, max_id) =
        (ids.first().copied().unwrap_or(Uuid::max()), ids.last().copied().unwrap_or(Uuid::nil()));
    let (min_at, max_at) = (times().min().unwrap_or(i64::MAX), times().max().unwrap_or(i64::MIN));
    tx.query(
        "INSERT INTO audit_blocks (org_id, block, min_id, max_id, high_id, min_at, max_at, high_at, ids) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(work.org.0)
    .bind(work.block)
    .bind(min_id)
    .bind(max_id)
    .bind(max_id.max(high_id))
    .bind(min_at)
    .bind(max_at)
    .bind(max_at.max(high_at))
    .bind(ids.iter().flat_map(|id| *id.as_bytes()).collect::<Vec<u8>>())
    .execute()
    .await
    .map(drop)
}
