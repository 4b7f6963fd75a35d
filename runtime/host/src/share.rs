//! What all guests of a host share, and how no one takes it all: processor time and memory. What must hold: guests that
//! compute for long take turns on fewer threads than there are, so that the others keep their latency; and all guests
//! together stay below the memory that the machine has for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// After so many epochs a guest counts as one that computes for long.
pub(crate) const FREE_EPOCHS: u32 = 4;

/// The share of a host's guests.
#[derive(Debug)]
pub(crate) struct Share {
    turns: Arc<Semaphore>,
    memory: AtomicU64,
    max_memory: u64,
}

impl Share {
    /// For a machine with so many processors, and so many bytes for all guests' memories and tables together.
    pub(crate) fn new(processors: usize, max_memory: u64) -> Self {
        let turns = processors.saturating_sub(1).max(1);
        Self { turns: Arc::new(Semaphore::new(turns)), memory: AtomicU64::new(0), max_memory }
    }

    /// Waits for a turn to compute; it is over when the permit is dropped. Turns come in the order they were asked for.
    pub(crate) fn turn(&self) -> impl Future<Output = Option<OwnedSemaphorePermit>> + use<> {
        let turns = Arc::clone(&self.turns);
        async move { turns.acquire_owned().await.ok() }
    }

    /// Takes memory, if there is so much left.
    pub(crate) fn take(&self, bytes: u64) -> bool {
        let before = self.memory.fetch_add(bytes, Relaxed);
        let fits = before.saturating_add(bytes) <= self.max_memory;
        if !fits {
            self.give_back(bytes);
        }
        fits
    }

    /// Gives memory back.
    pub(crate) fn give_back(&self, bytes: u64) {
        self.memory.fetch_sub(bytes, Relaxed);
    }

    /// The most that guests have together, in bytes.
    pub(crate) fn max_memory(&self) -> u64 {
        self.max_memory
    }

    /// What guests have now, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.memory.load(Relaxed)
    }
}

/// Three quarters of what this machine, or the container, has; 4 GiB where it does not say.
pub(crate) fn default_memory() -> u64 {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|text| {
        let kibibytes = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        kibibytes.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    });
    let container = read("/sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse::<u64>().ok());
    let least = machine.into_iter().chain(container).min().unwrap_or(4 << 30);
    least / 4 * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_comes_back() {
        let share = Share::new(2, 100);
        assert!(share.take(60));
        assert!(!share.take(41));
        assert!(share.take(40));
        share.give_back(100);
        assert_eq!(share.memory(), 0);
        assert!(default_memory() > 64 << 20);
    }

    #[tokio::test]
    async fn one_processor_stays_free() {
        let share = Share::new(2, 0);
        let first = share.turn().await;
        assert!(first.is_some());
        let mut second = Box::pin(share.turn());
        assert!(futures_are_pending(&mut second).await);
        drop(first);
        assert!(second.await.is_some());
    }

    async fn futures_are_pending<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|cx| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())
        })
        .await
    }
}
