//! Slots in the instance pool. What must hold: a guest is instantiated only with a slot in hand, because a full pool makes
//! instantiation fail instead of wait; a slot is free again when it is dropped.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The right to run one guest. Reserve it before a run is claimed; dropping it gives it back.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

/// All slots of a host.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    capacity: u32,
}

impl Slots {
    pub(crate) fn new(capacity: u32) -> Self {
        Self { free: Arc::new(Semaphore::new(capacity as usize)), capacity }
    }

    pub(crate) fn capacity(&self) -> u32 {
        self.capacity
    }

    pub(crate) fn free(&self) -> u32 {
        self.free.available_permits() as u32
    }

    pub(crate) fn try_reserve(&self) -> Option<Slot> {
        Arc::clone(&self.free).try_acquire_owned().ok().map(|permit| Slot { _permit: permit })
    }

    pub(crate) async fn reserve(&self) -> Slot {
        match Arc::clone(&self.free).acquire_owned().await {
            Ok(permit) => Slot { _permit: permit },
            // The semaphore is never closed.
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn slots_are_bounded_and_come_back() {
        let slots = Slots::new(2);
        let first = slots.reserve().await;
        let _second = slots.try_reserve().expect("one is left");
        assert_eq!((slots.free(), slots.capacity()), (0, 2));
        assert!(slots.try_reserve().is_none());
        drop(first);
        assert!(slots.try_reserve().is_some());
    }
}
