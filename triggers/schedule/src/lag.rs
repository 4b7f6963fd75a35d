//! How late firings are committed, counted from the time at which they were to fire. What must hold: counting costs a firing nothing to speak of, and needs no
//! more memory however many there are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the classes, in milliseconds.
pub const BOUNDS_MS: [u64; 14] = [1, 2, 5, 10, 20, 35, 50, 75, 100, 250, 500, 1_000, 2_000, 10_000];

/// Counts per class; the last is what took longer than any bound.
#[derive(Debug, Default)]
pub struct Lag {
    classes: [AtomicU64; BOUNDS_MS.len() + 1],
    sum_us: AtomicU64,
}

impl Lag {
    pub(crate) fn add(&self, lag: Duration) {
        let ms = lag.as_micros().div_ceil(1_000);
        let class = BOUNDS_MS.iter().position(|bound| ms <= u128::from(*bound)).unwrap_or(BOUNDS_MS.len());
        self.classes[class].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(u64::try_from(lag.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How many so far in each class.
    pub fn counts(&self) -> [u64; BOUNDS_MS.len() + 1] {
        std::array::from_fn(|class| self.classes[class].load(Ordering::Relaxed))
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.counts().iter().sum()
    }

    /// All of them together.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_us.load(Ordering::Relaxed))
    }
}

/// The bound in milliseconds within which a part of what was counted between two readings lies; `None` if it lies beyond them all.
pub fn quantile_ms(before: &[u64], after: &[u64], part: f64) -> Option<u64> {
    let counts: Vec<u64> =
        after.iter().zip(before).map(|(after, before)| after.saturating_sub(*before)).collect();
    let total: u64 = counts.iter().sum();
    let wanted = (total as f64 * part).ceil() as u64;
    let mut seen = 0;
    for (count, bound) in counts.iter().zip(BOUNDS_MS) {
        seen += count;
        if seen >= wanted {
            return Some(bound);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_can_be_read_back() {
        let lag = Lag::default();
        let before = lag.counts();
        for ms in 1..=100 {
            lag.add(Duration::from_millis(ms));
        }
        let after = lag.counts();
        assert_eq!((lag.total(), lag.sum()), (100, Duration::from_millis(5_050)));
        assert_eq!(quantile_ms(&before, &after, 0.5), Some(50));
        assert_eq!(quantile_ms(&before, &after, 0.99), Some(100));
        lag.add(Duration::from_mins(1));
        assert_eq!(quantile_ms(&before, &lag.counts(), 1.0), None);
    }
}
