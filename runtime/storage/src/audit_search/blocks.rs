//! Reading the index: blocks, their ids, and which of their entries have a term. What must hold: nothing is read of another
//! organization, and no more of one term than [`MAX_POSTINGS`].

use std::collections::HashMap;

use factotum_model::{AuditId, OrgId, Timestamp};
use uuid::Uuid;

use super::bits::Bits;
use super::terms::{Need, Probe, Term};
use super::{BLOCK, ERA};
use crate::connection::{Row, Tx};
use crate::error::StorageError;

/// How many postings of words with a common beginning are read of one era, before something wider is read in their place.
const MAX_POSTINGS: i64 = 8_000;
/// How many bytes an id has.
const ID_BYTES: usize = 16;

/// How many whole blocks of an organization are indexed.
pub(super) async fn count(tx: &mut Tx, org: OrgId) -> Result<i64, StorageError> {
    let row =
        tx.query("SELECT blocks FROM audit_indexed WHERE org_id = $1").bind(org.0).fetch_optional().await?;
    row.map_or(Ok(0), |row| row.get(0))
}

/// What is known of a block before its ids are read.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) number: i64,
    pub(super) min_id: Uuid,
    pub(super) max_id: Uuid,
    /// The highest id of this block and all before it.
    pub(super) high_id: Uuid,
    pub(super) min_at: i64,
    pub(super) max_at: i64,
    /// The latest time of this block and all before it.
    pub(super) high_at: i64,
}

/// The newest block below `end` with an id before `before` and a time before `until`.
pub(super) async fn newest(
    tx: &mut Tx,
    org: OrgId,
    end: i64,
    before: Uuid,
    until: i64,
) -> Result<Option<i64>, StorageError> {
    let row = tx
        .query(
            "SELECT block FROM audit_blocks WHERE org_id = $1 AND block < $2 AND min_id < $3 AND min_at < $4 \
             ORDER BY block DESC LIMIT 1",
        )
        .bind(org.0)
        .bind(end)
        .bind(before)
        .bind(until)
        .fetch_optional()
        .await?;
    row.map(|row| row.get(0)).transpose()
}

/// The blocks of an era, below `end`, the newest first.
pub(super) async fn of_era(tx: &mut Tx, org: OrgId, era: i64, end: i64) -> Result<Vec<Block>, StorageError> {
    let rows = tx
        .query(
            "SELECT block, min_id, max_id, high_id, min_at, max_at, high_at FROM audit_blocks \
             WHERE org_id = $1 AND block >= $2 AND block < $3 ORDER BY block DESC",
        )
        .bind(org.0)
        .bind(era * ERA)
        .bind(end.min((era + 1) * ERA))
        .fetch_all()
        .await?;
    let read = |row: &Row| {
        Ok(Block {
            number: row.get(0)?,
            min_id: row.get(1)?,
            max_id: row.get(2)?,
            high_id: row.get(3)?,
            min_at: row.get(4)?,
            max_at: row.get(5)?,
            high_at: row.get(6)?,
        })
    };
    rows.iter().map(read).collect()
}

/// The ids of a block's entries, by place.
pub(super) async fn ids(tx: &mut Tx, org: OrgId, block: i64) -> Result<Vec<Uuid>, StorageError> {
    let row = tx
        .query("SELECT ids FROM audit_blocks WHERE org_id = $1 AND block = $2")
        .bind(org.0)
        .bind(block)
        .fetch_optional()
        .await?;
    let bytes: Vec<u8> = row.map_or(Ok(Vec::new()), |row| row.get(0))?;
    let (ids, rest) = bytes.as_chunks::<ID_BYTES>();
    if !rest.is_empty() || ids.len() > BLOCK {
        return Err(StorageError::damaged(
            "audit_blocks.ids",
            format!("block {block} is of no known length"),
        ));
    }
    Ok(ids.iter().copied().map(Uuid::from_bytes).collect())
}

/// Which entries of a block lie in a stretch of time.
pub(super) async fn within(
    tx: &mut Tx,
    org: OrgId,
    block: &Block,
    (since, until): (i64, i64),
) -> Result<Vec<AuditId>, StorageError> {
    let rows = tx
        .query("SELECT id FROM audit_entries WHERE org_id = $1 AND id >= $2 AND id <= $3 AND at >= $4 AND at < $5 ORDER BY id")
        .bind(org.0)
        .bind(block.min_id)
        .bind(block.max_id)
        .bind(since)
        .bind(until)
        .fetch_all()
        .await?;
    rows.iter().map(|row| row.id(0)).collect()
}

/// The first moment and the one after the last, in microseconds.
pub(super) fn stretch(since: Option<Timestamp>, until: Option<Timestamp>) -> (i64, i64) {
    (since.map_or(i64::MIN, Timestamp::as_micros), until.map_or(i64::MAX, Timestamp::as_micros))
}

/// Which entries of which blocks of an era may fulfil all needs: at least those that do. `None` where any entry may.
pub(super) async fn candidates(
    tx: &mut Tx,
    org: OrgId,
    era: i64,
    needs: &[Need],
) -> Result<Option<HashMap<i64, Bits>>, StorageError> {
    let mut left: Option<HashMap<i64, Bits>> = None;
    for need in needs {
        let mut found = HashMap::new();
        for probe in &need.0 {
            look_up(tx, org, era, probe, &mut found).await?;
        }
        let both = match left {
            None => found,
            Some(mut left) => {
                left.retain(|block, bits| {
                    found.get(block).is_some_and(|other| {
                        bits.intersect(other);
                        !bits.is_empty()
                    })
                });
                left
            }
        };
        if both.is_empty() {
            return Ok(Some(both));
        }
        left = Some(both);
    }
    Ok(left)
}

async fn look_up(
    tx: &mut Tx,
    org: OrgId,
    era: i64,
    probe: &Probe,
    into: &mut HashMap<i64, Bits>,
) -> Result<(), StorageError> {
    let exact = match probe {
        Probe::Exact(term) => term,
        Probe::Beginning { term, or } => {
            let rows = with_beginning(tx, org, era, term, MAX_POSTINGS).await?;
            match or {
                Some(wider) if rows.len() as i64 >= MAX_POSTINGS => wider,
                _ => {
                    for (_, block, bits) in rows {
                        into.entry(block).or_insert_with(Bits::none).unite(&bits);
                    }
                    return Ok(());
                }
            }
        }
    };
    let rows = tx
        .query("SELECT block, places FROM audit_postings WHERE org_id = $1 AND era = $2 AND term = $3")
        .bind(org.0)
        .bind(era)
        .bind(exact.clone())
        .fetch_all()
        .await?;
    for row in &rows {
        into.entry(row.get(0)?).or_insert_with(Bits::none).unite(&places(row, 1)?);
    }
    Ok(())
}

/// The postings of all terms that begin so, at most `limit`, in the order of term and block.
pub(super) async fn with_beginning(
    tx: &mut Tx,
    org: OrgId,
    era: i64,
    beginning: &Term,
    limit: i64,
) -> Result<Vec<(Term, i64, Bits)>, StorageError> {
    let rows = tx
        .query(
            "SELECT block, places, term FROM audit_postings WHERE org_id = $1 AND era = $2 AND term >= $3 AND term < $4 \
             ORDER BY term, block LIMIT $5",
        )
        .bind(org.0)
        .bind(era)
        .bind(beginning.clone())
        .bind(after_all(beginning))
        .bind(limit)
        .fetch_all()
        .await?;
    rows.iter().map(|row| Ok((row.get(2)?, row.get(0)?, places(row, 1)?))).collect()
}

/// The first term after all that begin so. No term consists of 255s alone: each begins with a letter.
fn after_all(beginning: &Term) -> Term {
    let mut end = beginning.clone();
    while end.last() == Some(&u8::MAX) {
        end.pop();
    }
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

pub(super) fn places(row: &Row, column: usize) -> Result<Bits, StorageError> {
    let bytes: Vec<u8> = row.get(column)?;
    Bits::read(&bytes)
        .ok_or_else(|| StorageError::damaged("audit_postings.places", "the places are of no known form"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_a_beginning() {
        assert_eq!(after_all(&b"wab".to_vec()), b"wac");
        assert_eq!(after_all(&vec![b'w', 255, 255]), b"x");
    }
}
