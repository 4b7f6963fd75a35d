//! Operations' refusals as answers. What must hold: what an operation says becomes one published code, and a defect tells the client nothing
//! but the request's id.

use axum::response::{IntoResponse, Response};
use factotum_storage::StorageError;
use http::{HeaderValue, StatusCode, header};

use super::problem::{Code, Problem};
use crate::operations::OperationError;
use crate::operations::error::seconds;

/// What a handler gives back instead of an answer.
#[derive(Debug)]
pub enum ApiError {
    /// A problem document.
    Problem(Problem),
    /// The answer that the same request got before.
    Replayed(u16, String),
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<OperationError> for ApiError {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::Replayed { status, body } => Self::Replayed(status, body),
            other => Self::Problem(problem(other)),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Replayed(status, body) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                let json = HeaderValue::from_static("application/json");
                let replayed = HeaderValue::from_static("true");
                let headers = [(header::CONTENT_TYPE, json), (super::idempotency::REPLAYED, replayed)];
                (status, headers, body).into_response()
            }
        }
    }
}

/// The problem that an operation's error is for the world.
pub fn problem(error: OperationError) -> Problem {
    let detail = error.to_string();
    match error {
        OperationError::Denied { .. } => Problem::new(Code::Denied, detail),
        OperationError::Unauthenticated => Problem::new(Code::Unauthenticated, detail),
        OperationError::NotFound => Problem::not_found(),
        OperationError::Immutable(_) => Problem::new(Code::ServiceAccountImmutable, detail),
        OperationError::Invalid { field, reason } => Problem::field(field, reason),
        OperationError::Conflict(_) => Problem::new(Code::Conflict, detail),
        OperationError::Component(_) => Problem::new(Code::InvalidComponent, detail),
        OperationError::IdempotencyMismatch => Problem::new(Code::IdempotencyMismatch, detail),
        OperationError::InProgress => Problem::new(Code::InProgress, detail),
        OperationError::LogInFailed => Problem::new(Code::LogInFailed, detail),
        OperationError::SecondFactorRequired => Problem::new(Code::SecondFactorRequired, detail),
        OperationError::RateLimited(wait) => {
            let retry_after_s = u32::try_from(seconds(wait)).ok();
            Problem { retry_after_s, ..Problem::new(Code::RateLimited, detail) }
        }
        OperationError::Unavailable(_) => Problem::unavailable(detail),
        OperationError::Replayed { .. } => Problem::new(Code::Internal, "an answer was lost"),
        OperationError::Storage(error) => storage(&error),
    }
}

/// The problem that a database's error is. Its words are for the log.
fn storage(error: &StorageError) -> Problem {
    match error {
        StorageError::Exists { .. } | StorageError::Refused(_) => {
            Problem::new(Code::Conflict, error.to_string())
        }
        error if error.is_transient() => {
            tracing::warn!(%error, "a request could not be carried out");
            Problem::unavailable(
                "nothing can be stored or read at the moment; send the request again in a moment",
            )
        }
        error => {
            tracing::error!(%error, "a request failed");
            Problem::new(Code::Internal, "the server failed at this request; its log names the defect")
        }
    }
}
