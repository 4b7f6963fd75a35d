//! What sealing and indexing take from the accept path: accepts by 64 callers, with both tasks beside them and without, in turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use factotum_model::RunId;
use factotum_storage::Storage;
use factotum_storage::accept::NewRun;
use factotum_storage::audit_search::index;
use factotum_storage::seal::Sealer;
use tokio::task::JoinSet;

/// How long each turn accepts.
const TURN: Duration = Duration::from_secs(5);
const TURNS: usize = 4;
const CALLERS: usize = 64;

/// Accepts per second, without and with sealing: the sums of all turns.
pub async fn rates(storage: &Storage, new: &NewRun) -> (f64, f64) {
    let (mut without, mut with) = (0.0, 0.0);
    for _ in 0..TURNS {
        without += accepts(storage, new).await;
        let over = Arc::new(AtomicBool::new(false));
        let (own, stop) = (storage.clone(), Arc::clone(&over));
        let mut beside = JoinSet::new();
        beside.spawn(async move {
            let mut sealer = Sealer::remembering(own.clone(), []);
            while !stop.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let sealed = sealer.round().await;
                let indexed = index::round(&own).await;
                assert!(sealed.is_ok() && indexed.is_ok(), "{sealed:?} {indexed:?}");
            }
        });
        with += accepts(storage, new).await;
        over.store(true, Ordering::Relaxed);
        beside.join_all().await;
    }
    (without / TURNS as f64, with / TURNS as f64)
}

async fn accepts(storage: &Storage, new: &NewRun) -> f64 {
    let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    let begun = Instant::now();
    for _ in 0..CALLERS {
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
    tokio::time::sleep(TURN).await;
    over.store(true, Ordering::Relaxed);
    tasks.join_all().await;
    done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}
