//! Runs: the states, the outcome, and how a failed attempt goes on. What must hold: principal, initiator and authority are
//! frozen when the run is made; the words here are published (docs/api.md) and stored.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::account::Principal;
use crate::id::RunId;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Due now or later.
    Queued,
    /// An attempt has a lease.
    Running,
    /// Asleep or waiting for an event; holds no instance.
    Waiting,
    /// Ended with an output.
    Succeeded,
    /// Ended for good: permanent, or no retry was configured.
    Failed,
    /// Ended because its retries are used up.
    Dead,
    /// Ended because somebody cancelled it or its account was revoked.
    Cancelled,
}

impl RunState {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Waiting,
        Self::Succeeded,
        Self::Failed,
        Self::Dead,
        Self::Cancelled,
    ];

    /// The stored and published word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    /// The other way round.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }

    /// Whether nothing more will happen to the run.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Dead | Self::Cancelled)
    }
}

/// Why an attempt did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The workflow said so, or exited with another code than 0.
    Failed,
    /// The component trapped: unreachable, out of bounds, division by zero, a panic.
    Trap,
    /// The attempt's wall time was up.
    DeadlineExceeded,
    /// The attempt's CPU time was up.
    CpuLimit,
    /// All memories and tables together would have grown beyond the limit.
    MemoryLimit,
    /// The output was too long.
    OutputLimit,
    /// The log was too long.
    LogLimit,
    /// Too many host calls.
    HostCallLimit,
    /// Too many outbound requests or bytes.
    EgressLimit,
    /// Workflows calling workflows went too deep.
    DepthLimit,
    /// The guest's stack overflowed.
    StackOverflow,
    /// The run ended because it was not allowed what it needs.
    Denied,
    /// Somebody cancelled the run.
    Cancelled,
    /// The account it ran as was revoked.
    Revoked,
}

impl ErrorCode {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Failed,
        Self::Trap,
        Self::DeadlineExceeded,
        Self::CpuLimit,
        Self::MemoryLimit,
        Self::OutputLimit,
        Self::LogLimit,
        Self::HostCallLimit,
        Self::EgressLimit,
        Self::DepthLimit,
        Self::StackOverflow,
        Self::Denied,
        Self::Cancelled,
        Self::Revoked,
    ];

    /// The stored and published word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Trap => "trap",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::CpuLimit => "cpu_limit",
            Self::MemoryLimit => "memory_limit",
            Self::OutputLimit => "output_limit",
            Self::LogLimit => "log_limit",
            Self::HostCallLimit => "host_call_limit",
            Self::EgressLimit => "egress_limit",
            Self::DepthLimit => "depth_limit",
            Self::StackOverflow => "stack_overflow",
            Self::Denied => "denied",
            Self::Cancelled => "cancelled",
            Self::Revoked => "revoked",
        }
    }

    /// The other way round.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.as_str() == word)
    }
}

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind, for programs.
    pub code: ErrorCode,
    /// What happened, for people; at most [`MAX_MESSAGE_BYTES`] are kept.
    pub message: String,
    /// The workflow said that a retry is of no use.
    pub permanent: bool,
    /// The workflow said when to try again, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// How many runs may stand above a run, each started by the one before: `depth_limit`.
pub const MAX_DEPTH: usize = 8;
/// How many runs may be started below one that no run started, by itself and by all below it together.
pub const MAX_DESCENDANTS: i64 = 10_000;
/// How much of a failure's message is kept, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 4096;

impl Failure {
    /// A failure that may be retried.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        // PostgreSQL stores no U+0000 in a text.
        let mut message = message.into().replace('\0', "\u{FFFD}");
        if message.len() > MAX_MESSAGE_BYTES {
            let mut end = MAX_MESSAGE_BYTES;
            while !message.is_char_boundary(end) {
                end -= 1;
            }
            message.truncate(end);
            message.push('…');
        }
        Self { code, message, permanent: false, retry_after_ms: None }
    }
}

/// What came of a run: `{"output": any}` or `{"error": {"code", "message"}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The workflow's answer.
    Output(Value),
    /// Why there is none.
    Error {
        /// The kind.
        code: ErrorCode,
        /// For people.
        message: String,
    },
}

/// What started a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Initiator {
    /// Its kind.
    pub kind: InitiatorKind,
    /// The trigger's, key's, account's or parent run's id.
    pub id: Option<String>,
}

/// What kind of thing started a run or an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InitiatorKind {
    /// A webhook trigger.
    Webhook,
    /// An e-mail trigger.
    Email,
    /// A schedule trigger.
    Schedule,
    /// An EDI trigger.
    Edi,
    /// A person in the console.
    Member,
    /// A request with an API key.
    Api,
    /// Another run.
    Run,
    /// The program itself: retention, recovery, reaping.
    System,
}

impl InitiatorKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Webhook,
        Self::Email,
        Self::Schedule,
        Self::Edi,
        Self::Member,
        Self::Api,
        Self::Run,
        Self::System,
    ];

    /// The stored and published word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Email => "email",
            Self::Schedule => "schedule",
            Self::Edi => "edi",
            Self::Member => "member",
            Self::Api => "api",
            Self::Run => "run",
            Self::System => "system",
        }
    }

    /// The other way round.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == word)
    }
}

/// What a workflow may know of its own run: from the host, not from the payload, so it cannot be forged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunContext {
    /// The run: stable over retries, so it serves as an idempotency key.
    pub id: RunId,
    /// 1 for the first execution.
    pub attempt: u32,
    /// The workflow's name.
    pub workflow: String,
    /// Whom it runs as.
    pub principal: Principal,
    /// What started it.
    pub initiator: Initiator,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for s in RunState::ALL {
            assert_eq!(RunState::from_word(s.as_str()), Some(s));
            assert_eq!(serde_json::to_value(s).unwrap(), s.as_str());
        }
        for c in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_word(c.as_str()), Some(c));
            assert_eq!(serde_json::to_value(c).unwrap(), c.as_str());
        }
        for k in InitiatorKind::ALL {
            assert_eq!(InitiatorKind::from_word(k.as_str()), Some(k));
        }
    }

    #[test]
    fn an_outcome_has_the_published_form() {
        let error = Outcome::Error { code: ErrorCode::Trap, message: "unreachable".into() };
        assert_eq!(
            serde_json::to_value(error).unwrap(),
            serde_json::json!({"error": {"code": "trap", "message": "unreachable"}})
        );
        let output = Outcome::Output(serde_json::json!({"total": 3}));
        assert_eq!(serde_json::to_value(output).unwrap(), serde_json::json!({"output": {"total": 3}}));
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let failure = Failure::new(ErrorCode::Failed, "é".repeat(MAX_MESSAGE_BYTES));
        assert!(failure.message.len() <= MAX_MESSAGE_BYTES + 4);
    }
}
