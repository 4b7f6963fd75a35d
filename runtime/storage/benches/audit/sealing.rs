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

/// Accepts per second: the means of all turns.
#[derive(Debug, Default)]
pub struct Rates {
    /// Nothing beside them.
    pub alone: f64,
    /// The sealer beside them, as the server runs it.
    pub sealed: f64,
    /// The sealer and the index.
    pub indexed: f64,
}

/// Measures, in turns, so that what the machine does meanwhile befalls all three.
pub async fn rates(storage: &Storage, new: &NewRun) -> Rates {
    let mut rates = Rates::default();
    for _ in 0..TURNS {
        rates.alone += accepts(storage, new).await / TURNS as f64;
        // What a turn without them leaves would be sealed in the next.
        drain(storage).await;
        for (indexes, rate) in [(false, &mut rates.sealed), (true, &mut rates.indexed)] {
            let over = Arc::new(AtomicBool::new(false));
            let mut beside = JoinSet::new();
            beside.spawn(seal(storage.clone(), Arc::clone(&over)));
            if indexes {
                beside.spawn(index(storage.clone(), Arc::clone(&over)));
            }
            *rate += accepts(storage, new).await / TURNS as f64;
            over.store(true, Ordering::Relaxed);
            beside.join_all().await;
            drain(storage).await;
        }
    }
    rates
}

/// Seals and indexes all that there is.
async fn drain(storage: &Storage) {
    let mut sealer = Sealer::remembering(storage.clone(), []);
    while !sealer.round().await.is_ok_and(|round| round.complete) {}
    while index::round(storage).await.is_ok_and(|round| round.made > 0) {}
}

async fn seal(storage: Storage, over: Arc<AtomicBool>) {
    let mut sealer = Sealer::remembering(storage, []);
    while !over.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let sealed = sealer.round().await;
        assert!(sealed.is_ok(), "{sealed:?}");
    }
}

async fn index(storage: Storage, over: Arc<AtomicBool>) {
    let mut pause = index::FIRST_PAUSE;
    while !over.load(Ordering::Relaxed) {
        tokio::time::sleep(pause).await;
        pause = match index::round(&storage).await {
            Ok(round) => round.pause,
            Err(error) => panic!("{error}"),
        };
    }
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
