//! What becomes of firings whose time went by unseen: while the program was down, the schedule paused, or the host too
//! slow. What must hold: what is decided depends on the times alone, so that every node decides alike; the work is bounded
//! however long the time away; nothing is left out silently.

use std::time::Duration;

use factotum_model::Timestamp;
use factotum_model::trigger::{Missed, MissedPolicy};

use crate::calendar::Schedule;

/// A firing that is noticed this much after its time is on time, whatever the policy.
pub const ON_TIME: Duration = Duration::from_secs(1);
/// What was left out is counted up to here; beyond, "at least".
pub const MAX_COUNTED: usize = 10_000;
/// How far back the newest firings are looked for at first, and how much farther at each further try.
const FIRST_LOOK: Duration = Duration::from_mins(1);
const LOOK_FACTOR: u32 = 8;

/// What to do about the times that went by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatchUp {
    /// The nominal times to fire now, oldest first.
    pub fire: Vec<Timestamp>,
    /// What is not made up for.
    pub left_out: Option<LeftOut>,
}

/// Firings that are not made up for: for the audit trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    /// The oldest of them.
    pub first: Timestamp,
    /// How many, at most [`MAX_COUNTED`].
    pub count: usize,
    /// There are more than were counted.
    pub or_more: bool,
}

/// Decides about every nominal time later than `last` and not later than `now`.
pub fn catch_up(schedule: &Schedule, missed: &Missed, last: Timestamp, now: Timestamp) -> CatchUp {
    let on_time = now.minus(ON_TIME).max(last);
    let window = now.minus(Duration::from_secs(missed.window_s)).max(last);
    let fire = match missed.policy {
        MissedPolicy::None => newest(schedule, on_time, now, missed.max),
        MissedPolicy::Last => newest(schedule, window.min(on_time), now, 1),
        MissedPolicy::All => newest(schedule, window.min(on_time), now, missed.max),
    };
    let left_out = count_until(schedule, last, fire.first().copied(), now);
    CatchUp { fire, left_out }
}

/// What is left out if nothing between two times is fired.
pub fn left_out(schedule: &Schedule, last: Timestamp, now: Timestamp) -> Option<LeftOut> {
    count_until(schedule, last, None, now)
}

/// The newest `count` firings later than `since` and not later than `now`, oldest first. A schedule that fires each
/// second has 31 million in a year: so it looks a little way back at first, and farther only while there are too few.
fn newest(schedule: &Schedule, since: Timestamp, now: Timestamp, count: usize) -> Vec<Timestamp> {
    let mut look = FIRST_LOOK;
    loop {
        let from = now.minus(look).max(since);
        let mut found: Vec<_> = firings(schedule, from, now).collect();
        if found.len() >= count || from <= since {
            found.drain(..found.len().saturating_sub(count));
            return found;
        }
        look = look.saturating_mul(LOOK_FACTOR);
    }
}

fn firings(schedule: &Schedule, from: Timestamp, until: Timestamp) -> impl Iterator<Item = Timestamp> {
    std::iter::successors(schedule.next_after(from), |last| schedule.next_after(*last))
        .take_while(move |at| *at <= until)
}

/// What lies between `last` and the first firing that is made up for.
fn count_until(
    schedule: &Schedule,
    last: Timestamp,
    first_fired: Option<Timestamp>,
    now: Timestamp,
) -> Option<LeftOut> {
    let mut left_out =
        firings(schedule, last, now).take_while(|at| first_fired.is_none_or(|first| *at < first));
    let first = left_out.next()?;
    let count = 1 + left_out.by_ref().take(MAX_COUNTED - 1).count();
    let or_more = count == MAX_COUNTED && left_out.next().is_some();
    Some(LeftOut { first, count, or_more })
}

#[cfg(test)]
mod tests {
    use factotum_model::trigger::MAX_MISSED_FIRINGS;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn schedule(cron: &str) -> Schedule {
        Schedule::parse(&serde_json::from_value(serde_json::json!({"cron": cron})).unwrap()).unwrap()
    }

    fn missed(policy: MissedPolicy, window_s: u64) -> Missed {
        Missed { policy, window_s, ..Missed::default() }
    }

    #[test]
    fn last_makes_up_for_the_newest_alone() {
        let caught = catch_up(
            &schedule("*/5 * * * *"),
            &missed(MissedPolicy::Last, 3_600),
            at("2026-11-22T10:00:00Z"),
            at("2026-11-22T10:21:00Z"),
        );
        assert_eq!(caught.fire, [at("2026-11-22T10:20:00Z")]);
        let left_out = LeftOut { first: at("2026-11-22T10:05:00Z"), count: 3, or_more: false };
        assert_eq!(caught.left_out, Some(left_out));
    }

    #[test]
    fn nothing_outside_the_window_is_made_up_for() {
        let daily = schedule("0 4 * * *");
        let (last, now) = (at("2026-11-20T04:00:00Z"), at("2026-11-22T10:00:00Z"));
        let caught = catch_up(&daily, &missed(MissedPolicy::Last, 3_600), last, now);
        assert_eq!(caught.fire, []);
        assert_eq!(caught.left_out.map(|l| l.count), Some(2));
        let caught = catch_up(&daily, &missed(MissedPolicy::Last, 86_400), last, now);
        assert_eq!(caught.fire, [at("2026-11-22T04:00:00Z")]);
    }

    #[test]
    fn all_makes_up_for_the_newest_thousand_in_order() {
        let caught = catch_up(
            &schedule("* * * * *"),
            &missed(MissedPolicy::All, u64::MAX),
            at("2026-11-01T00:00:00Z"),
            at("2026-11-22T10:00:30Z"),
        );
        assert_eq!(caught.fire.len(), MAX_MISSED_FIRINGS);
        assert_eq!(caught.fire.last(), Some(&at("2026-11-22T10:00:00Z")));
        assert!(caught.fire.is_sorted());
        let left_out = caught.left_out.unwrap();
        assert_eq!(left_out.first, at("2026-11-01T00:01:00Z"));
        assert_eq!((left_out.count, left_out.or_more), (MAX_COUNTED, true));
        let short = catch_up(
            &schedule("* * * * *"),
            &missed(MissedPolicy::All, 600),
            at("2026-11-22T09:57:00Z"),
            at("2026-11-22T10:00:30Z"),
        );
        assert_eq!((short.fire.len(), short.left_out), (3, None));
    }

    #[test]
    fn none_leaves_out_all_but_what_is_on_time() {
        let none = missed(MissedPolicy::None, 3_600);
        let every_minute = schedule("* * * * *");
        let caught = catch_up(&every_minute, &none, at("2026-11-22T10:00:00Z"), at("2026-11-22T10:03:30Z"));
        assert_eq!((caught.fire, caught.left_out.map(|l| l.count)), (vec![], Some(3)));
        let caught = catch_up(&every_minute, &none, at("2026-11-22T10:00:00Z"), at("2026-11-22T10:01:00.5Z"));
        assert_eq!((caught.fire, caught.left_out), (vec![at("2026-11-22T10:01:00Z")], None));
    }

    #[test]
    fn a_long_time_away_costs_little() {
        let started = std::time::Instant::now();
        let caught = catch_up(
            &schedule("* * * * * *"),
            &missed(MissedPolicy::All, u64::MAX),
            at("2016-11-22T10:00:00Z"),
            at("2026-11-22T10:00:00Z"),
        );
        assert_eq!(caught.fire.len(), MAX_MISSED_FIRINGS);
        // 315 million firings one by one would take minutes.
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    }
}
