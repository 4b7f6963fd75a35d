//! Workflows: a plugin version with grants, configuration, limits and a retry policy. What must hold: a field left out takes
//! its default, an unknown one is refused, and no limit goes beyond its maximum.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::grant::Grants;
use crate::run::{ErrorCode, Failure};

/// The longest name of a plugin, workflow or secret.
pub const MAX_NAME_BYTES: usize = 100;
/// The longest wait between two attempts, in milliseconds: one hour.
pub const MAX_BACKOFF_MS: u64 = 3_600_000;
/// The most attempts a retry policy may ask for.
pub const MAX_ATTEMPTS: u32 = 100;
/// The most runs of one workflow at a time that can be set.
pub const MAX_CONCURRENCY: u32 = 10_000;

/// Why a workflow, or a part of it, is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkflowError {
    /// A name with other characters.
    #[error(
        "`{0}` is not a name: use lower-case letters, digits, `-`, `_` and `.`, at most {MAX_NAME_BYTES}, starting with a letter or digit"
    )]
    Name(String),
    /// A limit of nothing or beyond its maximum.
    #[error("`limits.{field}` is {value}: it must lie between {min} and {max}")]
    Limit {
        /// Which.
        field: &'static str,
        /// What was asked for.
        value: u64,
        /// The least.
        min: u64,
        /// The most, as this server is set up.
        max: u64,
    },
    /// A retry policy out of range.
    #[error("`retry.{field}` is {value}: it must lie between {min} and {max}")]
    Retry {
        /// Which.
        field: &'static str,
        /// What was asked for.
        value: u64,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A concurrency limit out of range.
    #[error("`concurrency` is {0}: it must lie between 1 and {MAX_CONCURRENCY}, or be null for no limit")]
    Concurrency(u32),
}

/// Checks the name of a plugin, workflow or secret.
pub fn check_name(name: &str) -> Result<(), WorkflowError> {
    let bytes = name.as_bytes();
    let fine = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    let starts = bytes.first().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if starts && bytes.len() <= MAX_NAME_BYTES && bytes.iter().all(fine) {
        Ok(())
    } else {
        Err(WorkflowError::Name(name.chars().take(MAX_NAME_BYTES).collect()))
    }
}

/// What a workflow is, as `PUT /workflows/{name}` takes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowSpec {
    /// `name@version` of an uploaded plugin.
    pub plugin: String,
    /// The grants it needs; it never has more than these ∩ its principal's.
    #[serde(default)]
    pub grants: Grants,
    /// What the `config` capability answers: strings, numbers, anything JSON.
    #[serde(default = "empty_object")]
    pub config: Value,
    /// Bounds of one attempt.
    #[serde(default, deserialize_with = "crate::object::read")]
    pub limits: Limits,
    /// When to try again.
    #[serde(default, deserialize_with = "crate::object::read")]
    pub retry: RetryPolicy,
    /// How many of its runs may be running at a time; `None` for no limit.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// How much of what its runs do is on the record.
    #[serde(default)]
    pub audit: AuditClass,
}

/// How much of what a workflow's runs do is on the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditClass {
    /// That they were accepted and how they ended, and what they were refused.
    #[default]
    Activity,
    /// Each call of the host too: what it was done to and how large it was, never its content.
    DataAccess,
}

impl AuditClass {
    /// The stored and published word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::DataAccess => "data_access",
        }
    }

    /// The other way round.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Activity, Self::DataAccess].into_iter().find(|c| c.as_str() == word)
    }
}

fn empty_object() -> Value {
    Value::Object(serde_json::Map::new())
}

impl WorkflowSpec {
    /// Checks all that can be checked without a database.
    pub fn check(&self, maximum: &Limits) -> Result<(), WorkflowError> {
        self.limits.check(maximum)?;
        self.retry.check()?;
        match self.concurrency {
            Some(n) if n == 0 || n > MAX_CONCURRENCY => Err(WorkflowError::Concurrency(n)),
            _ => Ok(()),
        }
    }
}

/// Bounds of one attempt. The first one hit ends it, with that limit's error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Wall time in milliseconds: `deadline_exceeded`.
    pub wall_ms: u64,
    /// CPU time in milliseconds: `cpu_limit`.
    pub cpu_ms: u64,
    /// All memories and tables together, in bytes: `memory_limit`.
    pub memory_bytes: u64,
    /// The output, in bytes: `output_limit`.
    pub output_bytes: u64,
    /// The log, in bytes: `log_limit`.
    pub log_bytes: u64,
    /// Calls of the host: `host_call_limit`.
    pub host_calls: u64,
    /// Outbound requests: `egress_limit`.
    pub http_requests: u64,
    /// Bytes of outbound requests and their responses: `egress_limit`.
    pub http_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall_ms: 30_000,
            cpu_ms: 10_000,
            memory_bytes: 256 << 20,
            output_bytes: 1 << 20,
            log_bytes: 1 << 20,
            host_calls: 100_000,
            http_requests: 1_000,
            http_bytes: 256 << 20,
        }
    }
}

impl Limits {
    /// The most a workflow may ask for where the server's configuration does not say otherwise.
    pub const MAXIMUM: Self = Self {
        wall_ms: 3_600_000,
        cpu_ms: 600_000,
        memory_bytes: 1 << 30,
        output_bytes: 16 << 20,
        log_bytes: 16 << 20,
        host_calls: 10_000_000,
        http_requests: 100_000,
        http_bytes: 4 << 30,
    };

    /// Each field with its name.
    pub fn fields(&self) -> [(&'static str, u64); 8] {
        [
            ("wall_ms", self.wall_ms),
            ("cpu_ms", self.cpu_ms),
            ("memory_bytes", self.memory_bytes),
            ("output_bytes", self.output_bytes),
            ("log_bytes", self.log_bytes),
            ("host_calls", self.host_calls),
            ("http_requests", self.http_requests),
            ("http_bytes", self.http_bytes),
        ]
    }

    /// Whether every limit lies between 1 and its maximum.
    pub fn check(&self, maximum: &Self) -> Result<(), WorkflowError> {
        for ((field, value), (_, max)) in self.fields().into_iter().zip(maximum.fields()) {
            if value == 0 || value > max {
                return Err(WorkflowError::Limit { field, value, min: 1, max });
            }
        }
        Ok(())
    }
}

/// When a failed attempt is followed by another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// Executions in all, the first included; 1 is no retry.
    pub attempts: u32,
    /// The wait before the second attempt, in milliseconds; it doubles each time, up to one hour, less up to half of it
    /// by chance, so that what failed together does not come back together.
    pub backoff_ms: u64,
    /// Which failures are retried; empty means all that are not permanent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<ErrorCode>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 1, backoff_ms: 1_000, on: Vec::new() }
    }
}

/// How a run goes on after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// Again, after this many milliseconds.
    RetryIn(u64),
    /// Not again: permanent, or no retry was configured.
    Failed,
    /// Not again: the attempts are used up.
    Dead,
}

impl RetryPolicy {
    /// Whether the policy lies within its bounds.
    pub fn check(&self) -> Result<(), WorkflowError> {
        if self.attempts == 0 || self.attempts > MAX_ATTEMPTS {
            let (value, max) = (self.attempts.into(), MAX_ATTEMPTS.into());
            return Err(WorkflowError::Retry { field: "attempts", value, min: 1, max });
        }
        if self.backoff_ms > MAX_BACKOFF_MS {
            return Err(WorkflowError::Retry {
                field: "backoff_ms",
                value: self.backoff_ms,
                min: 0,
                max: MAX_BACKOFF_MS,
            });
        }
        Ok(())
    }

    /// Decides after the `executed`th execution failed (1 for the first). `chance` lies in 0..=u32::MAX.
    pub fn after(&self, failure: &Failure, executed: u32, chance: u32) -> AfterFailure {
        let ends_all = matches!(failure.code, ErrorCode::Cancelled | ErrorCode::Revoked);
        let listed = self.on.is_empty() || self.on.contains(&failure.code);
        if failure.permanent || ends_all || !listed || self.attempts <= 1 {
            AfterFailure::Failed
        } else if executed >= self.attempts {
            AfterFailure::Dead
        } else {
            AfterFailure::RetryIn(failure.retry_after_ms.map_or_else(
                || {
                    let full =
                        self.backoff_ms.saturating_mul(1 << (executed - 1).min(40)).min(MAX_BACKOFF_MS);
                    full - (full / 2 * u64::from(chance)) / u64::from(u32::MAX)
                },
                |asked| asked.min(MAX_BACKOFF_MS),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_left_out_takes_its_default_and_an_unknown_one_is_refused() {
        let spec: WorkflowSpec =
            serde_json::from_str(r#"{"plugin":"echo@1.0.0","limits":{"wall_ms":5},"retry":{"attempts":3}}"#)
                .unwrap();
        assert_eq!(spec.limits, Limits { wall_ms: 5, ..Limits::default() });
        assert_eq!(spec.retry.backoff_ms, 1_000);
        assert!(serde_json::from_str::<WorkflowSpec>(r#"{"plugin":"e@1","limit":{}}"#).is_err());
        assert!(serde_json::from_str::<WorkflowSpec>(r#"{"plugin":"e@1","limits":{"cpu":1}}"#).is_err());
    }

    #[test]
    fn limits_have_bounds() {
        let zero = Limits { cpu_ms: 0, ..Limits::default() };
        assert!(matches!(zero.check(&Limits::MAXIMUM), Err(WorkflowError::Limit { field: "cpu_ms", .. })));
        let huge = Limits { memory_bytes: u64::MAX, ..Limits::default() };
        assert!(matches!(
            huge.check(&Limits::MAXIMUM),
            Err(WorkflowError::Limit { field: "memory_bytes", .. })
        ));
        assert_eq!(Limits::default().check(&Limits::MAXIMUM), Ok(()));
    }

    #[test]
    fn retries_double_and_end() {
        let policy = RetryPolicy { attempts: 3, backoff_ms: 100, on: vec![] };
        let failure = Failure::new(ErrorCode::Trap, "t");
        assert_eq!(policy.after(&failure, 1, 0), AfterFailure::RetryIn(100));
        assert_eq!(policy.after(&failure, 1, u32::MAX), AfterFailure::RetryIn(50));
        assert_eq!(policy.after(&failure, 2, 0), AfterFailure::RetryIn(200));
        assert_eq!(policy.after(&failure, 3, 0), AfterFailure::Dead);
        let asked = Failure { retry_after_ms: Some(7), ..failure.clone() };
        assert_eq!(policy.after(&asked, 1, 5), AfterFailure::RetryIn(7));
        let permanent = Failure { permanent: true, ..failure.clone() };
        assert_eq!(policy.after(&permanent, 1, 0), AfterFailure::Failed);
        assert_eq!(RetryPolicy::default().after(&failure, 1, 0), AfterFailure::Failed);
        let only = RetryPolicy { on: vec![ErrorCode::Failed], ..policy };
        assert_eq!(only.after(&failure, 1, 0), AfterFailure::Failed);
    }

    #[test]
    fn names_are_plain() {
        for good in ["echo", "order-intake", "a.b_c", "9"] {
            assert_eq!(check_name(good), Ok(()));
        }
        for bad in ["", "Echo", "-a", "a/b", "a b", "é", &"a".repeat(101)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
