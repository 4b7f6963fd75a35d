//! Why an operation was not done. What must hold: a refusal that must be on the record is told from one that need not.

use std::time::Duration;

use factotum_storage::StorageError;

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// The caller may not do this.
    #[error("{reason}")]
    Denied {
        /// What was missing, as a grant.
        permission: String,
        /// The same in words.
        reason: String,
    },
    /// The caller's key or session ended while the request was on its way.
    #[error("the API key was revoked or has expired, or the session has ended")]
    Unauthenticated,
    /// There is no such thing in the caller's organization.
    #[error("there is nothing with this id or name in this organization")]
    NotFound,
    /// A service account is changed only through its source.
    #[error("{0}")]
    Immutable(&'static str),
    /// A value that cannot be.
    #[error("{reason}")]
    Invalid {
        /// The path of its field: `limits.wall_ms`.
        field: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Something else stands in the way.
    #[error("{0}")]
    Conflict(String),
    /// The upload is no component that runs here.
    #[error("{0}")]
    Component(String),
    /// Nobody can be logged in by what was given. The same words whatever was wrong with it.
    #[error("nobody can be logged in by this; check the address and the password")]
    LogInFailed,
    /// The password was right; a code of the second factor is missing, wrong, or was used before.
    #[error(
        "send `code` too: the six digits that your authenticator shows now, each of which counts once, or a recovery code"
    )]
    SecondFactorRequired,
    /// Tried too often.
    #[error("tried too often; come again in {} s", seconds(*.0))]
    RateLimited(Duration),
    /// The same request was answered before, so.
    #[error("answered before")]
    Replayed {
        /// The status.
        status: u16,
        /// The body.
        body: String,
    },
    /// The idempotency key came before, with another request.
    #[error("this Idempotency-Key came before with another request; use a fresh key for each request")]
    IdempotencyMismatch,
    /// The idempotency key came before, and what it stands for has not been answered.
    #[error(
        "a request with this Idempotency-Key is being worked on, or the server stopped while it was; look what came of it, and use a fresh key to do it again"
    )]
    InProgress,
    /// A part of the server cannot take this now.
    #[error("{0}")]
    Unavailable(String),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl OperationError {
    /// A value that cannot be.
    pub fn invalid(field: impl Into<String>, reason: impl ToString) -> Self {
        Self::Invalid { field: field.into(), reason: reason.to_string() }
    }

    /// Whether it goes on the record as a denial wherever it comes up. `guarded`: the operation is one that attackers try with
    /// impossible values, which then count as well.
    pub(super) fn is_denial(&self, guarded: bool) -> bool {
        match self {
            Self::Denied { .. } | Self::Immutable(_) | Self::LogInFailed | Self::SecondFactorRequired => true,
            Self::Invalid { .. } | Self::Conflict(_) => guarded,
            _ => false,
        }
    }

    /// The reason as an audit entry has it: a code, then words.
    pub(super) fn audit_reason(&self) -> String {
        let code = match self {
            Self::Denied { .. } => "denied",
            Self::Immutable(_) => "service_account_immutable",
            Self::Invalid { .. } => "invalid_field",
            Self::Conflict(_) => "conflict",
            Self::LogInFailed => "log_in_failed",
            Self::SecondFactorRequired => "second_factor_required",
            _ => "error",
        };
        format!("{code}: {self}")
    }
}

/// Whole seconds, rounded up: whoever waits so long is not told to wait again.
pub fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl From<factotum_model::Denied> for OperationError {
    fn from(denied: factotum_model::Denied) -> Self {
        Self::Denied { reason: denied.to_string(), permission: denied.permission }
    }
}

impl From<factotum_model::workflow::WorkflowError> for OperationError {
    fn from(error: factotum_model::workflow::WorkflowError) -> Self {
        use factotum_model::workflow::WorkflowError as E;
        let field = match &error {
            E::Name(_) => "name".to_owned(),
            E::Limit { field, .. } => format!("limits.{field}"),
            E::Retry { field, .. } => format!("retry.{field}"),
            E::Concurrency(_) => "concurrency".to_owned(),
        };
        Self::invalid(field, error)
    }
}
