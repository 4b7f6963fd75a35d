//! Things to test with: plugins, workflows, triggers, keys, runs to accept, and short cuts to a run's life. What must hold: each is
//! made by the functions that the server uses, so that a fixture is never a state the server cannot reach.

use factotum_model::api_key::{ENTROPY_BYTES, KeyText};
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome};
use factotum_model::nickname::check_nickname;
use factotum_model::trigger::TriggerKind;
use factotum_model::workflow::{Limits, RetryPolicy};
use factotum_model::{
    AccountId, AccountKind, Digest, EventInput, Grants, Initiator, InitiatorKind, OrgId, PluginId, Principal,
    RunId, Timestamp, TriggerId, WorkflowId,
};
use factotum_storage::accept::{Accepted, DedupKey, EventSource, NewRun, Origin};
use factotum_storage::api_keys::{self, ApiKey, NewApiKey};
use factotum_storage::audit_entries::{self, AuditFilter};
use factotum_storage::claim::Claimed;
use factotum_storage::finish::{End, Finished};
use factotum_storage::organizations::{self, Organization};
use factotum_storage::plugins::{self, Plugin};
use factotum_storage::runs::{self, Run};
use factotum_storage::triggers::{self, NewTrigger};
use factotum_storage::workflows::{self, NewVersion};
use factotum_storage::{StorageError, Tx};

use crate::world::World;

/// A set of grants.
pub fn grants(texts: &[&str]) -> Grants {
    Grants::parse(texts).unwrap()
}

/// Puts a workflow; its plugin is made if need be.
pub async fn workflow(
    tx: &mut Tx,
    org: &Organization,
    name: &str,
    needs: &[&str],
    concurrency: Option<u32>,
) -> Result<WorkflowId, StorageError> {
    let plugin = if let Some(plugin) = plugins::find(tx, org.id, "echo", "1.0.0").await? {
        plugin
    } else {
        let bytes = b"the storage never looks into a component";
        let plugin = Plugin {
            id: PluginId::random(),
            name: "echo".into(),
            version: "1.0.0".into(),
            digest: Digest::of(bytes),
            world: "factotum:workflow".into(),
            imports: vec!["factotum:workflow/log".into()],
            exports: Vec::new(),
            size: bytes.len() as u64,
            created_by: org.base_account,
            created_at: org.created_at,
        };
        plugins::create(tx, org.id, &plugin, bytes).await?;
        plugin
    };
    let new = NewVersion {
        plugin_id: plugin.id,
        grants: grants(needs),
        config: serde_json::json!({"greeting": "hello"}),
        limits: Limits::default(),
        retry: RetryPolicy::default(),
        concurrency,
        audit: factotum_model::workflow::AuditClass::default(),
        created_by: org.base_account,
    };
    workflows::put(tx, org.id, name, &new, org.created_at).await.map(|(workflow, _)| workflow.id)
}

/// A key's text from one byte.
pub fn key_text(byte: u8) -> KeyText {
    KeyText::from_entropy(&[byte; ENTROPY_BYTES])
}

impl World {
    /// Another organization, with a workflow `echo` like the first one's.
    pub async fn another_org(&self, name: &str) -> (Organization, WorkflowId) {
        let now = self.now();
        self.write(async |tx| {
            let org = organizations::create(tx, name, now).await?;
            let id = workflow(tx, &org, "echo", &["http:request", "kv:read", "kv:write"], None).await?;
            Ok((org, id))
        })
        .await
    }

    /// Another workflow of the world's organization.
    pub async fn workflow(&self, name: &str, needs: &[&str], concurrency: Option<u32>) -> WorkflowId {
        self.write(async |tx| workflow(tx, &self.org, name, needs, concurrency).await).await
    }

    /// An API key with its service account.
    pub async fn key(
        &self,
        nickname: &str,
        byte: u8,
        holds: &[&str],
        expires_at: Option<Timestamp>,
    ) -> ApiKey {
        self.try_key(nickname, byte, holds, expires_at).await.unwrap()
    }

    /// Tries to make an API key.
    pub async fn try_key(
        &self,
        nickname: &str,
        byte: u8,
        holds: &[&str],
        expires_at: Option<Timestamp>,
    ) -> Result<ApiKey, StorageError> {
        let text = key_text(byte);
        let new = NewApiKey {
            nickname: nickname.to_owned(),
            skeleton: check_nickname(nickname).unwrap(),
            grants: grants(holds),
            secret_hash: text.hash(),
            prefix: text.prefix().to_owned(),
            created_by: self.base(),
            expires_at,
            allowed_networks: vec![],
        };
        self.try_write(async |tx| api_keys::create(tx, self.org.id, &new, self.now()).await).await
    }

    /// A webhook trigger of a workflow.
    pub async fn trigger(&self, workflow_id: WorkflowId) -> TriggerId {
        let id = TriggerId::random();
        let new = NewTrigger {
            id,
            workflow_id,
            kind: TriggerKind::Webhook,
            config: serde_json::json!({}),
            token_hash: Some(Digest::of(id.0.as_bytes())),
            sealed: None,
            created_by: self.base(),
        };
        self.write(async |tx| triggers::create(tx, self.org.id, &new, self.now()).await).await.id
    }

    /// A run of the world's workflow by the base account, without trigger.
    pub fn new_run(&self) -> NewRun {
        NewRun {
            run_id: RunId::random(),
            org_id: self.org.id,
            workflow_id: self.workflow,
            account_id: self.base(),
            initiator: Initiator { kind: InitiatorKind::System, id: None },
            trigger_id: None,
            parent: None,
            credential: None,
            dedup: None,
            event: EventSource::New { input: EventInput::Call, payload: b"{\"n\":1}".to_vec() },
            replay_of: None,
            due_at: None,
            origin: Origin::default(),
        }
    }

    /// A delivery to a trigger, with a dedup key if given.
    pub fn delivery(&self, trigger: TriggerId, key: Option<&str>, expires_at: Timestamp) -> NewRun {
        NewRun {
            initiator: Initiator { kind: InitiatorKind::Webhook, id: Some(trigger.to_string()) },
            trigger_id: Some(trigger),
            dedup: key.map(|key| DedupKey { key: key.to_owned(), expires_at }),
            ..self.new_run()
        }
    }

    /// Accepts a run that must be new.
    pub async fn accept(&self, new: NewRun) -> RunId {
        let id = new.run_id;
        assert_eq!(self.storage.journal().accept(new).await.unwrap(), Accepted::New(id));
        id
    }

    /// Accepts a run by the base account.
    pub async fn accept_one(&self) -> RunId {
        self.accept(self.new_run()).await
    }

    /// Accepts a run by another account.
    pub async fn accept_as(&self, account: AccountId) -> RunId {
        self.accept(NewRun { account_id: account, ..self.new_run() }).await
    }

    /// Claims up to `free` runs, starting with the first organization.
    pub async fn claim(&self, free: usize) -> Vec<Claimed> {
        self.storage.claim(free, &mut None).await.unwrap().runs
    }

    /// Claims the one run that is due.
    pub async fn claim_one(&self) -> Claimed {
        let mut runs = self.claim(10).await;
        assert_eq!(runs.len(), 1, "one run is due");
        runs.pop().unwrap()
    }

    /// Ends an attempt; whether its lease was held.
    pub async fn finish(&self, run: &Claimed, end: End) -> bool {
        self.storage.journal().finish(finished(run, end)).await.unwrap()
    }

    /// The run as the API shows it.
    pub async fn run(&self, id: RunId) -> Run {
        self.read(async |tx| runs::get(tx, self.org.id, id).await).await.expect("the run is there")
    }

    /// Audit entries of the world's organization, newest first.
    pub async fn entries(&self, filter: &AuditFilter) -> Vec<AuditEntry> {
        self.read(async |tx| audit_entries::list(tx, self.org.id, filter, None, 1000).await).await
    }

    /// The actions recorded about a run, oldest first.
    pub async fn actions_of(&self, run: RunId) -> Vec<String> {
        let filter = AuditFilter { run: Some(run), ..AuditFilter::default() };
        self.entries(&filter).await.into_iter().rev().map(|e| e.action).collect()
    }

    /// The base service account as it stands in an entry.
    pub fn base_principal(&self) -> Principal {
        Principal { id: self.base(), kind: AccountKind::Base, name: "Service Account".into() }
    }

    /// An entry that the system makes.
    pub fn entry(&self, action: &str) -> AuditEntry {
        entry_of(self.org.id, self.base_principal(), action, self.now())
    }
}

/// An entry of some organization.
pub fn entry_of(org: OrgId, actor: Principal, action: &str, at: Timestamp) -> AuditEntry {
    AuditEntry::new(org, at, action, AuditOutcome::Ok, actor, AuditInitiator::of(InitiatorKind::System))
}

/// An attempt's end, without log.
pub fn finished(run: &Claimed, end: End) -> Finished {
    Finished { run: std::sync::Arc::new(run.clone()), end, log: None, usage: None }
}

/// An account of a key as it stands in an entry.
pub fn key_principal(key: &ApiKey) -> Principal {
    Principal { id: key.account_id, kind: AccountKind::ApiKey, name: key.nickname.clone() }
}
