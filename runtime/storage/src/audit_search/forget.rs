//! Forgetting what was erased from the trail. What must hold: it goes with the erasure, in one transaction; after it no term of the erased
//! values is left of these entries, neither in a block nor in one that is being made meanwhile.

use std::collections::{HashMap, HashSet};

use factotum_model::{AuditId, OrgId};
use uuid::Uuid;

use super::terms::{Term, terms};
use super::{BLOCK, ERA, blocks, index};
use crate::audit_entries;
use crate::connection::Tx;
use crate::error::StorageError;

/// The most entries that one [`Forgetting`] takes: their terms are held in memory.
pub const MAX_ENTRIES: usize = 1_000;

/// An erasure under way: [`begin`](Self::begin), then erase values of these entries, then [`end`](Self::end), in one transaction.
#[derive(Debug)]
pub struct Forgetting {
    org: OrgId,
    before: HashMap<Uuid, HashSet<Term>>,
}

impl Forgetting {
    /// Remembers what the entries are found by; at most [`MAX_ENTRIES`]. Until the transaction ends, no block becomes whole.
    pub async fn begin(tx: &mut Tx, org: OrgId, entries: &[AuditId]) -> Result<Self, StorageError> {
        index::make_row(tx, org).await?;
        tx.query("UPDATE audit_indexed SET forgotten = forgotten + 1 WHERE org_id = $1")
            .bind(org.0)
            .execute()
            .await?;
        let before = terms_of(tx, org, entries.iter().map(|id| id.0)).await?;
        Ok(Self { org, before })
    }

    /// Forgets what the entries are no longer to be found by.
    pub async fn end(self, tx: &mut Tx) -> Result<(), StorageError> {
        let now = terms_of(tx, self.org, self.before.keys().copied()).await?;
        let whole = blocks::count(tx, self.org).await?;
        let mut gone: HashMap<i64, Vec<(Uuid, Term)>> = HashMap::new();
        for (id, before) in self.before {
            let left = now.get(&id);
            let lost: Vec<_> =
                before.into_iter().filter(|term| left.is_none_or(|left| !left.contains(term))).collect();
            if let Some(block) = block_of(tx, self.org, id).await?.filter(|block| *block < whole) {
                gone.entry(block).or_default().extend(lost.into_iter().map(|term| (id, term)));
            }
        }
        for (block, lost) in gone {
            forget_in(tx, self.org, block, lost).await?;
        }
        Ok(())
    }
}

async fn terms_of(
    tx: &mut Tx,
    org: OrgId,
    ids: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, HashSet<Term>>, StorageError> {
    let ids: Vec<Uuid> = ids.collect();
    let mut all = HashMap::with_capacity(ids.len());
    for some in ids.chunks(tx.bulk_rows()) {
        let entries = audit_entries::by_ids(tx, org, some).await?;
        all.extend(entries.iter().map(|entry| (entry.id.0, terms(entry))));
    }
    Ok(all)
}

async fn block_of(tx: &mut Tx, org: OrgId, entry: Uuid) -> Result<Option<i64>, StorageError> {
    let row = tx
        .query("SELECT leaf_index FROM audit_leaves WHERE org_id = $1 AND entry_id = $2")
        .bind(org.0)
        .bind(entry)
        .fetch_optional()
        .await?;
    row.map(|row| Ok(row.get::<i64>(0)? / BLOCK as i64)).transpose()
}

async fn forget_in(tx: &mut Tx, org: OrgId, block: i64, lost: Vec<(Uuid, Term)>) -> Result<(), StorageError> {
    let ids = blocks::ids(tx, org, block).await?;
    let mut by_term: HashMap<Term, Vec<usize>> = HashMap::new();
    for (id, term) in lost {
        if let Ok(place) = ids.binary_search(&id) {
            by_term.entry(term).or_default().push(place);
        }
    }
    for (term, places) in by_term {
        let row = tx
            .query("SELECT places FROM audit_postings WHERE org_id = $1 AND era = $2 AND term = $3 AND block = $4")
            .bind(org.0)
            .bind(block / ERA)
            .bind(term.clone())
            .bind(block)
            .fetch_optional()
            .await?;
        let Some(row) = row else { continue };
        let mut bits = blocks::places(&row, 0)?;
        for place in places {
            bits.clear(place);
        }
        let changed = if bits.is_empty() {
            tx.query("DELETE FROM audit_postings WHERE org_id = $1 AND era = $2 AND term = $3 AND block = $4")
        } else {
            tx.query("UPDATE audit_postings SET places = $5 WHERE org_id = $1 AND era = $2 AND term = $3 AND block = $4")
        };
        let changed = changed.bind(org.0).bind(block / ERA).bind(term).bind(block);
        let changed = if bits.is_empty() { changed } else { changed.bind(bits.store()) };
        changed.execute().await?;
    }
    Ok(())
}
