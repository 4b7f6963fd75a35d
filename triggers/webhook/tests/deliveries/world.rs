//! What a test stands on: a database of its own on either backend, with an organization and a workflow, and the webhooks over
//! it. What must hold: tests share nothing, so they run side by side.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use factotum_model::workflow::{Limits, RetryPolicy};
use factotum_model::{Clock, Digest, Grants, PluginId, Redacted, RunId, Timestamp, WorkflowId};
use factotum_storage::accept::Origin;
use factotum_storage::audit_entries::{self, AuditFilter};
use factotum_storage::organizations::{self, Organization};
use factotum_storage::plugins::{self, Plugin};
use factotum_storage::triggers::Trigger;
use factotum_storage::workflows::{self, NewVersion};
use factotum_storage::{MasterKey, Options, Storage};
use factotum_tests::Backend;
use factotum_webhook::{Answer, Delivery, Token, Webhooks, check_config, stored};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::Full;
use serde_json::Value;

/// A clock that stands still until it is turned.
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

pub struct World {
    pub storage: Storage,
    pub clock: Arc<ManualClock>,
    pub webhooks: Webhooks,
    pub org: Organization,
    pub workflow: WorkflowId,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn start(backend: Backend) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("sqlite:{}", folder.path().join("factotum.db").display());
        let clock = Arc::new(ManualClock(AtomicI64::new(1_800_000_000_000_000)));
        let options = Options {
            url: backend.fresh_database().unwrap().unwrap_or(file),
            connections: 4,
            master_key: MasterKey::generate().unwrap(),
            previous_master_key: None,
            clock: Arc::<ManualClock>::clone(&clock),
            migrate: true,
        };
        let storage = Storage::open(options).await.unwrap();
        let mut tx = storage.write().await.unwrap();
        let now = clock.now();
        let org = organizations::create(&mut tx, "Acme", now).await.unwrap();
        let bytes = b"the storage never looks into a component";
        let plugin = Plugin {
            id: PluginId::random(),
            name: "echo".into(),
            version: "1.0.0".into(),
            digest: Digest::of(bytes),
            world: "factotum:workflow".into(),
            imports: vec![],
            exports: Vec::new(),
            size: bytes.len() as u64,
            created_by: org.base_account,
            created_at: now,
        };
        plugins::create(&mut tx, org.id, &plugin, bytes).await.unwrap();
        let version = NewVersion {
            plugin_id: plugin.id,
            grants: Grants::none(),
            config: serde_json::json!({}),
            limits: Limits::default(),
            retry: RetryPolicy::default(),
            concurrency: None,
            audit: factotum_model::workflow::AuditClass::default(),
            created_by: org.base_account,
        };
        let (workflow, _) = workflows::put(&mut tx, org.id, "echo", &version, now).await.unwrap();
        tx.commit().await.unwrap();
        let webhooks = Webhooks::over(storage.clone());
        Self { storage, clock, webhooks, org, workflow: workflow.id, _folder: folder }
    }

    /// A webhook trigger of the configuration, and its token.
    pub async fn hook(&self, config: Value) -> (Trigger, Token) {
        let config = check_config(&config).unwrap();
        let mut tx = self.storage.write().await.unwrap();
        let workflow = (self.org.id, self.workflow);
        let entropy = *RunId::random().0.as_bytes();
        let mut token = [7; 20];
        token[..16].copy_from_slice(&entropy);
        let by = self.org.base_account;
        let made = stored::create(&self.storage, &mut tx, workflow, &config, &token, by, self.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        made
    }

    pub async fn send(&self, token: &Token, headers: &[(&'static str, &str)], body: &[u8]) -> Answer {
        self.request(token.expose(), Method::POST, headers, body).await
    }

    pub async fn request(
        &self,
        token: &str,
        method: Method,
        headers: &[(&'static str, &str)],
        body: &[u8],
    ) -> Answer {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        let url = Redacted::new(format!("https://hooks.example/hooks/{token}"));
        let (path, query) = ("/orders".into(), "a=1".into());
        let delivery = Delivery { method, url, path, query, headers, certificate: None };
        let body = Full::new(Bytes::copy_from_slice(body));
        self.webhooks.receive(token, delivery, Origin::default(), body).await
    }

    /// The entries with an action: outcome and reason, oldest first.
    pub async fn entries(&self, action: &str) -> Vec<(String, Option<String>)> {
        let mut tx = self.storage.read().await.unwrap();
        let filter = AuditFilter { action: Some(action.into()), ..AuditFilter::default() };
        let entries = audit_entries::list(&mut tx, self.org.id, &filter, None, 1000).await.unwrap();
        entries.into_iter().rev().map(|e| (e.outcome.as_str().to_owned(), e.reason)).collect()
    }

    /// How many runs are due.
    pub async fn due(&self) -> usize {
        self.storage.claim(1000, &mut None).await.unwrap().runs.len()
    }
}

pub fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

/// Runs one behaviour on both backends.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident: &World) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, reason = "what a test uses of its file differs")]
            use super::*;

            async fn behaves($world: &World) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let world = World::start(factotum_tests::Backend::Sqlite).await;
                behaves(&world).await;
                world.storage.close().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                let world = World::start(factotum_tests::Backend::Postgres).await;
                behaves(&world).await;
                world.storage.close().await;
            }
        }
    )*};
}
