//! Why a delivery is not taken, with the status and the code that its sender and the audit trail see. What must hold: a
//! sender is told what to do differently, and nothing about secrets, other triggers or the inside.

use std::time::Duration;

use factotum_model::RequestId;
use factotum_storage::accept::AcceptError;
use http::StatusCode;

use crate::admit::AdmitError;
use crate::answer::{Answer, RETRY_AFTER_S};
use crate::cloud_events::CloudEventError;
use crate::dedup::DedupError;
use crate::handshake::HandshakeError;
use crate::request::RequestError;
use crate::verify::VerifyError;

/// Why a delivery is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No trigger has this token.
    #[error("there is no webhook at this address")]
    NotFound,
    /// The trigger is paused.
    #[error("this webhook is paused; send the delivery again later")]
    Paused,
    /// The sender is not one that the trigger admits.
    #[error(transparent)]
    Admit(#[from] AdmitError),
    /// It asks whether it is expected, and is not.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The delivery is no CloudEvent, where the trigger takes these.
    #[error(transparent)]
    CloudEvent(#[from] CloudEventError),
    /// The trigger doesn't take the method.
    #[error("this webhook takes only {}", .0.join(", "))]
    Method(Vec<String>),
    /// Headers, path or query beyond their bounds.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The body is larger than the trigger takes.
    #[error("the body is larger than the {0} bytes that this webhook takes")]
    BodyTooLarge(u64),
    /// The body didn't arrive in time.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// The body broke off.
    #[error("the body broke off")]
    BodyBroken,
    /// The delivery doesn't prove where it comes from.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The delivery has no name, and needs one.
    #[error(transparent)]
    Dedup(#[from] DedupError),
    /// More deliveries than the trigger's rate.
    #[error("this webhook takes no more deliveries at the moment; send it again in {} seconds", seconds(.0))]
    RateLimited(Duration),
    /// Nothing can be committed now.
    #[error("deliveries cannot be stored at the moment; send it again in a moment")]
    Unavailable,
    /// A defect of ours.
    #[error("the delivery could not be taken; the server's log says why")]
    Internal,
}

impl Refusal {
    /// Status, code and title.
    pub const fn row(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "No such webhook"),
            Self::Paused => (StatusCode::SERVICE_UNAVAILABLE, "trigger_paused", "The webhook is paused"),
            Self::Admit(e) => (StatusCode::FORBIDDEN, e.code(), "The sender is not admitted"),
            Self::Handshake(_) => (StatusCode::FORBIDDEN, "handshake_refused", "The handshake is refused"),
            Self::CloudEvent(_) => (StatusCode::BAD_REQUEST, "cloud_event_invalid", "No CloudEvent"),
            Self::Method(_) => {
                (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Another method is needed")
            }
            Self::Request(RequestError::Headers) => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers_too_large",
                "The headers are too large",
            ),
            Self::Request(RequestError::Target) => {
                (StatusCode::URI_TOO_LONG, "uri_too_long", "The address is too long")
            }
            Self::BodyTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too large"),
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "timeout", "The body took too long"),
            Self::BodyBroken => (StatusCode::BAD_REQUEST, "invalid_request", "The body cannot be read"),
            Self::Verify(e) => (StatusCode::UNAUTHORIZED, e.code(), "The delivery is not verified"),
            Self::Dedup(_) => {
                (StatusCode::BAD_REQUEST, "dedup_key_invalid", "The delivery's name cannot be read")
            }
            Self::RateLimited(_) => (StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many deliveries"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not now"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "A defect"),
        }
    }

    /// What the sender is answered.
    pub fn answer(&self, request: RequestId) -> Answer {
        let (status, code, title) = self.row();
        let answer = Answer::problem(status, code, title, &self.to_string(), request);
        match self {
            Self::Paused | Self::Unavailable => answer.retry_after(RETRY_AFTER_S),
            Self::RateLimited(wait) => answer.retry_after(seconds(wait)),
            Self::Method(allowed) => answer.allow(allowed),
            Self::Verify(
                VerifyError::CredentialsMissing
                | VerifyError::CredentialsMalformed
                | VerifyError::CredentialsMismatch,
            ) => answer.authenticate("Bearer, Basic charset=\"UTF-8\""),
            _ => answer,
        }
    }

    /// Whether it says something of the sender, and so belongs in the audit trail and the trigger's count. What is not there
    /// belongs to nobody, and what failed on our side is in the log.
    pub const fn is_the_senders(&self) -> bool {
        !matches!(self, Self::NotFound | Self::Unavailable | Self::Internal)
    }
}

/// Whole seconds, after which the time is over.
fn seconds(wait: &Duration) -> u32 {
    u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1)
}

impl From<AcceptError> for Refusal {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::TriggerGone | AcceptError::WorkflowGone => Self::NotFound,
            AcceptError::TriggerPaused => Self::Paused,
            // Never the latter: a delivery is no run's child.
            error @ (AcceptError::AccountRevoked | AcceptError::Child(_)) => {
                tracing::error!(%error, "a base account cannot act: the organization's row is damaged");
                Self::Internal
            }
            AcceptError::Storage(error) => Self::from(error),
        }
    }
}

impl From<factotum_storage::StorageError> for Refusal {
    fn from(error: factotum_storage::StorageError) -> Self {
        if error.is_transient() {
            tracing::warn!(%error, "a delivery was sent away");
            Self::Unavailable
        } else {
            tracing::error!(%error, "a delivery could not be taken");
            Self::Internal
        }
    }
}
