//! What a run's capabilities reach: the stores in the database, the audit trail, the lease. What must hold: a write is fenced by
//! the lease in its own transaction, and a denial is committed before the guest learns of it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use factotum_host::{
    ChildCall, ChildEnd, ChildError, HttpAnswer, HttpCall, Interrupt, KvEntry, MailCall, MailError,
    PortError, Ports, StopReason,
};
use factotum_model::audit::{AuditOutcome, Target};
use factotum_model::{Action, AuditId, RunId, WorkflowId};
use factotum_storage::claim::{self, Claimed};
use factotum_storage::{Storage, StorageError, Tx, audit_entries, kv};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::data_access::{self, DataAccess};
use crate::denials::Denials;
use crate::lease::Lease;
use crate::mail::SharedOutlet;

/// One run's ports.
pub(crate) struct RunPorts {
    pub(crate) storage: Storage,
    pub(crate) run: Arc<Claimed>,
    pub(crate) lease: Arc<Lease>,
    /// Stops this attempt.
    pub(crate) interrupt: Interrupt,
    /// This node takes no more work.
    pub(crate) draining: CancellationToken,
    /// What this attempt was denied.
    pub(crate) denials: Arc<Denials>,
    /// Where the workflow asks for each call to be on the record.
    pub(crate) data: Option<Arc<DataAccess>>,
    /// Where mail goes out.
    pub(crate) outlet: SharedOutlet,
}

impl RunPorts {
    async fn store(&self, tx: &mut Tx, name: &str) -> Result<WorkflowId, PortError> {
        if name == self.run.workflow {
            return Ok(self.run.workflow_id);
        }
        let found = kv::store(tx, self.run.org_id, name).await.map_err(unavailable)?;
        found.ok_or_else(|| PortError(format!("there is no workflow `{name}`, and so no store of that name")))
    }

    /// Puts a read on the record, if that is asked for.
    async fn note(&self, store: &str, key: &str, what: Value) -> Result<(), PortError> {
        let Some(data) = &self.data else { return Ok(()) };
        data.read(data.kv(Action::KV_READ, store, key, what)).await.map_err(unavailable)
    }

    /// Puts a write on the record, if that is asked for, in its transaction; and commits.
    async fn commit(&self, mut tx: Tx, store: &str, key: &str, what: Value) -> Result<(), PortError> {
        if let Some(data) = &self.data {
            let entry = data.kv(Action::KV_WRITE, store, key, what);
            audit_entries::append(&mut tx, &[entry]).await.map_err(unavailable)?;
        }
        tx.commit().await.map_err(unavailable)
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
        let id = self.store(&mut tx, store).await?;
        let entry = kv::get(&mut tx, id, key, self.storage.clock().now()).await.map_err(unavailable)?;
        drop(tx);
        let bytes = entry.as_ref().map(|e| e.value.len());
        self.note(store, key, json!({"call": "get", "bytes": bytes})).await?;
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
        let id = self.store(&mut tx, store).await?;
        kv::set(&mut tx, id, key, &value, expiry(&self.storage, ttl_ms)).await.map_err(unavailable)?;
        self.commit(tx, store, key, json!({"call": "set", "bytes": value.len()})).await
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
        let id = self.store(&mut tx, store).await?;
        let (expires_at, now) = (expiry(&self.storage, ttl_ms), self.storage.clock().now());
        let version =
            kv::swap(&mut tx, id, key, expected, &value, expires_at, now).await.map_err(unavailable)?;
        let what = json!({"call": "swap", "bytes": value.len(), "changed": version.is_some()});
        self.commit(tx, store, key, what).await?;
        Ok(version)
    }

    async fn kv_delete(&self, store: &str, key: &str) -> Result<bool, PortError> {
        check_key(key)?;
        let mut tx = self.fenced().await?;
        let id = self.store(&mut tx, store).await?;
        let removed = kv::delete(&mut tx, id, key, self.storage.clock().now()).await.map_err(unavailable)?;
        self.commit(tx, store, key, json!({"call": "delete", "changed": removed})).await?;
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
        let id = self.store(&mut tx, store).await?;
        let now = self.storage.clock().now();
        let keys = kv::list(&mut tx, id, prefix, after.unwrap_or_default(), now, limit).await;
        drop(tx);
        let keys = keys.map_err(unavailable)?;
        self.note(store, prefix, json!({"call": "list", "keys": keys.len()})).await?;
        Ok(keys)
    }

    async fn http_begins(&self, call: &HttpCall) -> Result<Option<AuditId>, PortError> {
        let Some(data) = &self.data else { return Ok(None) };
        data.intent(call).await.map(Some).map_err(unavailable)
    }

    async fn http_ended(&self, call: &HttpCall, begun: AuditId, end: Result<HttpAnswer, String>) {
        let Some(data) = &self.data else { return };
        if let Err(error) = data.outcome(call, begun, end).await {
            tracing::error!(%error, run = %self.run.run_id, "the end of a request could not be recorded; it stays unknown");
        }
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

    async fn send_mail(&self, call: MailCall) -> Result<String, MailError> {
        crate::mail::send(self, call).await
    }

    async fn denied(&self, action: Action, name: Option<&str>, reason: &str) {
        let run = &self.run;
        let mut entry = data_access::entry(&self.storage, run, action, name, AuditOutcome::Denied);
        entry.reason = Some(reason.to_owned());
        entry.targets = name.map(|name| Target::new(action.resource(), name)).into_iter().collect();
        if let Err(error) = self.denials.record(&self.storage, action, entry).await {
            tracing::error!(%error, run = %run.run_id, %action, "a denial could not be recorded; it stays denied");
        }
    }

    fn alive(&self) -> Result<(), StopReason> {
        if self.lease.holds() { Ok(()) } else { Err(StopReason::LeaseLost) }
    }
}
