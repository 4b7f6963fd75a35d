//! Why a recipient or a message is not taken, with the answer and the code that the sender, the figures and the audit trail see. What must hold: what may help
//! later is a 4xx, so that the sender keeps the mail and tries again; nothing is said about tokens, other triggers or the inside.

use factotum_storage::StorageError;
use factotum_storage::accept::AcceptError;

use crate::smtp::Reply;
use crate::verdict::Decided;

/// Why a recipient or a message is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another domain.
    #[error("this server takes mail for its own addresses only")]
    Relay,
    /// No trigger has this address.
    #[error("there is no such address")]
    Unknown,
    /// The trigger is paused.
    #[error("this address takes no mail at the moment; it is paused")]
    Paused,
    /// Larger than the trigger takes.
    #[error("the message is larger than the {0} bytes that this address takes")]
    TooLarge(u64),
    /// A recipient that asks other proofs of the sender than those before it.
    #[error("this address asks for other proofs than those before it; send it the message on its own")]
    OtherPolicy,
    /// More recipients than a message may have.
    #[error("at most {0} recipients for one message; send the rest another")]
    TooManyRecipients(usize),
    /// What the trigger asks of a sender is not proven.
    #[error("{}", .0.refusal)]
    Unproven(Decided),
    /// Too much is on its way already.
    #[error("too much mail is on its way at the moment; try again later")]
    Busy,
    /// Nothing can be committed now.
    #[error("mail cannot be stored at the moment; try again later")]
    Unavailable,
    /// A defect of ours.
    #[error("the message could not be taken; try again later")]
    Internal,
}

impl Refusal {
    /// Basic code, enhanced code (RFC 3463), and our word for it.
    pub const fn row(&self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Relay => (550, "5.7.1", "relay_refused"),
            Self::Unknown => (550, "5.1.1", "unknown_address"),
            Self::Paused => (450, "4.2.1", "trigger_paused"),
            Self::TooLarge(_) => (552, "5.3.4", "too_large"),
            Self::OtherPolicy => (452, "4.5.3", "other_policy"),
            Self::TooManyRecipients(_) => (452, "4.5.3", "too_many_recipients"),
            Self::Unproven(decided) if decided.is_temporary => (451, "4.4.3", decided.refusal.code()),
            Self::Unproven(decided) => (550, "5.7.1", decided.refusal.code()),
            Self::Busy => (452, "4.3.1", "busy"),
            Self::Unavailable => (451, "4.3.0", "unavailable"),
            Self::Internal => (451, "4.3.0", "internal"),
        }
    }

    /// What the sender is told.
    pub fn reply(&self) -> Reply {
        let (code, enhanced, _) = self.row();
        Reply::new(code, enhanced, self.to_string())
    }

    /// Whether trying again later may help.
    pub const fn is_transient(&self) -> bool {
        self.row().0 < 500
    }

    /// Whether it says something of a sender to a trigger, and so belongs in the audit trail and the trigger's count. What has no address belongs to no
    /// organization; what failed on our side is in the log; what is only to be sent otherwise is no refusal.
    pub const fn is_the_senders(&self) -> bool {
        matches!(self, Self::Paused | Self::TooLarge(_) | Self::Unproven(_))
    }
}

impl From<AcceptError> for Refusal {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::TriggerGone | AcceptError::WorkflowGone => Self::Unknown,
            AcceptError::TriggerPaused => Self::Paused,
            // Never the latter: a mail is no run's child.
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
            tracing::warn!(%error, "a mail was sent away");
            Self::Unavailable
        } else {
            tracing::error!(%error, "a mail could not be taken");
            Self::Internal
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict;

    #[test]
    fn basic_and_enhanced_codes_agree() {
        for refusal in [
            Refusal::Relay,
            Refusal::Unknown,
            Refusal::Paused,
            Refusal::TooLarge(1),
            Refusal::OtherPolicy,
            Refusal::TooManyRecipients(1),
            Refusal::Unproven(Decided { refusal: verdict::Refusal::NotAllowed, is_temporary: false }),
            Refusal::Unproven(Decided { refusal: verdict::Refusal::Unauthenticated, is_temporary: true }),
            Refusal::Busy,
            Refusal::Unavailable,
            Refusal::Internal,
        ] {
            let (code, enhanced, word) = refusal.row();
            assert_eq!(enhanced.as_bytes()[0], code.to_string().as_bytes()[0], "{word}");
        }
    }
}
