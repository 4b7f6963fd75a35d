//! How many deliveries each trigger takes. What must hold: a trigger with another rate, or none, is not slowed down by this one; memory is bounded
//! by the triggers that took deliveries lately; who is over the rate is told when to come again.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use factotum_model::TriggerId;
use factotum_model::trigger::Rate;
use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

type Limiter =
    RateLimiter<TriggerId, DashMapStateStore<TriggerId>, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// The triggers with a rate, by their rate: a bucket each, which holds `burst` deliveries and is refilled at `per_minute`.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<Rate, Arc<Limiter>>>);

impl Rates {
    /// Takes a delivery of the trigger, or says how long until there is room for one.
    pub(crate) fn take(&self, trigger: TriggerId, rate: Option<Rate>) -> Result<(), Duration> {
        let Some(rate) = rate else { return Ok(()) };
        let limiter = Arc::clone(self.lock().entry(rate).or_insert_with(|| Arc::new(limiter(rate))));
        limiter.check_key(&trigger).map_err(|until| until.wait_time_from(MonotonicClock.now()))
    }

    /// Forgets the triggers whose buckets are full again.
    pub(crate) fn forget(&self) {
        self.lock().retain(|_, limiter| {
            limiter.retain_recent();
            // Someone who holds it may be about to take from it.
            !limiter.is_empty() || Arc::strong_count(limiter) > 1
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Rate, Arc<Limiter>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn limiter(rate: Rate) -> Limiter {
    // 0 is refused when a trigger is set up.
    let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    let quota = Quota::per_minute(at_least_one(rate.per_minute)).allow_burst(at_least_one(rate.burst));
    RateLimiter::dashmap_with_clock(quota, MonotonicClock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trigger_has_its_own_rate() {
        let (rates, one, other) = (Rates::default(), TriggerId::random(), TriggerId::random());
        let rate = Some(Rate { per_minute: 1, burst: 2 });
        assert_eq!((rates.take(one, rate), rates.take(one, rate)), (Ok(()), Ok(())));
        let wait = rates.take(one, rate).unwrap_err();
        assert!(wait > Duration::from_secs(50) && wait <= Duration::from_mins(1), "{wait:?}");
        assert_eq!(rates.take(other, rate), Ok(()), "another trigger");
        assert_eq!(rates.take(one, None), Ok(()), "no rate any more");
        assert_eq!(rates.take(one, Some(Rate { per_minute: 1, burst: 3 })), Ok(()), "another rate");
    }

    #[test]
    fn full_buckets_are_forgotten_and_others_are_not() {
        let (rates, trigger) = (Rates::default(), TriggerId::random());
        let slow = Some(Rate { per_minute: 1, burst: 1 });
        assert_eq!(rates.take(trigger, slow), Ok(()));
        // Refilled within a moment: a million a minute.
        assert_eq!(rates.take(trigger, Some(Rate { per_minute: 1_000_000, burst: 1 })), Ok(()));
        let started = std::time::Instant::now();
        while rates.lock().len() > 1 {
            assert!(started.elapsed() < Duration::from_secs(10), "the full bucket is still there");
            rates.forget();
        }
        assert!(rates.take(trigger, slow).is_err(), "the empty bucket was not forgotten");
    }
}
