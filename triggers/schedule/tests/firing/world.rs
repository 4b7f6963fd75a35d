//! What a test stands on: a database of its own on either backend, a clock turned by hand, an organization with a workflow. What
//! must hold: tests share nothing, so they run side by side; waits are for conditions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use factotum_model::trigger::TriggerKind;
use factotum_model::workflow::{Limits, RetryPolicy};
use factotum_model::{Clock, Digest, EventInput, Grants, PluginId, Timestamp, TriggerId, WorkflowId};
use factotum_schedule::{Scheduler, arm, check_config};
use factotum_storage::audit_entries::{self, AuditFilter};
use factotum_storage::organizations::{self, Organization};
use factotum_storage::plugins::{self, Plugin};
use factotum_storage::runs::RunFilter;
use factotum_storage::triggers::{self, Trigger};
use factotum_storage::workflows::{self, NewVersion};
use factotum_storage::{MasterKey, Options, Storage, events, runs};
use factotum_tests::Backend;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A clock that stands still until it is turned.
pub struct ManualClock(AtomicI64);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

pub struct World {
    pub storage: Storage,
    pub clock: Arc<ManualClock>,
    pub org: Organization,
    pub workflow: WorkflowId,
    master_key: MasterKey,
    url: String,
    _folder: tempfile::TempDir,
}

/// A node that fires.
pub struct Node {
    scheduler: Arc<Scheduler>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Node {
    pub fn start(storage: &Storage) -> Self {
        let scheduler = Arc::new(Scheduler::over(storage.clone()));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (runs, token) = (Arc::clone(&scheduler), stop.clone());
        tasks.spawn(async move { runs.run(token).await });
        Self { scheduler, stop, tasks }
    }

    pub fn changed(&self) {
        self.scheduler.changed();
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl World {
    /// At 2027-01-15T08:00:00Z.
    pub async fn start(backend: Backend) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("sqlite:{}", folder.path().join("factotum.db").display());
        let url = backend.fresh_database().unwrap().unwrap_or(file);
        let clock = Arc::new(ManualClock(AtomicI64::new(1_800_000_000_000_000)));
        let master_key = MasterKey::generate().unwrap();
        let storage = open(&url, &master_key, &clock).await;
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
        Self { storage, clock, org, workflow: workflow.id, master_key, url, _folder: folder }
    }

    /// The same database, as another node opens it.
    pub async fn another_node(&self) -> Storage {
        open(&self.url, &self.master_key, &self.clock).await
    }

    pub fn advance(&self, by: Duration) {
        self.clock.0.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    pub fn step_back(&self, by: Duration) {
        self.clock.0.fetch_sub(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// A schedule trigger of the configuration.
    pub async fn schedule(&self, config: Value) -> TriggerId {
        let now = self.clock.now();
        let (config, schedule) = check_config(&config, now).unwrap();
        let mut tx = self.storage.write().await.unwrap();
        let workflow = (self.org.id, self.workflow);
        let made =
            arm::create(&mut tx, workflow, (&config, &schedule), self.org.base_account, now).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(made.kind, TriggerKind::Schedule);
        made.id
    }

    pub async fn pause(&self, id: TriggerId) {
        let mut tx = self.storage.write().await.unwrap();
        assert!(triggers::set_paused(&mut tx, self.org.id, id, true, self.clock.now()).await.unwrap());
        tx.commit().await.unwrap();
    }

    pub async fn resume(&self, id: TriggerId) {
        let mut tx = self.storage.write().await.unwrap();
        let paused = triggers::get(&mut tx, self.org.id, id).await.unwrap().unwrap();
        assert!(triggers::set_paused(&mut tx, self.org.id, id, false, self.clock.now()).await.unwrap());
        arm::resume(&mut tx, &paused).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn trigger(&self, id: TriggerId) -> Trigger {
        let mut tx = self.storage.read().await.unwrap();
        triggers::get(&mut tx, self.org.id, id).await.unwrap().unwrap()
    }

    /// The nominal times fired so far, as `HH:MM:SS`, with how often each.
    pub async fn fired(&self, trigger: TriggerId) -> BTreeMap<String, usize> {
        let mut tx = self.storage.read().await.unwrap();
        let filter = RunFilter { trigger: Some(trigger), ..RunFilter::default() };
        let mut fired = BTreeMap::new();
        for run in runs::list(&mut tx, self.org.id, &filter, None, 2_000).await.unwrap() {
            assert_eq!(run.principal.id, self.org.base_account);
            let (event, _) = events::get(&mut tx, self.org.id, run.event_id).await.unwrap().unwrap();
            let EventInput::Schedule { nominal_time, .. } = event.input else { panic!("{event:?}") };
            *fired.entry(nominal_time.to_string()[11..19].to_owned()).or_default() += 1;
        }
        fired
    }

    /// Waits until exactly these times are fired, each once, and the schedule has moved on.
    pub async fn wait_fired(&self, trigger: TriggerId, expected: &[&str]) {
        let expected: BTreeMap<String, usize> = expected.iter().map(|at| ((*at).to_owned(), 1)).collect();
        self.wait(&format!("{expected:?}"), async || {
            let fired = self.fired(trigger).await;
            assert!(fired.values().all(|n| *n == 1), "{fired:?}");
            let next = self.next(trigger).await;
            fired == expected && next.is_none_or(|next| next > self.clock.now())
        })
        .await;
    }

    /// Runs a statement on the world's PostgreSQL database, beside the node.
    pub fn psql(&self, statement: &str) -> String {
        factotum_tests::postgres::psql(&self.url, statement).unwrap()
    }

    /// When it is due next.
    pub async fn next(&self, trigger: TriggerId) -> Option<Timestamp> {
        let mut tx = self.storage.read().await.unwrap();
        factotum_storage::schedules::get(&mut tx, trigger).await.unwrap().map(|due| due.next_at)
    }

    /// Waits for a condition, at most 20 s.
    pub async fn wait(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let started = Instant::now();
        while !condition().await {
            assert!(started.elapsed() < Duration::from_secs(20), "waited in vain for {what}");
            tokio::task::yield_now().await;
        }
    }

    /// The reasons of the entries with an action, oldest first.
    pub async fn reasons(&self, action: &str) -> Vec<String> {
        let mut tx = self.storage.read().await.unwrap();
        let filter = AuditFilter { action: Some(action.into()), ..AuditFilter::default() };
        let entries = audit_entries::list(&mut tx, self.org.id, &filter, None, 1000).await.unwrap();
        entries.into_iter().rev().map(|e| e.reason.unwrap_or_default()).collect()
    }
}

async fn open(url: &str, key: &MasterKey, clock: &Arc<ManualClock>) -> Storage {
    let options = Options {
        url: url.to_owned(),
        connections: 4,
        master_key: key.clone(),
        previous_master_key: None,
        clock: Arc::<ManualClock>::clone(clock),
        migrate: true,
    };
    Storage::open(options).await.unwrap()
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
