//! Jitter: by how much a schedule fires later than its time. What must hold: it is a matter of the trigger's id alone, so that every node, every restart and
//! every firing agree, and the nominal time stays what it is.

use std::hash::Hasher as _;
use std::time::Duration;

use factotum_model::TriggerId;

use crate::turn::Fnv;

/// The delay of a schedule whose jitter is at most so many seconds; less than that, in whole milliseconds.
pub fn delay(trigger: TriggerId, jitter_s: u64) -> Duration {
    let most_ms = jitter_s.saturating_mul(1_000);
    if most_ms == 0 {
        return Duration::ZERO;
    }
    let mut hasher = Fnv::default();
    hasher.write(trigger.0.as_bytes());
    Duration::from_millis(hasher.finish() % most_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_spread_and_stay_the_same() {
        let mut quarters = [0_u32; 4];
        for _ in 0..4_000 {
            let id = TriggerId::random();
            let own = delay(id, 60);
            assert!(own < Duration::from_mins(1) && own == delay(id, 60));
            quarters[(own.as_millis() / 15_000) as usize] += 1;
        }
        assert!(quarters.iter().all(|n| *n > 800), "{quarters:?}");
        assert_eq!(delay(TriggerId::random(), 0), Duration::ZERO);
        // Published: another version of the program must come to the same.
        let known: TriggerId = "trg_0199a3b4c5d67e8f9012345678abcdef".parse().unwrap();
        assert_eq!(delay(known, 3_600), Duration::from_millis(3_126_048));
    }
}
