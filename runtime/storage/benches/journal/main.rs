//! What the group commit carries: accept, claim and finish through the storage as the server uses it, by 1, 64 and 256 callers
//! at a time, synced to disk. What must hold: each figure counts what was acknowledged, after its commit.
//!
//! `FACTOTUM_TEST_POSTGRES=postgres://… cargo bench -p factotum-storage --bench journal`

#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use factotum_model::RunId;
use factotum_storage::Storage;
use factotum_storage::accept::NewRun;
use factotum_storage::claim::Claimed;
use factotum_storage::finish::{End, Finished};
use tokio::task::JoinSet;
use world::{Outcome, open, urls};

/// How long accepts are measured; claims and finishes last as long as there are runs.
const MEASURED: Duration = Duration::from_secs(4);
/// How many callers at a time.
const CALLERS: [usize; 3] = [1, 64, 256];

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
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(world::disk())?;
    println!("| database | callers | accept | claim | finish |");
    println!("|---|---|---|---|---|");
    for (name, url) in urls(folder.path()).await? {
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
