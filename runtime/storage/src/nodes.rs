//! Nodes and their heartbeats. What must hold: leases go by the database's clock, so nodes with wrong clocks do not take
//! each other's runs.

use factotum_model::{NodeId, Timestamp};

use crate::connection::Tx;
use crate::dialect;
use crate::error::StorageError;
use crate::storage::Storage;

impl Storage {
    /// Says that this node lives; gives the database's time.
    pub async fn heartbeat(&self, name: &str) -> Result<Timestamp, StorageError> {
        let mut tx = self.write().await?;
        let now = database_time(&mut tx).await?;
        tx.query(
            "INSERT INTO nodes (id, name, started_at, heartbeat_at) VALUES ($1, $2, $3, $3) \
             ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at",
        )
        .bind(self.node().0)
        .bind(name.to_owned())
        .bind(now.as_micros())
        .execute()
        .await?;
        tx.commit().await?;
        Ok(now)
    }

    /// Says that this node is gone, in an orderly way.
    pub async fn sign_off(&self) -> Result<(), StorageError> {
        let mut tx = self.write().await?;
        tx.query("DELETE FROM nodes WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM leases WHERE node_id = $1)")
            .bind(self.node().0)
            .execute()
            .await?;
        tx.commit().await
    }

    /// The runs that this node has leases for.
    pub async fn leased_runs(&self) -> Result<Vec<factotum_model::RunId>, StorageError> {
        let mut tx = self.read().await?;
        crate::cancel::still_leased(&mut tx, self.node().0).await
    }
}

/// The database's clock.
pub(crate) async fn database_time(tx: &mut Tx) -> Result<Timestamp, StorageError> {
    let sql = dialect::clock_sql(tx.backend());
    let row = tx.query(sql).fetch_optional().await?;
    row.map_or_else(|| Err(StorageError::damaged("the clock", "no row")), |row| row.time(0))
}

/// A node, for `doctor` and the overview.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Its host's name.
    pub name: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it was last heard of.
    pub heartbeat_at: Timestamp,
}

/// All nodes that have not signed off.
pub async fn list(tx: &mut Tx) -> Result<Vec<Node>, StorageError> {
    let rows =
        tx.query("SELECT id, name, started_at, heartbeat_at FROM nodes ORDER BY id").fetch_all().await?;
    rows.iter()
        .map(|row| {
            Ok(Node {
                id: row.id(0)?,
                name: row.get(1)?,
                started_at: row.time(2)?,
                heartbeat_at: row.time(3)?,
            })
        })
        .collect()
}
