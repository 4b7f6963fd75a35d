//! Why a delivery was not taken. What must hold: the sender learns what to do; our own failures tell nothing of the inside.

use factotum_storage::StorageError;
use factotum_storage::accept::AcceptError;

/// How long a sender should wait before it tries again, in seconds.
pub const RETRY_AFTER_S: u32 = 5;

/// Why a delivery was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such URL.
    #[error("there is no EDI trigger with this URL")]
    NotFound,
    /// The trigger, or another that is to get one of the documents, is paused.
    #[error("the trigger is paused; send it again later")]
    Paused,
    /// Too many documents to be committed together.
    #[error(
        "an interchange has at most {0} transaction sets here; send it in several, or ask for `\"per\": \"interchange\"` events"
    )]
    TooManySets(usize),
    /// No envelope can be read. It is kept.
    #[error("{words}")]
    Unreadable {
        /// The byte of the delivery where reading ended.
        offset: u64,
        /// What is wrong there.
        words: String,
    },
    /// Nothing of it was taken, and no acknowledgement was agreed that would say so.
    #[error("{words}")]
    Rejected {
        /// The byte of the interchange where it is wrong.
        offset: u64,
        /// What is wrong there.
        words: String,
    },
    /// More is in quarantine than somebody can look at.
    #[error("too much is in quarantine here; send it again once somebody has looked at it")]
    QuarantineFull,
    /// It is not in quarantine, or no longer.
    #[error("it is not in quarantine")]
    NotQuarantined,
    /// It would go into quarantine again.
    #[error("it stays in quarantine: {0}")]
    StaysQuarantined(String),
    /// The database is away or busy.
    #[error("this cannot be stored now; send it again in a moment")]
    Unavailable,
    /// A defect of ours.
    #[error("an internal error; the server's log has more")]
    Internal,
}

impl Refusal {
    /// HTTP status, code and title.
    pub const fn row(&self) -> (u16, &'static str, &'static str) {
        match self {
            Self::NotFound => (404, "not_found", "No such trigger"),
            Self::Paused => (503, "trigger_paused", "Paused"),
            Self::TooManySets(_) => (413, "too_many_sets", "Too many transaction sets"),
            Self::Unreadable { .. } => (422, "interchange_unreadable", "The envelope cannot be read"),
            Self::Rejected { .. } => (422, "interchange_rejected", "Nothing of it was taken"),
            Self::QuarantineFull => (503, "quarantine_full", "The quarantine is full"),
            Self::NotQuarantined | Self::StaysQuarantined(_) => (409, "conflict", "Not in quarantine"),
            Self::Unavailable => (503, "unavailable", "Not now"),
            Self::Internal => (500, "internal", "A defect"),
        }
    }

    /// The byte where it is wrong.
    pub const fn offset(&self) -> Option<u64> {
        match self {
            Self::Unreadable { offset, .. } | Self::Rejected { offset, .. } => Some(*offset),
            _ => None,
        }
    }

    /// How many seconds a sender should wait.
    pub const fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Paused | Self::Unavailable | Self::QuarantineFull => Some(RETRY_AFTER_S),
            _ => None,
        }
    }

    /// Whether it says something of the sender that is not on the record yet.
    pub(crate) const fn is_the_senders(&self) -> bool {
        matches!(self, Self::Paused | Self::TooManySets(_) | Self::QuarantineFull)
    }
}

impl From<AcceptError> for Refusal {
    fn from(error: AcceptError) -> Self {
        match error {
            // Changed a moment ago: the next try goes by what is there then.
            AcceptError::TriggerGone | AcceptError::WorkflowGone => Self::Unavailable,
            AcceptError::TriggerPaused => Self::Paused,
            error @ (AcceptError::AccountRevoked | AcceptError::Child(_)) => {
                tracing::error!(%error, "a base account cannot act: the organization's row is damaged");
                Self::Internal
            }
            AcceptError::Storage(error) => Self::from(error),
        }
    }
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        if error.is_transient() {
            tracing::warn!(%error, "an interchange was sent away");
            Self::Unavailable
        } else {
            tracing::error!(%error, "an interchange could not be taken");
            Self::Internal
        }
    }
}
