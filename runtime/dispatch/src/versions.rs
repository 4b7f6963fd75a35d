//! Workflow versions in memory: immutable, so read once. What must hold: the cache is bounded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use factotum_model::WorkflowId;
use factotum_model::workflow::{AuditClass, Limits, RetryPolicy};
use factotum_storage::{Storage, StorageError, workflows};

/// How many versions are kept; when full, the cache starts anew, which costs one query per workflow in use.
const KEPT: usize = 10_000;

/// What an attempt needs of its workflow version.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) config: Arc<serde_json::Value>,
    pub(crate) limits: Limits,
    pub(crate) retry: RetryPolicy,
    pub(crate) audit: AuditClass,
}

/// The versions read so far.
#[derive(Debug, Default)]
pub(crate) struct Versions(Mutex<HashMap<(WorkflowId, i64), Arc<Version>>>);

impl Versions {
    /// A version; `None` if the database does not know it.
    pub(crate) async fn get(
        &self,
        storage: &Storage,
        workflow: WorkflowId,
        number: i64,
    ) -> Result<Option<Arc<Version>>, StorageError> {
        let key = (workflow, number);
        if let Some(version) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Some(Arc::clone(version)));
        }
        let mut tx = storage.read().await?;
        let Some(stored) = workflows::version(&mut tx, workflow, number).await? else { return Ok(None) };
        let version = Arc::new(Version {
            config: Arc::new(stored.config),
            limits: stored.limits,
            retry: stored.retry,
            audit: stored.audit,
        });
        let mut versions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if versions.len() >= KEPT {
            versions.clear();
        }
        versions.insert(key, Arc::clone(&version));
        Ok(Some(version))
    }
}
