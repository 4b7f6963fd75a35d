//! The search: the newest entries that match, from the tail and from the blocks. What must hold: newest first, each once, none left out,
//! and what is read grows with the page and the number of eras, not with the trail.

use std::collections::BTreeSet;

use factotum_model::audit::AuditEntry;
use factotum_model::{AuditId, OrgId, RunId};
use uuid::Uuid;

use super::bits::Bits;
use super::blocks::{self, Block};
use super::terms::{Need, needs};
use super::{BLOCK, ERA, tail};
use crate::audit_entries::{self, AuditFilter};
use crate::connection::Tx;
use crate::error::StorageError;

/// The entries that match, newest first, at most `limit`, older than `before`.
pub async fn find(
    tx: &mut Tx,
    org: OrgId,
    filter: &AuditFilter,
    before: Option<AuditId>,
    limit: u32,
) -> Result<Vec<AuditEntry>, StorageError> {
    let limit = limit as usize;
    if limit == 0 || filter.finds_nothing() {
        return Ok(Vec::new());
    }
    // A run's entries are few and have an index; without any filter, the primary key is one.
    if filter.run.is_some() || filter.is_open() {
        return tail::find(tx, org, filter, before, (0, limit)).await;
    }
    let blocks = blocks::count(tx, org).await?;
    let mut found = tail::find(tx, org, filter, before, (blocks, limit)).await?;
    if blocks == 0 {
        return Ok(found);
    }
    if let Some(run) = filter.target.as_deref().and_then(|target| target.parse::<RunId>().ok()) {
        // The entries about a run name it as their target, and are found by it.
        let of_run = AuditFilter { run: Some(run), ..filter.clone() };
        found.extend(tail::find(tx, org, &of_run, before, (0, limit)).await?);
        in_order(&mut found);
    }
    let search =
        Search { org, filter, needs: needs(filter), before: before.map_or(Uuid::max(), |id| id.0), limit };
    search.blocks(tx, blocks, &mut found).await?;
    in_order(&mut found);
    found.truncate(limit);
    Ok(found)
}

/// The newest first, each once: whoever counts them relies on it.
fn in_order(found: &mut Vec<AuditEntry>) {
    found.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.id));
    found.dedup_by_key(|entry| entry.id);
}

struct Search<'a> {
    org: OrgId,
    filter: &'a AuditFilter,
    needs: Vec<Need>,
    before: Uuid,
    limit: usize,
}

impl Search<'_> {
    /// Adds the entries of blocks below `end` that can be on the page; `found` holds what the tail has.
    async fn blocks(&self, tx: &mut Tx, end: i64, found: &mut Vec<AuditEntry>) -> Result<(), StorageError> {
        let stretch = blocks::stretch(self.filter.since, self.filter.until);
        // Candidates whose turn has not come: an older block may have newer entries.
        let mut waiting = BTreeSet::new();
        let Some(first) = blocks::newest(tx, self.org, end, self.before, stretch.1).await? else {
            return Ok(());
        };
        for era in (0..=first / ERA).rev() {
            let of_era = blocks::of_era(tx, self.org, era, first + 1).await?;
            let Some(newest) = of_era.first() else { continue };
            self.settle(tx, &mut waiting, newest.high_id, found).await?;
            if self.is_full(found, newest.high_id) {
                return Ok(());
            }
            if newest.high_at < stretch.0 {
                break;
            }
            let eligible = |block: &Block| {
                block.min_id < self.before && block.max_at >= stretch.0 && block.min_at < stretch.1
            };
            if !of_era.iter().any(eligible) {
                continue;
            }
            let candidates = blocks::candidates(tx, self.org, era, &self.needs).await?;
            for block in of_era.iter().filter(|block| eligible(block)) {
                self.settle(tx, &mut waiting, block.high_id, found).await?;
                if self.is_full(found, block.high_id) {
                    return Ok(());
                }
                let bits = match &candidates {
                    None => Bits::first(BLOCK),
                    Some(candidates) => match candidates.get(&block.number) {
                        Some(bits) => bits.clone(),
                        None => continue,
                    },
                };
                self.wait_for(tx, block, &bits, stretch, &mut waiting).await?;
            }
        }
        self.settle(tx, &mut waiting, Uuid::nil(), found).await
    }

    /// Puts a block's candidates among those that wait.
    async fn wait_for(
        &self,
        tx: &mut Tx,
        block: &Block,
        bits: &Bits,
        stretch: (i64, i64),
        waiting: &mut BTreeSet<Uuid>,
    ) -> Result<(), StorageError> {
        let mut ids = blocks::ids(tx, self.org, block.number).await?;
        let mut bits = bits.clone();
        bits.intersect(&Bits::first(ids.len()));
        if block.min_at < stretch.0 || block.max_at >= stretch.1 {
            let within = blocks::within(tx, self.org, block, stretch).await?;
            for (place, id) in ids.iter().enumerate() {
                if within.binary_search(&AuditId(*id)).is_err() {
                    bits.clear(place);
                }
            }
        }
        // In the order of ids, so what lies at or after the cursor is the end.
        ids.truncate(ids.partition_point(|id| *id < self.before));
        waiting.extend(bits.descending().filter_map(|place| ids.get(place)));
        Ok(())
    }

    /// Reads those candidates whose turn has come, newer than all that is still to come, until the page is full.
    async fn settle(
        &self,
        tx: &mut Tx,
        waiting: &mut BTreeSet<Uuid>,
        above: Uuid,
        found: &mut Vec<AuditEntry>,
    ) -> Result<(), StorageError> {
        let mut matched = 0;
        while matched < self.limit && waiting.last().is_some_and(|id| *id > above) {
            let wanted = (self.limit - matched).max(8).min(tx.bulk_rows());
            let mut ids = Vec::with_capacity(wanted);
            while ids.len() < wanted
                && let Some(id) = waiting.last().copied().filter(|id| *id > above)
            {
                waiting.remove(&id);
                ids.push(id);
            }
            let entries = audit_entries::by_ids(tx, self.org, &ids).await?;
            let before = found.len();
            found.extend(entries.into_iter().filter(|entry| self.filter.matches(entry)));
            matched += found.len() - before;
        }
        Ok(())
    }

    /// Whether the page is full with entries newer than `high`.
    fn is_full(&self, found: &[AuditEntry], high: Uuid) -> bool {
        found.iter().filter(|entry| entry.id.0 > high).count() >= self.limit
    }
}
