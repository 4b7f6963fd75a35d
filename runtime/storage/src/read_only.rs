//! A database opened to be looked at: without master key, without migrating, without writing. What must hold: nothing is changed, and what
//! one reader sees is of one instant, whatever a server does beside it.

use std::sync::Arc;

use crate::connection::{Texts, Tx};
use crate::dialect::Pools;
use crate::error::StorageError;

/// The open database.
pub struct ReadOnly {
    pools: Pools,
    texts: Arc<Texts>,
}

impl std::fmt::Debug for ReadOnly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadOnly").field("backend", &self.pools.backend()).finish_non_exhaustive()
    }
}

impl ReadOnly {
    /// Opens a `sqlite:` file that is there, or a `postgres:` server.
    pub async fn open(url: &str) -> Result<Self, StorageError> {
        Ok(Self { pools: Pools::connect_read_only(url).await?, texts: Arc::default() })
    }

    /// A transaction that reads what is committed now, however long it takes.
    pub async fn snapshot(&self) -> Result<Tx, StorageError> {
        Tx::snapshot(&self.pools, Arc::clone(&self.texts)).await
    }

    /// Closes it.
    pub async fn close(&self) {
        self.pools.close().await;
    }
}
