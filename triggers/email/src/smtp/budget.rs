//! What all messages that are on their way may have together. What must hold: what is taken is given back when its holder is dropped, however it ends; nothing waits
//! for room, as a sender can.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// In what steps room is taken, in bytes.
const STEP_BYTES: u64 = 64 << 10;

/// So many bytes.
#[derive(Debug)]
pub struct Budget {
    most: u64,
    taken: AtomicU64,
}

impl Budget {
    /// So many bytes.
    pub const fn of(most: u64) -> Self {
        Self { most, taken: AtomicU64::new(0) }
    }

    /// How many are taken.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) -> bool {
        let more = |taken: u64| taken.checked_add(bytes).filter(|all| *all <= self.most);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more).is_ok()
    }
}

/// A message's part of it.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    held: u64,
}

impl Share {
    /// None yet.
    pub const fn none(budget: Arc<Budget>) -> Self {
        Self { budget, held: 0 }
    }

    /// Makes it at least so many bytes; whether there was room.
    pub fn grow_to(&mut self, bytes: u64) -> bool {
        if bytes <= self.held {
            return true;
        }
        let step = (bytes - self.held).next_multiple_of(STEP_BYTES);
        let fits = self.budget.take(step);
        self.held += if fits { step } else { 0 };
        fits
    }
}

impl Share {
    /// Gives all of it back.
    pub fn release(&mut self) {
        self.budget.taken.fetch_sub(std::mem::take(&mut self.held), Ordering::AcqRel);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back() {
        let budget = Arc::new(Budget::of(3 * STEP_BYTES));
        let (mut one, mut other) = (Share::none(Arc::clone(&budget)), Share::none(Arc::clone(&budget)));
        assert!(one.grow_to(1) && one.grow_to(STEP_BYTES) && other.grow_to(STEP_BYTES + 1));
        assert_eq!(budget.taken(), 3 * STEP_BYTES);
        assert!(!one.grow_to(STEP_BYTES + 1), "full");
        drop(other);
        assert!(one.grow_to(STEP_BYTES + 1));
        drop(one);
        assert_eq!(budget.taken(), 0);
    }
}
