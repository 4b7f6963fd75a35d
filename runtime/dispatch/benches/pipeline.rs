//! How many runs a second go from accept to a committed outcome, without HTTP: the part of the path that is not the web
//! server. What must hold: every counted run has its event, its outcome and both audit entries, durably.
//!
//! `cargo bench -p factotum-dispatch --bench pipeline [-- sqlite|postgres] [runs] [clients]`; PostgreSQL needs
//! `FACTOTUM_TEST_POSTGRES`, the guest `cargo xtask guests hello`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench ends at the first fault and prints its figures"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use factotum_dispatch::{Dispatcher, Options};
use factotum_host::{Host, HostConfig};
use factotum_model::{
    EventInput, Grants, Initiator, InitiatorKind, OrgId, PluginId, RunId, SystemClock, Timestamp, WorkflowId,
};
use factotum_storage::accept::{EventSource, NewRun, Origin};
use factotum_storage::plugins::Plugin;
use factotum_storage::workflows::NewVersion;
use factotum_storage::{MasterKey, Storage, organizations, plugins, workflows};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let number =
        |at: usize, default: usize| arguments.get(at).and_then(|a| a.parse().ok()).unwrap_or(default);
    let backend = arguments.first().map_or("sqlite", String::as_str);
    let (runs, clients) = (number(1, 20_000), number(2, 64));
    let folder = tempfile::tempdir().unwrap();
    let url = match backend {
        "postgres" => {
            std::env::var("FACTOTUM_TEST_POSTGRES").expect("set FACTOTUM_TEST_POSTGRES to a scratch database")
        }
        _ => format!("sqlite:{}", folder.path().join("factotum.db").display()),
    };
    let storage = Storage::open(factotum_storage::Options {
        url,
        connections: factotum_storage::DEFAULT_POSTGRES_CONNECTIONS,
        master_key: MasterKey::from_hex(&"ab".repeat(32)).unwrap(),
        previous_master_key: None,
        clock: Arc::new(SystemClock),
        migrate: true,
    })
    .await
    .unwrap();
    let host = Host::new(HostConfig::new(folder.path().join("cache"))).unwrap();
    let (org, workflow, base) = set_up(&storage, &host).await;
    let dispatcher = Dispatcher::start(storage.clone(), host, Options::default()).await.unwrap();
    for (what, clients, runs) in
        [("warm-up", clients, 500), ("1 client", 1, runs / 20), ("full", clients, runs)]
    {
        let (rate, latencies) = load(&storage, org, workflow, base, runs, clients).await;
        let at = |q: f64| latencies[((latencies.len() - 1) as f64 * q) as usize];
        println!(
            "{backend} {what}: {runs} runs, {clients} clients: {rate:.0}/s, p50 {:?}, p99 {:?}",
            at(0.5),
            at(0.99)
        );
    }
    println!("{:?}", dispatcher.metrics());
    dispatcher.shut_down().await;
    storage.close().await;
}

async fn set_up(storage: &Storage, host: &Host) -> (OrgId, WorkflowId, factotum_model::AccountId) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/hello.wasm");
    let bytes = std::fs::read(path).expect("run `cargo xtask guests hello` first");
    let inspected = host.inspect(bytes.clone()).await.unwrap();
    let now = Timestamp::from_micros(1);
    let mut tx = storage.write().await.unwrap();
    let org = organizations::create(&mut tx, "bench", now).await.unwrap();
    let plugin = Plugin {
        id: PluginId::random(),
        name: "hello".into(),
        version: "1.0.0".into(),
        digest: inspected.digest,
        world: "wasi:cli".into(),
        imports: inspected.imports,
        exports: Vec::new(),
        size: bytes.len() as u64,
        created_by: org.base_account,
        created_at: now,
    };
    plugins::create(&mut tx, org.id, &plugin, &bytes).await.unwrap();
    let version = NewVersion {
        plugin_id: plugin.id,
        grants: Grants::none(),
        config: serde_json::json!({}),
        limits: factotum_model::workflow::Limits::default(),
        retry: factotum_model::workflow::RetryPolicy::default(),
        concurrency: None,
        audit: factotum_model::workflow::AuditClass::default(),
        created_by: org.base_account,
    };
    let (workflow, _) = workflows::put(&mut tx, org.id, "hello", &version, now).await.unwrap();
    tx.commit().await.unwrap();
    (org.id, workflow.id, org.base_account)
}

async fn load(
    storage: &Storage,
    org: OrgId,
    workflow: WorkflowId,
    base: factotum_model::AccountId,
    runs: usize,
    clients: usize,
) -> (f64, Vec<Duration>) {
    let left = Arc::new(AtomicUsize::new(runs));
    let began = Instant::now();
    let tasks = tokio_util::task::TaskTracker::new();
    let mut handles = Vec::new();
    for _ in 0..clients {
        let (storage, left) = (storage.clone(), Arc::clone(&left));
        handles.push(tasks.spawn(async move {
            let mut latencies = Vec::new();
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
                let sent = Instant::now();
                let run_id = RunId::random();
                let mut watcher = storage.watch().run(run_id);
                let run = NewRun {
                    run_id,
                    org_id: org,
                    workflow_id: workflow,
                    account_id: base,
                    initiator: Initiator { kind: InitiatorKind::System, id: None },
                    trigger_id: None,
                    parent: None,
                    credential: None,
                    dedup: None,
                    event: EventSource::New { input: EventInput::Call, payload: br#"{"order":17}"#.to_vec() },
                    replay_of: None,
                    due_at: None,
                    origin: Origin::default(),
                };
                storage.journal().accept(run).await.unwrap();
                let settled = watcher.settled().await.unwrap();
                assert!(settled.output.is_some(), "{settled:?}");
                latencies.push(sent.elapsed());
            }
            latencies
        }));
    }
    let mut latencies = Vec::with_capacity(runs);
    for handle in handles {
        latencies.extend(handle.await.unwrap());
    }
    latencies.sort();
    (runs as f64 / began.elapsed().as_secs_f64(), latencies)
}
