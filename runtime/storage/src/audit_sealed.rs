//! The trail in the order in which it was sealed: each entry has its leaf index, from 0 without gaps, so whoever follows it by index misses nothing
//! and sees nothing twice, however late a transaction committed. What must hold: nothing here writes; an organization's entries stay its own.

use factotum_model::audit::AuditEntry;
use factotum_model::{AuditId, OrgId};

use crate::audit_entries::{COLUMNS, read_all};
use crate::connection::Tx;
use crate::error::StorageError;

/// An entry with its place.
#[derive(Debug, Clone)]
pub struct SealedEntry {
    /// Its leaf index.
    pub index: u64,
    /// The entry.
    pub entry: AuditEntry,
}

/// Entries that follow one another.
#[derive(Debug, Clone, Default)]
pub struct SealedRange {
    /// Those that are there; retention may have removed the first.
    pub entries: Vec<SealedEntry>,
    /// The index after the last of the range.
    pub next: u64,
}

/// The entries from an index on, at most `limit` indexes. An intent whose outcome is not there yet is shown as unknown.
pub async fn range(tx: &mut Tx, org: OrgId, from: u64, limit: u32) -> Result<SealedRange, StorageError> {
    let columns = COLUMNS.split(',').count();
    let sql = format!(
        "SELECT {COLUMNS}, l.leaf_index FROM \
         (SELECT entry_id, leaf_index FROM audit_leaves WHERE org_id = $1 AND leaf_index >= $2 ORDER BY leaf_index LIMIT $3) AS l \
         LEFT JOIN audit_entries ON id = l.entry_id AND org_id = $1 ORDER BY l.leaf_index"
    );
    let rows = tx.query_built(sql).bind(org.0).bind(from as i64).bind(i64::from(limit)).fetch_all().await?;
    let (mut indexes, mut there, mut next) = (Vec::new(), Vec::new(), from);
    for row in rows {
        let index = row.get::<i64>(columns)? as u64;
        next = index + 1;
        if row.get::<Option<uuid::Uuid>>(0)?.is_some() {
            indexes.push(index);
            there.push(row);
        }
    }
    let mut entries = read_all(tx, &there).await?;
    crate::audit_intents::show_unknown(tx, org, &mut entries).await?;
    let sealed = indexes.into_iter().zip(entries).map(|(index, entry)| SealedEntry { index, entry });
    Ok(SealedRange { entries: sealed.collect(), next })
}

/// The index that the next entry will get.
pub async fn size(tx: &mut Tx, org: OrgId) -> Result<u64, StorageError> {
    let row = tx
        .query("SELECT max(leaf_index) FROM audit_leaves WHERE org_id = $1")
        .bind(org.0)
        .fetch_optional()
        .await?;
    let newest = row.map(|row| row.get::<Option<i64>>(0)).transpose()?.flatten();
    Ok(newest.map_or(0, |index| index as u64 + 1))
}

/// Where an entry stands, if it is sealed.
pub async fn index_of(tx: &mut Tx, org: OrgId, id: AuditId) -> Result<Option<u64>, StorageError> {
    let row = tx
        .query("SELECT leaf_index FROM audit_leaves WHERE org_id = $1 AND entry_id = $2")
        .bind(org.0)
        .bind(id.0)
        .fetch_optional()
        .await?;
    row.map(|row| row.get::<i64>(0).map(|index| index as u64)).transpose()
}

/// The log's epoch; and, for who knows it as it was in epoch `known`, the first index from which on it may have become another since.
pub async fn epoch(tx: &mut Tx, org: OrgId, known: u64) -> Result<(u64, Option<u64>), StorageError> {
    let row = tx
        .query(
            "SELECT max(epoch), min(CASE WHEN epoch > $2 THEN size END) FROM audit_epochs WHERE org_id = $1",
        )
        .bind(org.0)
        .bind(i64::try_from(known).unwrap_or(i64::MAX))
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok((0, None)) };
    let epoch = row.get::<Option<i64>>(0)?.unwrap_or(0) as u64;
    Ok((epoch, row.get::<Option<i64>>(1)?.map(|size| size as u64)))
}
