//! How often something may be tried: per account, per address, per trigger. What must hold: memory is bounded by what was seen lately, and
//! who is over the limit is told when to come again.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// A limit per key: a bucket that holds `burst` tries and is refilled at `per_minute`. One process knows its own tries; several nodes behind one
/// address allow as many times more.
pub struct RateLimit<K: Hash + Eq + Clone>(Limiter<K>);

impl<K: Hash + Eq + Clone> RateLimit<K> {
    /// `per_minute` and `burst` of 0 count as 1.
    pub fn new(per_minute: u32, burst: u32) -> Self {
        let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_minute(at_least_one(per_minute)).allow_burst(at_least_one(burst));
        Self(RateLimiter::dashmap_with_clock(quota, MonotonicClock))
    }

    /// Takes one try of the key, or says how long until there is one.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        self.0.check_key(key).map_err(|until| until.wait_time_from(MonotonicClock.now()))
    }

    /// Forgets keys whose buckets are full again; to be called from time to time.
    pub fn forget(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_has_to_wait() {
        let limit = RateLimit::new(1, 3);
        for _ in 0..3 {
            assert_eq!(limit.take(&"a"), Ok(()));
        }
        let wait = limit.take(&"a").unwrap_err();
        assert!(wait > Duration::from_secs(1) && wait <= Duration::from_mins(1), "{wait:?}");
        assert_eq!(limit.take(&"b"), Ok(()), "another key");
    }
}
