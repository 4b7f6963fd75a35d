//! Streams of the trail to other systems: which node streams, and how far each organization's trail has come. What must hold: a cursor moves only
//! from where its mover saw it, and only after the receiver has what lies before it: so each entry arrives at least once.

use factotum_model::{NodeId, OrgId, Timestamp};

use crate::connection::{Row, Tx};
use crate::dialect;
use crate::error::StorageError;

/// An organization as a stream sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Which.
    pub org_id: OrgId,
    /// Its name.
    pub name: String,
    /// The index of the first entry that the receiver has not confirmed.
    pub next: u64,
    /// When the receiver last confirmed something.
    pub moved_at: Option<Timestamp>,
}

/// How far a stream is behind in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    /// Where it stands.
    pub position: Position,
    /// How many sealed entries the receiver has not confirmed.
    pub entries: u64,
    /// When the first of them happened.
    pub since: Option<Timestamp>,
}

/// Takes or renews the right to stream until then, by the database's clock; whether this node has it now.
pub async fn lease(
    tx: &mut Tx,
    stream: &str,
    node: NodeId,
    lasts: std::time::Duration,
) -> Result<bool, StorageError> {
    let now = crate::nodes::database_time(tx).await?;
    let taken = tx
        .query(
            "INSERT INTO audit_streams (name, node_id, leased_until) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET node_id = excluded.node_id, leased_until = excluded.leased_until \
             WHERE audit_streams.node_id = excluded.node_id OR audit_streams.leased_until < $4",
        )
        .bind(stream.to_owned())
        .bind(node.0)
        .bind(now.plus(lasts).as_micros())
        .bind(now.as_micros())
        .execute()
        .await?;
    Ok(taken > 0)
}

/// Whether other nodes could stream instead of this one.
pub fn is_shared(tx: &Tx) -> bool {
    dialect::is_shared(tx.backend())
}

/// Gives the right back, for another node to take at once.
pub async fn release(tx: &mut Tx, stream: &str, node: NodeId) -> Result<(), StorageError> {
    tx.query("UPDATE audit_streams SET leased_until = 0 WHERE name = $1 AND node_id = $2")
        .bind(stream.to_owned())
        .bind(node.0)
        .execute()
        .await
        .map(drop)
}

/// The organizations that have sealed entries which this stream has not delivered.
pub async fn pending(tx: &mut Tx, stream: &str) -> Result<Vec<Position>, StorageError> {
    let rows = tx
        .query(
            "SELECT o.id, o.name, coalesce(c.next_index, 0), c.updated_at FROM organizations o \
             LEFT JOIN audit_stream_cursors c ON c.stream = $1 AND c.org_id = o.id \
             WHERE EXISTS (SELECT 1 FROM audit_leaves l WHERE l.org_id = o.id AND l.leaf_index >= coalesce(c.next_index, 0)) \
             ORDER BY o.id",
        )
        .bind(stream.to_owned())
        .fetch_all()
        .await?;
    rows.iter().map(position).collect()
}

fn position(row: &Row) -> Result<Position, StorageError> {
    let next = row.get::<i64>(2)? as u64;
    Ok(Position { org_id: row.id(0)?, name: row.get(1)?, next, moved_at: row.maybe_time(3)? })
}

/// Moves a cursor on; whether it still stood there.
pub async fn advance(
    tx: &mut Tx,
    stream: &str,
    org: OrgId,
    (from, to): (u64, u64),
    now: Timestamp,
) -> Result<bool, StorageError> {
    let moved = tx
        .query(
            "INSERT INTO audit_stream_cursors (stream, org_id, next_index, updated_at) VALUES ($1, $2, $4, $5) \
             ON CONFLICT (stream, org_id) DO UPDATE SET next_index = excluded.next_index, updated_at = excluded.updated_at \
             WHERE audit_stream_cursors.next_index = $3",
        )
        .bind(stream.to_owned())
        .bind(org.0)
        .bind(from as i64)
        .bind(to as i64)
        .bind(now.as_micros())
        .execute()
        .await?;
    Ok(moved > 0)
}

/// How far the stream is behind, organization by organization.
pub async fn lag(tx: &mut Tx, stream: &str) -> Result<Vec<Lag>, StorageError> {
    let rows = tx
        .query(
            "SELECT o.id, o.name, coalesce(c.next_index, 0), c.updated_at, \
             (SELECT max(l.leaf_index) FROM audit_leaves l WHERE l.org_id = o.id), \
             (SELECT e.at FROM audit_leaves l JOIN audit_entries e ON e.org_id = l.org_id AND e.id = l.entry_id \
              WHERE l.org_id = o.id AND l.leaf_index = coalesce(c.next_index, 0)) \
             FROM organizations o LEFT JOIN audit_stream_cursors c ON c.stream = $1 AND c.org_id = o.id ORDER BY o.id",
        )
        .bind(stream.to_owned())
        .fetch_all()
        .await?;
    rows.iter()
        .map(|row| {
            let position = position(row)?;
            let size = row.get::<Option<i64>>(4)?.map_or(0, |newest| newest as u64 + 1);
            let entries = size.saturating_sub(position.next);
            Ok(Lag { position, entries, since: row.maybe_time(5)? })
        })
        .collect()
}
