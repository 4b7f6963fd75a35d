//! The open database. What must hold: it is opened once per process and closed before exit, which waits for what was
//! handed to the journal.

use std::sync::Arc;
use std::time::Duration;

use factotum_model::{Clock, NodeId, Timestamp};
use tokio_util::task::TaskTracker;

use crate::connection::{Texts, Tx};
use crate::dialect::{self, Backend, Pools};
use crate::error::StorageError;
use crate::journal::{Handoff, Journal};
use crate::vault::{MasterKey, Vault};
use crate::watch::Watch;

/// How the database is opened.
pub struct Options {
    /// `sqlite:FILE` or `postgres://…`.
    pub url: String,
    /// Connections of PostgreSQL at the most.
    pub connections: u32,
    /// What wraps the data keys.
    pub master_key: MasterKey,
    /// The master key before, during a rotation.
    pub previous_master_key: Option<MasterKey>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whether to run missing migrations first.
    pub migrate: bool,
}

/// The open database. A clone is another handle of the same.
#[derive(Clone)]
pub struct Storage(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) pools: Pools,
    pub(crate) texts: Arc<Texts>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) vault: Vault,
    pub(crate) watch: Watch,
    pub(crate) node: NodeId,
    journal: Journal,
    tasks: TaskTracker,
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storage")
            .field("backend", &self.backend())
            .field("node", &self.0.node)
            .finish_non_exhaustive()
    }
}

impl Storage {
    /// Runs the migrations that are missing: with the role that owns the tables.
    pub async fn migrate(url: &str) -> Result<(), StorageError> {
        let pools = Pools::connect(url, 1).await?;
        let outcome = dialect::migrate(&pools).await;
        pools.close().await;
        outcome
    }

    /// Writes the database anew, without what was deleted from it, as the owner of its tables. No server may run on it.
    pub async fn compact(url: &str) -> Result<(), StorageError> {
        let pools = Pools::connect(url, 1).await?;
        let outcome = dialect::compact(&pools).await;
        pools.close().await;
        outcome
    }

    /// Opens the database, and starts the task that commits what comes in, in groups.
    pub async fn open(options: Options) -> Result<Self, StorageError> {
        let pools = Pools::connect(&options.url, options.connections).await?;
        if options.migrate {
            dialect::migrate(&pools).await?;
        }
        let texts = Arc::new(Texts::default());
        let mut tx = Tx::write(&pools, Arc::clone(&texts)).await?;
        let vault = Vault::open(
            &mut tx,
            options.clock.as_ref(),
            options.master_key,
            options.previous_master_key.as_ref(),
        )
        .await?;
        tx.commit().await?;
        let tasks = TaskTracker::new();
        let (journal, queue) = Journal::channel();
        let shared = Arc::new(Shared {
            pools,
            texts,
            clock: options.clock,
            vault,
            watch: Watch::default(),
            node: NodeId::random(),
            journal,
            tasks,
        });
        shared.tasks.spawn(crate::journal::run(Arc::clone(&shared), queue));
        Ok(Self(shared))
    }

    /// Commits what was handed to the journal, then closes all connections.
    pub async fn close(&self) {
        self.0.journal.close();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.pools.close().await;
    }

    /// A transaction that writes. On SQLite there is one at a time, so it must be short.
    pub async fn write(&self) -> Result<Tx, StorageError> {
        self.0.write().await
    }

    /// A connection that reads; each statement sees what is committed.
    pub async fn read(&self) -> Result<Tx, StorageError> {
        self.0.read().await
    }

    /// Which database it is.
    pub fn backend(&self) -> Backend {
        self.0.pools.backend()
    }

    /// The clock that everything here goes by, but for leases.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// This process, as leases name it.
    pub fn node(&self) -> NodeId {
        self.0.node
    }

    /// What seals secrets.
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    /// Who waits for a run's end in this process.
    pub fn watch(&self) -> &Watch {
        &self.0.watch
    }

    /// The group commit.
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// Lets accepted runs go straight to a free instance, without a second transaction. At most once.
    pub fn set_handoff(&self, handoff: Arc<dyn Handoff>) {
        self.0.journal.set_handoff(handoff);
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// The database's own time: what leases go by.
    pub async fn database_time(&self) -> Result<Timestamp, StorageError> {
        let mut tx = self.read().await?;
        crate::nodes::database_time(&mut tx).await
    }

    /// How long ago a lease's node may have been heard of.
    pub const LEASE: Duration = Duration::from_secs(10);
}

impl Shared {
    pub(crate) async fn write(&self) -> Result<Tx, StorageError> {
        Tx::write(&self.pools, Arc::clone(&self.texts)).await
    }

    pub(crate) async fn read(&self) -> Result<Tx, StorageError> {
        Tx::read(&self.pools, Arc::clone(&self.texts)).await
    }
}
