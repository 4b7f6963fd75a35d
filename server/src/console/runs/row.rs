//! A run as it stands in a list. What must hold: names are shown harmless, and every state has a word beside its colour.

use std::time::Duration;

use factotum_model::{AccountKind, InitiatorKind, RunState, Timestamp};
use factotum_storage::runs::Run;

use crate::view::harmless;

/// A run in a list.
#[derive(Debug)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub state: RunState,
    /// Its workflow's name.
    pub workflow: String,
    /// Whom it runs as: the kind.
    pub kind: AccountKind,
    /// And the name.
    pub principal: String,
    /// What started it.
    pub initiator: InitiatorKind,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// How long it took, or has taken so far.
    pub took: String,
    /// Why it did not succeed.
    pub error: String,
    /// How many grants it lacks.
    pub missing: usize,
}

impl Row {
    /// A run as it is now.
    pub fn of(run: &Run, now: Timestamp) -> Self {
        Self {
            id: run.id.to_string(),
            state: run.state,
            workflow: harmless::shown(&run.workflow).into_owned(),
            kind: run.principal.kind,
            principal: harmless::shown(&run.principal.name).into_owned(),
            initiator: run.initiator.kind,
            created_at: run.created_at,
            took: took(run, now),
            error: run.error.as_ref().map_or_else(String::new, |(code, _)| code.as_str().to_owned()),
            missing: run.missing_grants.len(),
        }
    }

    /// The end of its id, which tells it from others.
    pub fn short(&self) -> &str {
        short(&self.id)
    }

    /// How its state is marked.
    pub fn mark(&self) -> &'static str {
        mark(self.state)
    }

    /// What started it, in words.
    pub fn started_by(&self) -> &'static str {
        started_by(self.initiator)
    }
}

/// The end of an id, which tells it from others.
pub fn short(id: &str) -> &str {
    id.len().checked_sub(8).and_then(|at| id.get(at..)).unwrap_or(id)
}

/// How a state is marked.
pub const fn mark(state: RunState) -> &'static str {
    match state {
        RunState::Failed | RunState::Dead => "bad",
        RunState::Waiting | RunState::Cancelled => "warn",
        RunState::Running => "going",
        RunState::Succeeded => "good",
        RunState::Queued => "",
    }
}

/// What started a run, in words.
pub const fn started_by(kind: InitiatorKind) -> &'static str {
    match kind {
        InitiatorKind::Webhook => "Webhook",
        InitiatorKind::Email => "E-mail",
        InitiatorKind::Schedule => "Schedule",
        InitiatorKind::Edi => "EDI",
        InitiatorKind::Member => "Person",
        InitiatorKind::Api => "API call",
        InitiatorKind::Run => "Another run",
        InitiatorKind::System => "System",
    }
}

/// How long a run took, or has taken so far; empty before its first attempt.
pub fn took(run: &Run, now: Timestamp) -> String {
    let until = run.finished_at.unwrap_or(now);
    run.started_at.map_or_else(String::new, |from| duration(until.since(from)))
}

/// A duration for people: `12 ms`, `3.4 s`, `2 min 5 s`, `1 h 20 min`.
pub fn duration(took: Duration) -> String {
    let (ms, s) = (took.as_millis(), took.as_secs());
    match s {
        0 if ms == 0 => "under 1 ms".to_owned(),
        0 => format!("{ms} ms"),
        1..60 => format!("{}.{} s", s, (ms % 1000) / 100),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        3600..86_400 => format!("{} h {} min", s / 3600, (s % 3600) / 60),
        _ => format!("{} d {} h", s / 86_400, (s % 86_400) / 3600),
    }
}

/// A number of bytes for people.
pub fn bytes(n: u64) -> String {
    match n {
        0..1024 => format!("{n} bytes"),
        1024..1_048_576 => format!("{}.{} KiB", n / 1024, (n % 1024) * 10 / 1024),
        _ => format!("{}.{} MiB", n / 1_048_576, (n % 1_048_576) * 10 / 1_048_576),
    }
}

/// The beginning of a text, shown harmless, with a word on how much is left out.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => harmless::shown(text).into_owned(),
        Some((at, _)) => {
            let begin = text.get(..at).unwrap_or_default();
            format!("{}… ({} in all)", harmless::shown(begin), bytes(text.len() as u64))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_for_people() {
        let ms = |n| duration(Duration::from_millis(n));
        assert_eq!([ms(0), ms(12), ms(3_456), ms(125_000)], ["under 1 ms", "12 ms", "3.4 s", "2 min 5 s"]);
        assert_eq!([ms(4_800_000), ms(90_000_000)], ["1 h 20 min", "1 d 1 h"]);
        assert_eq!([bytes(12), bytes(1536), bytes(5 << 20)], ["12 bytes", "1.5 KiB", "5.0 MiB"]);
    }

    #[test]
    fn a_long_text_is_cut_at_a_character_and_says_so() {
        assert_eq!(cut("a\u{202e}b", 10), "a\\u{202e}b");
        assert_eq!(cut("ééé", 2), "éé… (6 bytes in all)");
    }
}
