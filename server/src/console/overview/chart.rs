//! Charts as shapes: where each bar and line of a drawing stands, and the same in words. What must hold: a drawing needs no script and no style of its own; all
//! that it shows stands in a table too.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use factotum_model::{RunState, Timestamp};
use factotum_storage::audit_digest::runs::Ended;
use factotum_storage::audit_digest::scale::percentile;

/// The height of a drawing, in its own units; the width is one unit for each stretch of time.
const HEIGHT: f64 = 100.0;

/// How runs ended in one stretch of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stretch {
    /// When it began.
    pub at: String,
    /// Done.
    pub succeeded: u64,
    /// Failed or dead.
    pub failed: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// What half of those that succeeded or failed took no longer than.
    pub median: Option<Duration>,
    /// What 95 of 100 took no longer than.
    pub p95: Option<Duration>,
}

/// Bars, one for each stretch of time, as the outlines of two paths: those that failed stand on the others.
#[derive(Debug, PartialEq)]
pub struct Bars {
    /// What succeeded or was cancelled.
    pub fine: String,
    /// What failed.
    pub bad: String,
}

impl Stretch {
    /// All that ended.
    pub const fn all(&self) -> u64 {
        self.succeeded + self.failed + self.cancelled
    }
}

/// Ends of runs, stretch by stretch.
pub fn stretches(ends: &[Ended], begins: &[Timestamp]) -> Vec<Stretch> {
    let mut by_time: BTreeMap<Timestamp, Vec<&Ended>> = BTreeMap::new();
    for end in ends {
        by_time.entry(end.at).or_default().push(end);
    }
    let one = |at: &Timestamp| {
        let mut stretch = Stretch { at: at.to_string(), ..Stretch::default() };
        let ends = by_time.get(at).map_or(&[][..], Vec::as_slice);
        for end in ends {
            match end.state {
                RunState::Succeeded => stretch.succeeded += end.runs,
                RunState::Failed | RunState::Dead => stretch.failed += end.runs,
                _ => stretch.cancelled += end.runs,
            }
        }
        (stretch.median, stretch.p95) = (took(ends.iter().copied(), 0.5), took(ends.iter().copied(), 0.95));
        stretch
    };
    begins.iter().map(one).collect()
}

/// What this share of the runs that came to their own end took no longer than.
pub fn took<'a>(ends: impl IntoIterator<Item = &'a Ended>, share: f64) -> Option<Duration> {
    let mut counts = BTreeMap::new();
    for end in ends {
        if end.state != RunState::Cancelled {
            *counts.entry(end.took).or_insert(0) += end.runs;
        }
    }
    percentile(&counts.into_iter().collect::<Vec<_>>(), share)
}

/// The bars of a drawing, as high as the most of one stretch.
pub fn bars(stretches: &[Stretch]) -> Bars {
    let most = most(stretches).max(1) as f64;
    let height = |runs: u64| runs as f64 / most * HEIGHT;
    let mut bars = Bars { fine: String::new(), bad: String::new() };
    for (n, stretch) in stretches.iter().enumerate() {
        let (fine, bad) = (height(stretch.succeeded + stretch.cancelled), height(stretch.failed));
        // Writing to a string does not fail.
        if fine > 0.0 {
            let _ = write!(bars.fine, "M{n}.1 {HEIGHT}v-{fine:.1}h.8v{fine:.1}z");
        }
        if bad > 0.0 {
            let _ = write!(bars.bad, "M{n}.1 {:.1}v-{bad:.1}h.8v{bad:.1}z", HEIGHT - fine);
        }
    }
    bars
}

/// The most that ended in one stretch.
pub fn most(stretches: &[Stretch]) -> u64 {
    stretches.iter().map(Stretch::all).max().unwrap_or(0)
}

/// The longest that is drawn.
pub fn longest(stretches: &[Stretch]) -> Duration {
    stretches.iter().filter_map(|stretch| stretch.p95).max().unwrap_or_default()
}

/// Lines through a value of each stretch, as the points of `polyline`s: another one behind each gap.
pub fn lines(stretches: &[Stretch], value: impl Fn(&Stretch) -> Option<Duration>) -> Vec<String> {
    let longest = longest(stretches).as_secs_f64().max(1e-6);
    let mut lines: Vec<String> = Vec::new();
    let mut open = false;
    for (n, stretch) in stretches.iter().enumerate() {
        let Some(took) = value(stretch) else {
            open = false;
            continue;
        };
        let y = HEIGHT - took.as_secs_f64() / longest * (HEIGHT - 2.0);
        // As wide as its stretch, so that one alone is seen.
        let part = format!("{},{y:.1} {},{y:.1}", n as f64 + 0.1, n as f64 + 0.9);
        match lines.last_mut().filter(|_| open) {
            Some(line) => {
                line.push(' ');
                line.push_str(&part);
            }
            None => lines.push(part),
        }
        open = true;
    }
    lines
}

/// A duration for people: two or three digits, and a unit.
pub fn duration(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    match seconds {
        s if s < 0.001 => "under 1 ms".to_owned(),
        s if s < 0.1 => format!("{:.0} ms", s * 1e3),
        s if s < 1.0 => format!("{:.0} ms", (s * 100.0).round() * 10.0),
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.0} h", s / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(at: i64, state: RunState, took: i64, runs: u64) -> Ended {
        Ended { at: Timestamp::from_micros(at), state, took, runs }
    }

    #[test]
    fn bars_are_as_high_as_their_share_of_the_most() {
        let begins = [0, 10, 20].map(Timestamp::from_micros);
        let ends = [
            end(0, RunState::Succeeded, 4, 3),
            end(0, RunState::Dead, 8, 1),
            end(20, RunState::Cancelled, 30, 2),
            end(99, RunState::Failed, 1, 100),
        ];
        let stretches = stretches(&ends, &begins);
        assert_eq!(stretches.iter().map(Stretch::all).collect::<Vec<_>>(), [4, 0, 2]);
        assert_eq!(most(&stretches), 4);
        let bars = bars(&stretches);
        assert_eq!(bars.fine, "M0.1 100v-75.0h.8v75.0zM2.1 100v-50.0h.8v50.0z");
        assert_eq!(bars.bad, "M0.1 25.0v-25.0h.8v25.0z");
        assert_eq!(stretches[2].median, None, "who is cancelled says nothing of how long it takes");
        assert!(stretches[0].median.unwrap() < stretches[0].p95.unwrap());
    }

    #[test]
    fn a_line_breaks_where_nothing_ended() {
        let begins = [0, 10, 20, 30].map(Timestamp::from_micros);
        let ends = [0, 10, 30].map(|at| end(at, RunState::Succeeded, 4, 1));
        let stretches = stretches(&ends, &begins);
        let lines = lines(&stretches, |stretch| stretch.p95);
        assert_eq!(lines, ["0.1,2.0 0.9,2.0 1.1,2.0 1.9,2.0", "3.1,2.0 3.9,2.0"]);
    }

    #[test]
    fn durations_are_for_people() {
        let told = |micros| duration(Duration::from_micros(micros));
        assert_eq!(
            [500, 12_400, 456_000, 1_240_000, 65_000_000, 600_000_000, 90_000_000_000].map(told),
            ["under 1 ms", "12 ms", "460 ms", "1.2 s", "65 s", "10 min", "25 h"]
        );
    }
}
