//! The scale that durations are counted on: steps whose bounds grow by the square root of two, from a millisecond to twelve days. What must hold: a step's
//! number, once stored, keeps its meaning; a percentile that is read off it is never further off than a step is wide.

use std::time::Duration;

/// The number of the last step, which has everything longer as well.
pub const LAST: i64 = 60;

/// On which step a duration is: 0 has all up to a millisecond.
pub fn step(took: Duration) -> i64 {
    let ms = took.as_secs_f64() * 1e3;
    if ms <= 1.0 {
        return 0;
    }
    // Bounded on both sides before it is cut off.
    (ms.log2() * 2.0).ceil().clamp(0.0, LAST as f64) as i64
}

/// The longest duration on a step.
pub fn bound(step: i64) -> Duration {
    let exponent = step.clamp(0, LAST) as f64 / 2.0;
    Duration::from_secs_f64(exponent.exp2() / 1e3)
}

/// The duration that this share of all is not longer than, `0.5` for the median; none where there is nothing. `counts`: number of a step, and how many
/// are on it, in order. Within a step all are taken to lie side by side, evenly.
pub fn percentile(counts: &[(i64, u64)], share: f64) -> Option<Duration> {
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    if all == 0 {
        return None;
    }
    let rank = share.clamp(0.0, 1.0) * all as f64;
    let mut before = 0.0;
    for &(step, count) in counts.iter().filter(|(_, count)| *count > 0) {
        let count = count as f64;
        if before + count >= rank {
            let low = if step == 0 { Duration::ZERO } else { bound(step - 1) };
            let part = ((rank - before) / count).clamp(0.0, 1.0);
            return Some(low + bound(step).saturating_sub(low).mul_f64(part));
        }
        before += count;
    }
    counts.last().map(|(step, _)| bound(*step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_on_the_step_that_ends_after_it() {
        for (took_us, on) in
            [(0, 0), (1_000, 0), (1_001, 1), (1_414, 1), (1_415, 2), (2_000, 2), (4_000, 4), (1_024_000, 20)]
        {
            assert_eq!(step(Duration::from_micros(took_us)), on, "{took_us} µs");
        }
        assert_eq!(step(Duration::from_secs(10_000_000)), LAST);
        for on in 1..LAST {
            assert_eq!(step(bound(on).saturating_sub(Duration::from_micros(1))), on);
            assert!(bound(on) > bound(on - 1));
        }
    }

    #[test]
    fn a_percentile_is_within_a_step_of_the_true_one() {
        assert_eq!(percentile(&[], 0.5), None);
        assert_eq!(percentile(&[(3, 0)], 0.5), None);
        let took: Vec<Duration> = (1..=1_000_u32).map(|n| Duration::from_millis(u64::from(n))).collect();
        let mut counts = std::collections::BTreeMap::new();
        for one in &took {
            *counts.entry(step(*one)).or_insert(0_u64) += 1;
        }
        let counts: Vec<_> = counts.into_iter().collect();
        for share in [0.01, 0.5, 0.95, 0.99, 1.0] {
            let truly = took[((share * 1_000.0) as usize).clamp(1, 1_000) - 1].as_secs_f64();
            let told = percentile(&counts, share).unwrap().as_secs_f64();
            assert!(told / truly < 1.42 && truly / told < 1.42, "{share}: {told} for {truly}");
        }
    }
}
