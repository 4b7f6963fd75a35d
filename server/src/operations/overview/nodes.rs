//! The nodes that work on the database.

use std::time::Duration;

use factotum_model::{Action, Timestamp};
use factotum_storage::{Storage, nodes as stored};

use crate::operations::{Caller, OperationError, Services};

/// A node that has been silent for so long does not live.
const SILENT: Duration = Storage::LEASE;

/// A node as it is now.
#[derive(Debug, Clone)]
pub struct NodeNow {
    /// Its machine's name.
    pub name: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it was last heard of.
    pub heartbeat_at: Timestamp,
    /// Whether it is this one.
    pub own: bool,
    /// Whether it was not heard of lately.
    pub silent: bool,
}

/// All nodes that have not signed off, the oldest first.
pub async fn nodes(services: &Services, caller: &Caller) -> Result<Vec<NodeNow>, OperationError> {
    caller.allowed(services, "node.list", Action::SETTINGS_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    let found = stored::list(&mut tx).await?;
    drop(tx);
    // Heartbeats go by the database's clock.
    let now = services.storage.database_time().await?;
    let own = services.storage.node();
    Ok(found
        .into_iter()
        .map(|node| NodeNow {
            own: node.id == own,
            silent: now.since(node.heartbeat_at) > SILENT,
            name: node.name,
            started_at: node.started_at,
            heartbeat_at: node.heartbeat_at,
        })
        .collect())
}
