//! What a run's capabilities reach: the stores in the database, the audit trail, the lease. What must hold: a write is fenced by
//! the lease in its own transaction, and a denial is committed before the guest learns of it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use factotum_host::{ChildCall, ChildEnd, ChildError, Interrupt, KvEntry, PortError, Ports, StopReason};
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::{Action, RunId, WorkflowId};
use factotum_storage::claim::{self, Claimed};
use factotum_storage::{Storage, StorageError, Tx, kv};
use tokio_util::sync::CancellationToken;

use crate::lease::Lease;

/// One run's ports.
pub(crate) struct RunPorts {
    pub(crate) storage: Storage,
    pub(crate) run: Arc<Claimed>,
    pub(crate) lease: Arc<Lease>,
    /// Stops this attempt.
    pub(crate) interrupt: Interrupt,
    /// This node takes no more work.
    pub(crate) draining: CancellationToken,
}

impl RunPorts {
    async fn store(&self, tx: &mut Tx, name: &str) -> Result<WorkflowId, PortError> {
        if name == self.run.workflow {
            return Ok(self.run.workflow_id);
        }
        let found = kv::store(tx, self.run.org_id, name).await.map_err(unavailable)?;
        found.ok_or_else(|| PortError(format!("there is no workflow `{name}`, and so no store of that name")))
    }

    /// A transaction in which this attempt holds its lease until the end.
    async fn fenced(&self) -> Result<Tx, PortError> {
        let mut tx = self.storage.write().await.map_err(unavailable)?;
        let held = claim::holds(&mut tx, self.storage.node(), &self.run).await.map_err(unavailable)?;
        if held { Ok(tx) } else { Err(PortError("this attempt no longer holds its run".into())) }
    }
}

fn unavailable(error: StorageError) -> PortError {
    tracing::warn!(%error, "a key-value call failed");
    PortError("the store is not available at the moment".into())
}

fn expiry(storage: &Storage, ttl_ms: Option<u64>) -> Option<factotum_model::Timestamp> {
    ttl_ms.map(|ms| storage.clock().now().plus(Duration::from_millis(ms)))
}

/// PostgreSQL stores no U+0000 in a text, so neither backend takes one in a key.
fn check_key(key: &str) -> Result<(), PortError> {
    if key.contains('\0') { Err(PortError("a key may not contain U+0000".into())) } else { Ok(()) }
}

#[async_trait]
impl Ports for RunPorts {
    async fn kv_get(&self, store: &str, key: &str) -> Result<Option<KvEntry>, PortError> {
        check_key(key)?;
        let mut tx = self.storage.read().await.map_err(unavailable)?;
        let store = self.store(&mut tx, store).await?;
        let entry = kv::get(&mut tx, store, key, self.storage.clock().now()).await.map_err(unavailable)?;
        Ok(entry.map(|e| KvEntry { value: e.value, version: e.version }))
    }

    async fn kv_set(
        &self,
        store: &str,
        key: &str,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> Result<(), PortError> {
        check_key(key)?;
        let mut tx = self.fenced().await?;
        let store = self.store(&mut tx, store).await?;
        kv::set(&mut tx, store, key, &value, expiry(&self.storage, ttl_ms)).await.map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)
    }

    async fn kv_swap(
        &self,
        store: &str,
        key: &str,
        expected: u64,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> Result<Option<u64>, PortError> {
        check_key(key)?;
        let mut tx = self.fenced().await?;
        let store = self.store(&mut tx, store).await?;
        let (expires_at, now) = (expiry(&self.storage, ttl_ms), self.storage.clock().now());
        let version =
            kv::swap(&mut tx, store, key, expected, &value, expires_at, now).await.map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)?;
        Ok(version)
    }

    async fn kv_delete(&self, store: &str, key: &str) -> Result<bool, PortError> {
        check_key(key)?;
        let mut tx = self.fenced().await?;
        let store = self.store(&mut tx, store).await?;
        let removed =
            kv::delete(&mut tx, store, key, self.storage.clock().now()).await.map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)?;
        Ok(removed)
    }

    async fn kv_list(
        &self,
        store: &str,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, PortError> {
        check_key(prefix)?;
        check_key(after.unwrap_or_default())?;
        let mut tx = self.storage.read().await.map_err(unavailable)?;
        let store = self.store(&mut tx, store).await?;
        let now = self.storage.clock().now();
        kv::list(&mut tx, store, prefix, after.unwrap_or_default(), now, limit).await.map_err(unavailable)
    }

    async fn start_child(&self, call: ChildCall) -> Result<RunId, ChildError> {
        crate::children::start(self, call).await
    }

    async fn child_ended(&self, child: RunId) -> Result<Option<ChildEnd>, ChildError> {
        crate::children::ended(self, child).await
    }

    async fn child_end(&self, child: RunId) -> Result<ChildEnd, ChildError> {
        crate::children::end(self, child).await
    }

    async fn denied(&self, action: Action, name: Option<&str>, reason: &str) {
        let run = &self.run;
        let initiator =
            AuditInitiator { kind: run.initiator.kind, trigger_id: run.trigger_id, external_ref: None };
        // Starting a run has one name in the trail, whoever tries.
        let noun_verb = match action {
            Action::WORKFLOWS_RUN => "workflow.run".to_owned(),
            action => action.to_string().replace(':', "."),
        };
        let now = self.storage.clock().now();
        let mut entry = AuditEntry::new(
            run.org_id,
            now,
            &noun_verb,
            AuditOutcome::Denied,
            run.principal.clone(),
            initiator,
        );
        entry.reason = Some(reason.to_owned());
        entry.run_id = Some(run.run_id);
        entry.chain.clone_from(&run.chain);
        entry.attempt = Some(run.attempt);
        entry.workflow = Some(run.workflow.clone());
        entry.plugin_digest = Some(run.digest);
        entry.permission = Some(name.map_or_else(|| action.to_string(), |name| format!("{action}:{name}")));
        entry.targets = name.map(|name| Target::new(action.resource(), name)).into_iter().collect();
        if let Err(error) = self.storage.journal().record(entry).await {
            tracing::error!(%error, run = %run.run_id, %action, "a denial could not be recorded; it stays denied");
        }
    }

    fn alive(&self) -> Result<(), StopReason> {
        if self.lease.holds() { Ok(()) } else { Err(StopReason::LeaseLost) }
    }
}
