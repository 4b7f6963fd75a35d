//! The attempts of a run over time, as a table with a bar in each row. What must hold: the table says in words what the bars show; what is not known is
//! left out, not guessed.

use std::time::Duration;

use factotum_model::{ErrorCode, RunState, Timestamp};
use factotum_storage::run_attempts::{Attempt, Ending};
use factotum_storage::runs::Run;
use serde_json::Value;

use super::row::{bytes, cut, duration};

/// How much of an attempt's message is shown, in characters.
const MAX_MESSAGE_CHARS: usize = 300;
/// How wide a bar's row is drawn.
const WIDTH: u64 = 1000;
/// The least that is drawn of an attempt.
const LEAST: u64 = 6;

/// The attempts of a run.
#[derive(Debug, Default)]
pub struct Timeline {
    /// In order.
    pub attempts: Vec<Shown>,
    /// How many attempts are not known: they ended before they were kept.
    pub unknown: u32,
}

/// An attempt.
#[derive(Debug)]
pub struct Shown {
    /// Which, from 1.
    pub number: u32,
    /// When it began, if that is known.
    pub began: Option<Timestamp>,
    /// How long it took.
    pub took: String,
    /// How it ended, in words.
    pub ending: &'static str,
    /// How that is marked.
    pub mark: &'static str,
    /// What went wrong.
    pub error: String,
    /// CPU time.
    pub cpu: String,
    /// The most memory it had.
    pub memory: String,
    /// Its bar: where it begins and how wide it is, of 1000.
    pub bar: Option<(u64, u64)>,
}

/// What an attempt used.
struct Used {
    wall: Duration,
    cpu: String,
    memory: String,
}

fn used(usage: Option<&str>) -> Option<Used> {
    let usage: Value = serde_json::from_str(usage?).ok()?;
    let number = |name: &str| usage[name].as_u64();
    Some(Used {
        wall: Duration::from_micros(number("wall_us")?),
        cpu: number("cpu_us").map_or_else(String::new, |us| duration(Duration::from_micros(us))),
        memory: number("memory_peak_bytes").map_or_else(String::new, bytes),
    })
}

/// The span that the bars are drawn in.
struct Span {
    from: Timestamp,
    us: u64,
}

impl Span {
    fn bar(&self, began: Timestamp, ended: Timestamp) -> (u64, u64) {
        let at = |t: Timestamp| {
            let us = u64::try_from(t.since(self.from).as_micros()).unwrap_or(u64::MAX);
            (us.saturating_mul(WIDTH) / self.us.max(1)).min(WIDTH)
        };
        let x = at(began).min(WIDTH - LEAST);
        (x, at(ended).saturating_sub(x).max(LEAST))
    }
}

impl Timeline {
    /// Of a run and its attempts before the last one.
    pub fn of(run: &Run, earlier: &[Attempt], now: Timestamp) -> Self {
        let until = run.finished_at.unwrap_or(now);
        let us = u64::try_from(until.since(run.created_at).as_micros()).unwrap_or(u64::MAX);
        let span = Span { from: run.created_at, us };
        let mut attempts: Vec<Shown> = earlier.iter().map(|attempt| past(run, attempt, &span)).collect();
        let known = earlier.last().map_or(0, |attempt| attempt.number);
        if run.attempt > known {
            attempts.push(last(run, earlier, &span, now));
        }
        let unknown = run.attempt.saturating_sub(u32::try_from(attempts.len()).unwrap_or(u32::MAX));
        Self { attempts, unknown }
    }
}

fn began(run: &Run, number: u32, ended: Timestamp, used: Option<&Used>) -> Option<Timestamp> {
    let first = run.started_at.filter(|_| number == 1);
    first.or_else(|| used.map(|used| ended.minus(used.wall)))
}

fn past(run: &Run, attempt: &Attempt, span: &Span) -> Shown {
    let used = used(attempt.usage.as_deref());
    let (ending, mark) = match attempt.ending {
        Ending::Retry => ("failed, tried again", "bad"),
        Ending::Released => ("given back at a stop of its node", "warn"),
        Ending::Lost => ("lost with its node", "warn"),
    };
    let began = began(run, attempt.number, attempt.ended_at, used.as_ref());
    Shown {
        number: attempt.number,
        began,
        took: began.map_or_else(String::new, |began| duration(attempt.ended_at.since(began))),
        ending,
        mark,
        error: message(attempt.error.as_ref()),
        bar: began.map(|began| span.bar(began, attempt.ended_at)),
        cpu: used.as_ref().map_or_else(String::new, |used| used.cpu.clone()),
        memory: used.map_or_else(String::new, |used| used.memory),
    }
}

/// The last attempt: what it left stands in the run.
fn last(run: &Run, earlier: &[Attempt], span: &Span, now: Timestamp) -> Shown {
    let (ending, mark) = match run.state {
        RunState::Running => ("running", "going"),
        RunState::Succeeded => ("succeeded", "good"),
        RunState::Failed => ("failed", "bad"),
        RunState::Dead => ("failed, the last try", "bad"),
        RunState::Cancelled => ("cancelled", "warn"),
        RunState::Queued | RunState::Waiting => ("ended; another is due", ""),
    };
    // The usage of a run that was cancelled, or runs again, is that of the attempt before.
    let own = matches!(run.state, RunState::Succeeded | RunState::Failed | RunState::Dead);
    let used = used(run.usage.as_deref()).filter(|_| own);
    let ended = run.finished_at.unwrap_or(now);
    let began = began(run, run.attempt, ended, used.as_ref());
    // A later one began after the one before had ended; the bar says no more than that.
    let not_before = began.or_else(|| earlier.last().map(|attempt| attempt.ended_at));
    Shown {
        number: run.attempt,
        began,
        took: began.map_or_else(String::new, |began| duration(ended.since(began))),
        ending,
        mark,
        error: if own { message(run.error.as_ref()) } else { String::new() },
        bar: not_before.map(|began| span.bar(began, ended)),
        cpu: used.as_ref().map_or_else(String::new, |used| used.cpu.clone()),
        memory: used.map_or_else(String::new, |used| used.memory),
    }
}

fn message(error: Option<&(ErrorCode, String)>) -> String {
    error.map_or_else(String::new, |(code, text)| {
        format!("{}: {}", code.as_str(), cut(text, MAX_MESSAGE_CHARS))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_stays_within_its_row_and_is_never_too_small_to_see() {
        let at = Timestamp::from_micros;
        let span = Span { from: at(0), us: 1_000_000 };
        assert_eq!(span.bar(at(0), at(500_000)), (0, 500));
        assert_eq!(span.bar(at(1_000_000), at(1_000_000)), (WIDTH - LEAST, LEAST));
        assert_eq!(Span { from: at(0), us: 0 }.bar(at(0), at(0)), (0, LEAST));
    }
}
