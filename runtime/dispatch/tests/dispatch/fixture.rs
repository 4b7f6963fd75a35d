//! A scratch database with an organization, a host, and workflows of test guests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use factotum_dispatch::{Dispatcher, Options};
use factotum_host::{Host, HostConfig};
use factotum_model::workflow::{Limits, RetryPolicy};
use factotum_model::{
    AccountId, Digest, EventInput, Grants, Initiator, InitiatorKind, OrgId, PluginId, RunId, RunState,
    SystemClock, Timestamp, WorkflowId,
};
use factotum_storage::accept::{AcceptError, Accepted, EventSource, NewRun, Origin};
use factotum_storage::api_keys::{ApiKey, NewApiKey};
use factotum_storage::plugins::Plugin;
use factotum_storage::workflows::NewVersion;
use factotum_storage::{MasterKey, Storage, api_keys, organizations, plugins, runs, workflows};

/// How long a test waits for what it expects.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a test on both databases.
macro_rules! on_both_backends {
    ($($name:ident)*) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                super::$name($crate::fixture::World::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                super::$name($crate::fixture::World::postgres().await).await;
            }
        }
    )*};
}
pub(crate) use on_both_backends;

/// One organization in one scratch database.
pub struct World {
    pub storage: Storage,
    pub org: OrgId,
    pub base: AccountId,
    url: String,
    folder: tempfile::TempDir,
}

impl World {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("factotum.db").display());
        Self::of(url, folder).await
    }

    pub async fn postgres() -> Self {
        let server = std::env::var("FACTOTUM_TEST_POSTGRES").expect(
            "these tests need PostgreSQL: run them by `cargo xtask test`, or set FACTOTUM_TEST_POSTGRES",
        );
        let name = format!("dispatch_{}", RunId::random().to_string().replace("run_", ""));
        let url = factotum_tests::postgres::create_database(&server, &name).unwrap();
        Self::of(url, tempfile::tempdir().unwrap()).await
    }

    async fn of(url: String, folder: tempfile::TempDir) -> Self {
        let storage = open(&url, true).await;
        let mut tx = storage.write().await.unwrap();
        let org = organizations::create(&mut tx, "test", now()).await.unwrap();
        tx.commit().await.unwrap();
        Self { storage, org: org.id, base: org.base_account, url, folder }
    }

    /// A second process on the same database, as far as the database can tell.
    pub async fn second_node(&self) -> Storage {
        open(&self.url, false).await
    }

    pub fn host(&self) -> Host {
        Host::new(HostConfig { max_instances: 8, ..HostConfig::new(self.folder.path().join("cache")) })
            .unwrap()
    }

    pub async fn dispatcher(&self, drain: Duration) -> Dispatcher {
        dispatcher(&self.storage, self.host(), drain).await
    }

    /// A workflow of a test guest.
    pub async fn workflow(&self, guest: &str, retry: RetryPolicy, limits: Limits) -> WorkflowId {
        let path = format!("{}/../../target/guests/{guest}.wasm", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}; run `cargo xtask guests`"));
        let plugin = Plugin {
            id: PluginId::random(),
            name: guest.into(),
            version: RunId::random().to_string(),
            digest: Digest::of(&bytes),
            world: "factotum:workflow".into(),
            imports: vec![],
            exports: Vec::new(),
            size: bytes.len() as u64,
            created_by: self.base,
            created_at: now(),
        };
        let version = NewVersion {
            plugin_id: plugin.id,
            grants: Grants::none(),
            config: serde_json::json!({}),
            limits,
            retry,
            concurrency: None,
            audit: factotum_model::workflow::AuditClass::default(),
            created_by: self.base,
        };
        let mut tx = self.storage.write().await.unwrap();
        plugins::create(&mut tx, self.org, &plugin, &bytes).await.unwrap();
        let (workflow, _) = workflows::put(&mut tx, self.org, guest, &version, now()).await.unwrap();
        tx.commit().await.unwrap();
        workflow.id
    }

    pub async fn key(&self, nickname: &str) -> ApiKey {
        let mut tx = self.storage.write().await.unwrap();
        let new = NewApiKey {
            nickname: nickname.into(),
            skeleton: nickname.into(),
            grants: Grants::all(),
            secret_hash: Digest::of(nickname.as_bytes()),
            prefix: "fct_test".into(),
            created_by: self.base,
            expires_at: None,
            allowed_networks: vec![],
        };
        let key = api_keys::create(&mut tx, self.org, &new, now()).await.unwrap();
        tx.commit().await.unwrap();
        key
    }

    /// Starts a run by a call with this payload.
    pub async fn call(&self, workflow: WorkflowId, account: AccountId, payload: serde_json::Value) -> RunId {
        let accepted = self.try_call(workflow, account, payload).await.unwrap();
        accepted.run_id()
    }

    pub async fn try_call(
        &self,
        workflow: WorkflowId,
        account: AccountId,
        payload: serde_json::Value,
    ) -> Result<Accepted, AcceptError> {
        let run = NewRun {
            run_id: RunId::random(),
            org_id: self.org,
            workflow_id: workflow,
            account_id: account,
            initiator: Initiator { kind: InitiatorKind::Api, id: None },
            trigger_id: None,
            parent: None,
            credential: None,
            dedup: None,
            event: EventSource::New { input: EventInput::Call, payload: payload.to_string().into_bytes() },
            replay_of: None,
            due_at: None,
            origin: Origin::default(),
        };
        self.storage.journal().accept(run).await
    }

    pub async fn run(&self, id: RunId) -> runs::Run {
        let mut tx = self.storage.read().await.unwrap();
        runs::get(&mut tx, self.org, id).await.unwrap().unwrap()
    }

    /// Waits until a run is in a state.
    pub async fn until(&self, id: RunId, state: RunState) -> runs::Run {
        let began = Instant::now();
        loop {
            let run = self.run(id).await;
            if run.state == state {
                return run;
            }
            assert!(began.elapsed() < PATIENCE, "waited for {state:?}, but: {run:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The actions of a run's audit entries, oldest first.
    pub async fn trail(&self, run: RunId) -> Vec<String> {
        let filter = factotum_storage::audit_entries::AuditFilter { run: Some(run), ..Default::default() };
        let mut tx = self.storage.read().await.unwrap();
        let entries =
            factotum_storage::audit_entries::list(&mut tx, self.org, &filter, None, 100).await.unwrap();
        entries.into_iter().rev().map(|e| e.action).collect()
    }
}

pub async fn dispatcher(storage: &Storage, host: Host, drain: Duration) -> Dispatcher {
    Dispatcher::start(storage.clone(), host, Options { name: "test".into(), drain, ..Options::default() })
        .await
        .unwrap()
}

pub fn now() -> Timestamp {
    factotum_model::Clock::now(&SystemClock)
}

async fn open(url: &str, migrate: bool) -> Storage {
    Storage::open(factotum_storage::Options {
        url: url.to_owned(),
        connections: 8,
        master_key: MasterKey::from_hex(&"cd".repeat(32)).unwrap(),
        previous_master_key: None,
        clock: Arc::new(SystemClock),
        migrate,
    })
    .await
    .unwrap()
}
