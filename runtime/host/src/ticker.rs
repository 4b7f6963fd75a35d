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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use wasmtime::{Config, Instance, Module, Store, Trap};

    use super::*;

    fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !condition() {
            assert!(Instant::now() < deadline, "{what}");
            std::thread::yield_now();
        }
    }

    fn engine() -> Engine {
        Engine::new(Config::new().epoch_interruption(true)).unwrap()
    }

    #[test]
    fn a_guest_wakes_the_sleeping_clock() {
        let engine = engine();
        let ticker = Ticker::start(&engine).unwrap();
        wait_until("the clock sleeps when nothing runs", || ticker.shared.parked.load(SeqCst));
        let _ticking = ticker.ticking();
        let spin = wat::parse_str(r#"(module (func (export "f") (loop (br 0))))"#).unwrap();
        let module = Module::new(&engine, spin).unwrap();
        let mut store = Store::new(&engine, ());
        store.set_epoch_deadline(1);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let f = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
        let error = f.call(&mut store, ()).unwrap_err();
        assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::Interrupt));
    }

    #[test]
    fn the_clock_stops_with_the_host() {
        let engine = engine();
        let ticker = Ticker::start(&engine).unwrap();
        let thread = Arc::downgrade(&ticker.shared);
        wait_until("the clock sleeps", || ticker.shared.parked.load(SeqCst));
        drop(ticker);
        wait_until("the thread ends", || thread.upgrade().is_none());
    }
}
