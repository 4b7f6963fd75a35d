//! What the group commit carries: accept, claim and finish through the storage as the server uses it, by 1, 64 and 256 callers
//! at a time, synced to disk. What must hold: each figure counts what was acknowledged, after its commit.
//!
//! `FACTOTUM_TEST_POSTGRES=postgres://… cargo bench -p factotum-storage --bench journal`

#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use factotum_model::workflow::{Limits, RetryPolicy};
use factotum_model::{
    Clock as _, Digest, EventInput, Grants, Initiator, InitiatorKind, PluginId, RunId, SystemClock,
};
use factotum_storage::accept::{EventSource, NewRun, Origin};
use factotum_storage::claim::Claimed;
use factotum_storage::finish::{End, Finished};
use factotum_storage::organizations::{self, Organization};
use factotum_storage::plugins::{self, Plugin};
use factotum_storage::workflows::{self, NewVersion};
use factotum_storage::{DEFAULT_POSTGRES_CONNECTIONS, MasterKey, Options, Storage};
use tokio::task::JoinSet;

/// How long accepts are measured; claims and finishes last as long as there are runs.
const MEASURED: Duration = Duration::from_secs(4);
/// How many callers at a time.
const CALLERS: [usize; 3] = [1, 64, 256];

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

async fn open(url: String) -> Outcome<(Storage, NewRun)> {
    let storage = Storage::open(Options {
        url,
        connections: DEFAULT_POSTGRES_CONNECTIONS,
        master_key: MasterKey::generate()?,
        previous_master_key: None,
        clock: Arc::new(SystemClock),
        migrate: true,
    })
    .await?;
    let now = SystemClock.now();
    let mut tx = storage.write().await?;
    let org: Organization = organizations::create(&mut tx, "Bench", now).await?;
    let bytes = b"not run here";
    let plugin = Plugin {
        id: PluginId::random(),
        name: "echo".into(),
        version: "1.0.0".into(),
        digest: Digest::of(bytes),
        world: "factotum:workflow".into(),
        imports: vec![],
        size: bytes.len() as u64,
        created_by: org.base_account,
        created_at: now,
    };
    plugins::create(&mut tx, org.id, &plugin, bytes).await?;
    let version = NewVersion {
        plugin_id: plugin.id,
        grants: Grants::parse(&["kv:read", "kv:write"])?,
        config: serde_json::json!({}),
        limits: Limits::default(),
        retry: RetryPolicy::default(),
        concurrency: None,
        created_by: org.base_account,
    };
    let (workflow, _) = workflows::put(&mut tx, org.id, "echo", &version, now).await?;
    tx.commit().await?;
    let new = NewRun {
        run_id: RunId::random(),
        org_id: org.id,
        workflow_id: workflow.id,
        account_id: org.base_account,
        initiator: Initiator { kind: InitiatorKind::System, id: None },
        trigger_id: None,
        credential: None,
        dedup: None,
        event: EventSource::New { input: EventInput::Call, payload: vec![b'7'; 200] },
        replay_of: None,
        due_at: None,
        origin: Origin::default(),
    };
    Ok((storage, new))
}

async fn accepts(storage: &Storage, new: &NewRun, callers: usize) -> (usize, f64) {
    let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    let begun = Instant::now();
    for _ in 0..callers {
        let (storage, new) = (storage.clone(), new.clone());
        let (over, done) = (Arc::clone(&over), Arc::clone(&done));
        tasks.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let run = NewRun { run_id: RunId::random(), ..new.clone() };
                if storage.journal().accept(run).await.is_ok() {
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    tokio::time::sleep(MEASURED).await;
    over.store(true, Ordering::Relaxed);
    tasks.join_all().await;
    let done = done.load(Ordering::Relaxed);
    (done, done as f64 / begun.elapsed().as_secs_f64())
}

async fn claims(storage: &Storage, callers: usize) -> Outcome<(Vec<Claimed>, f64)> {
    let (mut runs, mut after) = (Vec::new(), None);
    let begun = Instant::now();
    loop {
        let batch = storage.claim(callers, &mut after).await?;
        if batch.runs.is_empty() && !batch.more {
            break;
        }
        runs.extend(batch.runs);
    }
    let rate = runs.len() as f64 / begun.elapsed().as_secs_f64();
    Ok((runs, rate))
}

async fn finishes(storage: &Storage, runs: Vec<Claimed>, callers: usize) -> f64 {
    let count = runs.len();
    let runs = Arc::new(std::sync::Mutex::new(runs));
    let mut tasks = JoinSet::new();
    let begun = Instant::now();
    for _ in 0..callers {
        let (storage, runs) = (storage.clone(), Arc::clone(&runs));
        tasks.spawn(async move {
            loop {
                let next = runs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
                let Some(run) = next else { return };
                let end = End::Succeeded("{\"ok\":true}".into());
                let finished =
                    Finished { run: Arc::new(run), end, log: None, usage: Some("{\"cpu_ms\":1}".into()) };
                assert!(storage.journal().finish(finished).await.is_ok_and(|held| held), "a lease was lost");
            }
        });
    }
    tasks.join_all().await;
    count as f64 / begun.elapsed().as_secs_f64()
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let mut urls = vec![("SQLite", format!("sqlite:{}", folder.path().join("bench.db").display()))];
    match std::env::var("FACTOTUM_TEST_POSTGRES") {
        Ok(server) => {
            let (base, _) = server.rsplit_once('/').ok_or("the server's URL names no database")?;
            let name = format!("journal_{}", uuid::Uuid::now_v7().simple());
            let admin = sqlx::PgPool::connect(&server).await?;
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&admin).await?;
            urls.push(("PostgreSQL", format!("{base}/{name}")));
        }
        Err(_) => println!("FACTOTUM_TEST_POSTGRES names no server: SQLite alone is measured"),
    }
    println!("| database | callers | accept | claim | finish |");
    println!("|---|---|---|---|---|");
    for (name, url) in urls {
        let (storage, new) = open(url).await?;
        accepts(&storage, &new, 64).await;
        claims(&storage, 256).await?;
        for callers in CALLERS {
            let (_, accept) = accepts(&storage, &new, callers).await;
            let (runs, claim) = claims(&storage, callers).await?;
            let finish = finishes(&storage, runs, callers).await;
            println!("| {name} | {callers} | {accept:.0}/s | {claim:.0}/s | {finish:.0}/s |");
        }
        storage.close().await;
    }
    Ok(())
}
