//! Slots in the instance pool. What must hold: a guest is instantiated only with a slot in hand, because a full pool makes
//! instantiation fail instead of wait; a slot is free again when it is dropped; and a guest that waits for another run gives its
//! slot away meanwhile, so that those who wait never keep out those who are waited for.

use std::sync::{Arc, Mutex, PoisonError};

use factotum_model::run::MAX_DEPTH;
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
    /// Places for guests that wait without a slot.
    waiting: Arc<Semaphore>,
}

/// How many guests may wait without a slot beside so many with one: enough for a chain of the greatest depth even where one guest
/// runs at a time, and never more than half as many again where many do, since each keeps its memory.
pub(crate) const fn waiting_room(capacity: u32) -> u32 {
    let half = capacity / 2;
    if half > LEAST_WAITING { half } else { LEAST_WAITING }
}

/// Twice the depth that runs may start each other to.
const LEAST_WAITING: u32 = 2 * MAX_DEPTH as u32;

impl Slots {
    pub(crate) fn new(capacity: u32) -> Self {
        Self {
            free: Arc::new(Semaphore::new(capacity as usize)),
            capacity,
            waiting: Arc::new(Semaphore::new(waiting_room(capacity) as usize)),
        }
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

/// A guest's place in the pool: it has a slot, but while it waits for another run.
#[derive(Debug)]
pub(crate) struct Place {
    slots: Slots,
    held: Mutex<Held>,
}

/// What a guest's instance is covered by. Kept for its being dropped.
#[derive(Debug)]
enum Held {
    Slot(#[expect(dead_code, reason = "kept until it is dropped")] Slot),
    Waiting(#[expect(dead_code, reason = "kept until it is dropped")] OwnedSemaphorePermit),
}

impl Place {
    pub(crate) fn new(slots: Slots, slot: Slot) -> Self {
        Self { slots, held: Mutex::new(Held::Slot(slot)) }
    }

    /// Gives the slot away until `waited` is done, then takes its turn for another. `None` if too many wait already: then
    /// `waited` was not begun. A guest that is dropped meanwhile keeps its place among the waiting until its instance is gone.
    pub(crate) async fn while_waiting<F: Future>(&self, waited: F) -> Option<F::Output> {
        let permit = Arc::clone(&self.slots.waiting).try_acquire_owned().ok()?;
        self.hold(Held::Waiting(permit));
        let outcome = waited.await;
        let slot = self.slots.reserve().await;
        self.hold(Held::Slot(slot));
        Some(outcome)
    }

    fn hold(&self, now: Held) {
        // What was held is free once this lock is.
        let before = std::mem::replace(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner), now);
        drop(before);
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

    #[tokio::test]
    async fn who_waits_gives_its_slot_away_and_takes_its_turn_for_another() {
        let slots = Slots::new(1);
        let place = Place::new(slots.clone(), slots.try_reserve().expect("it is free"));
        assert_eq!(slots.free(), 0);
        let child = async {
            let slot = slots.reserve().await;
            drop(slot);
            "done"
        };
        assert_eq!(place.while_waiting(child).await, Some("done"));
        assert_eq!(slots.free(), 0, "it has a slot again");
        drop(place);
        assert_eq!(slots.free(), 1);
    }

    #[tokio::test]
    async fn the_waiting_are_bounded_and_one_that_is_dropped_gives_its_place_back() {
        let slots = Slots::new(1);
        let mut all = Vec::new();
        for _ in 0..waiting_room(1) {
            let place =
                Arc::new(Place::new(slots.clone(), slots.try_reserve().expect("the one before waits")));
            let waits = Arc::clone(&place);
            let mut waiting =
                Box::pin(async move { waits.while_waiting(std::future::pending::<()>()).await });
            assert!(poll_once(&mut waiting).await.is_none());
            all.push((place, waiting));
        }
        let late = Place::new(slots.clone(), slots.try_reserve().expect("they all wait"));
        assert_eq!(late.while_waiting(async {}).await, None, "there is no room");
        let (place, waiting) = all.pop().expect("there are some");
        drop(waiting);
        assert_eq!(late.while_waiting(async {}).await, None, "its instance is not gone yet");
        drop(place);
        drop(slots.try_reserve());
        assert_eq!(late.while_waiting(async {}).await, Some(()));
    }

    async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|cx| {
            std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(cx) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
