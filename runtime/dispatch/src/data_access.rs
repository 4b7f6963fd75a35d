//! The data-access class of the audit trail (audit.md, A4): each host call of a run whose workflow asks for it. What must hold: a write commits with
//! its entry; a request to the outside leaves only once its intent is committed (A2), and its outcome follows; reads are gathered, and committed
//! before the attempt's end is; no content is ever in an entry.

use std::sync::{Arc, Mutex, PoisonError};

use factotum_host::{HttpAnswer, HttpCall};
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::{Action, AuditId};
use factotum_storage::claim::Claimed;
use factotum_storage::{Storage, StorageError, audit_entries};
use serde_json::{Value, json};

/// How many reads are gathered before they are written.
const GATHERED: usize = 256;

/// What one run's calls leave.
pub(crate) struct DataAccess {
    storage: Storage,
    run: Arc<Claimed>,
    reads: Mutex<Vec<AuditEntry>>,
}

impl DataAccess {
    pub(crate) fn of(storage: Storage, run: Arc<Claimed>) -> Self {
        Self { storage, run, reads: Mutex::default() }
    }

    /// An entry about a key of a store. `what` says which call it was and how large, never what was in it.
    pub(crate) fn kv(&self, action: Action, store: &str, key: &str, what: Value) -> AuditEntry {
        let mut entry = entry(&self.storage, &self.run, action, Some(store), AuditOutcome::Ok);
        entry.targets = vec![Target::named("kv", store, key)];
        entry.change = Some(what);
        entry
    }

    /// Gathers the entry of a read.
    pub(crate) async fn read(&self, entry: AuditEntry) -> Result<(), StorageError> {
        let full = {
            let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
            reads.push(entry);
            reads.len() >= GATHERED
        };
        if full { self.flush().await } else { Ok(()) }
    }

    /// Writes what was gathered; it stays gathered if that fails.
    pub(crate) async fn flush(&self) -> Result<(), StorageError> {
        let mut entries = std::mem::take(&mut *self.reads.lock().unwrap_or_else(PoisonError::into_inner));
        if entries.is_empty() {
            return Ok(());
        }
        let written = async {
            let mut tx = self.storage.write().await?;
            audit_entries::append(&mut tx, &entries).await?;
            tx.commit().await
        };
        let done = written.await;
        if done.is_err() {
            let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
            entries.append(&mut reads);
            *reads = entries;
        }
        done
    }

    /// Commits that a request is about to leave; what its end is told by.
    pub(crate) async fn intent(&self, call: &HttpCall) -> Result<AuditId, StorageError> {
        let mut entry = self.http(call, AuditOutcome::Ok);
        "http.intent".clone_into(&mut entry.action);
        entry.reason = Some(
            "about to be sent; without an `http.request` of the same call it is unknown whether it was"
                .into(),
        );
        let id = entry.id;
        entry.targets.insert(0, Target::new("call", id));
        self.storage.journal().record(entry).await?;
        Ok(id)
    }

    /// Commits how a request ended.
    pub(crate) async fn outcome(
        &self,
        call: &HttpCall,
        intent: AuditId,
        end: Result<HttpAnswer, String>,
    ) -> Result<(), StorageError> {
        let outcome = if end.is_ok() { AuditOutcome::Ok } else { AuditOutcome::Error };
        let mut entry = self.http(call, outcome);
        entry.targets.insert(0, Target::new("call", intent));
        match end {
            Ok(answer) => entry.change = Some(json!({"status": answer.status, "bytes": answer.bytes})),
            Err(error) => entry.reason = Some(format!("no_answer: {error}")),
        }
        self.storage.journal().record(entry).await
    }

    fn http(&self, call: &HttpCall, outcome: AuditOutcome) -> AuditEntry {
        let mut entry = entry(&self.storage, &self.run, Action::HTTP_REQUEST, Some(&call.host), outcome);
        entry.targets = vec![Target::new("http", &call.host)];
        entry.change = Some(json!({"method": call.method, "bytes": call.bytes}));
        entry
    }
}

/// An entry of what a run does or tries.
pub(crate) fn entry(
    storage: &Storage,
    run: &Claimed,
    action: Action,
    name: Option<&str>,
    outcome: AuditOutcome,
) -> AuditEntry {
    let initiator =
        AuditInitiator { kind: run.initiator.kind, trigger_id: run.trigger_id, external_ref: None };
    // Starting a run has one name in the trail, whoever tries.
    let noun_verb = match action {
        Action::WORKFLOWS_RUN => "workflow.run".to_owned(),
        action => action.to_string().replace(':', "."),
    };
    let now = storage.clock().now();
    let mut entry = AuditEntry::new(run.org_id, now, &noun_verb, outcome, run.principal.clone(), initiator);
    entry.run_id = Some(run.run_id);
    entry.chain.clone_from(&run.chain);
    entry.attempt = Some(run.attempt);
    entry.workflow = Some(run.workflow.clone());
    entry.plugin_digest = Some(run.digest);
    entry.permission = Some(name.map_or_else(|| action.to_string(), |name| format!("{action}:{name}")));
    entry
}
