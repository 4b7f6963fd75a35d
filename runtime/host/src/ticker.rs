//! The clock of the epochs: a thread of its own, so that it ticks while every worker thread is inside a guest. What must
//! hold: it ticks whenever a guest runs, sleeps when none has for a while, and stops when the host is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::Thread;
use std::time::Duration;

use wasmtime::Engine;

use crate::error::HostError;

/// How long an epoch lasts: how soon a spinning guest yields, and how exactly its limits are kept.
const EPOCH: Duration = Duration::from_millis(5);
/// After so many epochs without a guest the thread sleeps; short pauses between runs cost no wake-up.
const IDLE_EPOCHS: u32 = 200;

#[derive(Debug, Default)]
struct Shared {
    running: AtomicUsize,
    parked: AtomicBool,
    stopped: AtomicBool,
}

/// The thread, and how many guests need it.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

/// A guest is running.
pub(crate) struct Ticking<'a>(&'a Ticker);

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> Result<Self, HostError> {
        let shared = Arc::new(Shared::default());
        let (engine, seen) = (engine.weak(), Arc::clone(&shared));
        let handle = std::thread::Builder::new()
            .name("epochs".to_owned())
            .spawn(move || {
                let mut idle = 0;
                while !seen.stopped.load(SeqCst) {
                    if idle >= IDLE_EPOCHS {
                        seen.parked.store(true, SeqCst);
                        // A guest that began before `parked` was set does not wake this thread: look once more.
                        if seen.running.load(SeqCst) == 0 && !seen.stopped.load(SeqCst) {
                            std::thread::park();
                        }
                        seen.parked.store(false, SeqCst);
                        idle = 0;
                    }
                    std::thread::sleep(EPOCH);
                    let Some(engine) = engine.upgrade() else { return };
                    engine.increment_epoch();
                    idle = if seen.running.load(SeqCst) == 0 { idle + 1 } else { 0 };
                }
            })
            .map_err(|error| HostError::Engine(format!("its clock thread did not start: {error}")))?;
        Ok(Self { shared, thread: handle.thread().clone() })
    }

    pub(crate) fn ticking(&self) -> Ticking<'_> {
        self.shared.running.fetch_add(1, SeqCst);
        if self.shared.parked.load(SeqCst) {
            self.thread.unpark();
        }
        Ticking(self)
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.0.shared.running.fetch_sub(1, SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stopped.store(true, SeqCst);
        self.thread.unpark();
    }
}
