//! What is not in a block yet: the leaves after the last whole block, and the entries that have no leaf yet. What must hold: an entry is
//! here or in a block below `blocks`, in each statement's own view of the database, so that none is missed while entries are sealed and
//! indexed.

use factotum_model::audit::AuditEntry;
use factotum_model::{AuditId, OrgId};
use uuid::Uuid;

use super::BLOCK;
use crate::audit_entries::{self, AuditFilter, COLUMNS};
use crate::audit_filter::Value;
use crate::connection::Tx;
use crate::error::StorageError;
use crate::{audit_sealing, dialect};

/// How many entries are read first, where the columns alone do not decide: a page of what is common is among them.
const FIRST_CHUNK: u32 = 128;
/// How many are read at a time after that: more than a tail has, if sealing and indexing keep up, since each reading sorts the tail.
const CHUNK: u32 = 8_192;

/// The entries of the tail that match, newest first, at most `limit`, older than `before`. Where nothing is indexed, that is the trail.
pub(super) async fn find(
    tx: &mut Tx,
    org: OrgId,
    filter: &AuditFilter,
    before: Option<AuditId>,
    (blocks, limit): (i64, usize),
) -> Result<Vec<AuditEntry>, StorageError> {
    let first_leaf = blocks * BLOCK as i64;
    // Read before the entries: it only ever moves on.
    let bound = if blocks == 0 { String::new() } else { audit_sealing::now(tx).await?.bound };
    let mut found = Vec::new();
    let mut before = before;
    let mut chunk = FIRST_CHUNK;
    loop {
        let mut values = vec![Value::Id(org.0)];
        let mut sql = if blocks == 0 {
            format!("SELECT {COLUMNS} FROM audit_entries WHERE org_id = $1")
        } else {
            values.push(Value::Number(first_leaf));
            // An old page needs no look at the new entries themselves.
            values.push(Value::Id(before.map_or(Uuid::max(), |id| id.0)));
            values.push(Value::Text(bound.clone()));
            let (unsealed, entries) =
                (dialect::seal::has_no_leaf(tx.backend()), dialect::seal::entries_of_tail(tx.backend()));
            // The new ids first, then their entries: left to itself, a planner walks all entries of the trail for the order it is asked for.
            format!(
                "WITH tail AS MATERIALIZED (\
                 SELECT l.entry_id FROM audit_leaves l WHERE l.org_id = $1 AND l.leaf_index >= $2 AND l.entry_id < $3 \
                 UNION ALL SELECT e.id FROM audit_entries e WHERE {unsealed} AND e.id < $3) \
                 SELECT {COLUMNS} FROM {entries}"
            )
        };
        filter.narrow(&mut sql, &mut values, before);
        let wanted = if filter.is_of_columns() { (limit - found.len()) as u32 } else { chunk };
        chunk = CHUNK;
        values.push(Value::Number(i64::from(wanted)));
        sql += " ORDER BY id DESC LIMIT $";
        sql += &values.len().to_string();
        let rows = Value::bind_all(values, tx.query_built(sql)).fetch_all().await?;
        let entries = audit_entries::read_all(tx, &rows).await?;
        before = entries.last().map(|entry| entry.id);
        let last = (entries.len() as u32) < wanted;
        found.extend(entries.into_iter().filter(|entry| filter.matches(entry)));
        found.truncate(limit);
        if last || found.len() == limit {
            return Ok(found);
        }
    }
}
