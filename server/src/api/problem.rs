//! Errors as the world sees them: RFC 9457 `application/problem+json`. What must hold: each has a code of the closed list below
//! and the request's id; the text says what is wrong, where, and what to do, and never repeats a secret.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::view::harmless;

/// What kind of problem it is: the published codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The body is not JSON.
    InvalidJson,
    /// The path, the query or a header cannot be read.
    InvalidRequest,
    /// No valid key came with the request.
    Unauthenticated,
    /// Nobody can be logged in by what was given.
    LogInFailed,
    /// The password is right; a code of the second factor is needed too.
    SecondFactorRequired,
    /// The account may not do this.
    Denied,
    /// There is no such thing here.
    NotFound,
    /// The path exists, not with this method.
    MethodNotAllowed,
    /// Something else stands in the way: a name is taken, a state does not allow it.
    Conflict,
    /// A service account is changed only through its source.
    ServiceAccountImmutable,
    /// The same request is being worked on.
    InProgress,
    /// The body is too large.
    TooLarge,
    /// The body has another content type than the route takes.
    UnsupportedMediaType,
    /// A field has a value that cannot be.
    InvalidField,
    /// A field that does not exist.
    UnknownField,
    /// The uploaded component cannot be run here.
    InvalidComponent,
    /// The idempotency key came before, with another request.
    IdempotencyMismatch,
    /// Too many requests.
    RateLimited,
    /// A defect of this program.
    Internal,
    /// The database or a queue has no room now.
    Unavailable,
    /// It took too long.
    Timeout,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::InvalidJson,
        Self::InvalidRequest,
        Self::Unauthenticated,
        Self::LogInFailed,
        Self::SecondFactorRequired,
        Self::Denied,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::ServiceAccountImmutable,
        Self::InProgress,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidField,
        Self::UnknownField,
        Self::InvalidComponent,
        Self::IdempotencyMismatch,
        Self::RateLimited,
        Self::Internal,
        Self::Unavailable,
        Self::Timeout,
    ];

    /// The published word, the status it comes with, and a title for people.
    pub const fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::InvalidJson => ("invalid_json", StatusCode::BAD_REQUEST, "The body is not valid JSON"),
            Self::InvalidRequest => {
                ("invalid_request", StatusCode::BAD_REQUEST, "The request cannot be read")
            }
            Self::Unauthenticated => {
                ("unauthenticated", StatusCode::UNAUTHORIZED, "A valid API key is needed")
            }
            Self::LogInFailed => ("log_in_failed", StatusCode::UNAUTHORIZED, "The log-in failed"),
            Self::SecondFactorRequired => {
                ("second_factor_required", StatusCode::UNAUTHORIZED, "A code of the second factor is needed")
            }
            Self::Denied => ("denied", StatusCode::FORBIDDEN, "This account may not do this"),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, "There is no such thing here"),
            Self::MethodNotAllowed => {
                ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, "The path does not take this method")
            }
            Self::Conflict => ("conflict", StatusCode::CONFLICT, "Something stands in the way"),
            Self::ServiceAccountImmutable => (
                "service_account_immutable",
                StatusCode::CONFLICT,
                "A service account is changed only through its source",
            ),
            Self::InProgress => ("in_progress", StatusCode::CONFLICT, "The same request is being worked on"),
            Self::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::UnsupportedMediaType => (
                "unsupported_media_type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body has the wrong content type",
            ),
            Self::InvalidField => {
                ("invalid_field", StatusCode::UNPROCESSABLE_ENTITY, "A field has an impossible value")
            }
            Self::UnknownField => {
                ("unknown_field", StatusCode::UNPROCESSABLE_ENTITY, "A field does not exist")
            }
            Self::InvalidComponent => (
                "invalid_component",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The upload is no component that runs here",
            ),
            Self::IdempotencyMismatch => (
                "idempotency_mismatch",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The idempotency key came before, with another request",
            ),
            Self::RateLimited => ("rate_limited", StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "The server failed"),
            Self::Unavailable => {
                ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "The server cannot take this now")
            }
            Self::Timeout => ("timeout", StatusCode::GATEWAY_TIMEOUT, "It took too long"),
        }
    }
}

/// An error on its way to the client.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Its kind.
    pub code: Code,
    /// What is wrong, where, what to do.
    pub detail: String,
    /// The field of the body, or the parameter, that is at fault.
    pub field: Option<String>,
    /// When to try again, in seconds.
    pub retry_after_s: Option<u32>,
}

/// The JSON form.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemBody<'a> {
    /// A name of the kind of problem.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request, and what to do.
    detail: &'a str,
    /// The kind, for programs.
    code: &'a str,
    /// The request's id, as in the server's log and the audit trail.
    request_id: &'a str,
    /// The field of the body, or the parameter, that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl Problem {
    /// A problem without a field.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), field: None, retry_after_s: None }
    }

    /// A value that cannot be, with the path of its field: `limits.wall_ms`.
    pub fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(Code::InvalidField, detail) }
    }

    /// The same answer for everything that is not there, or not in this organization.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "there is nothing with this id or name in this organization")
    }

    /// The server cannot take it now.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self { retry_after_s: Some(1), ..Self::new(Code::Unavailable, detail) }
    }

    /// The whole answer. What is shown inside a request goes through [`super::edge`], which knows the request's id.
    pub fn answer(&self, request_id: &str) -> Response {
        let (code, status, title) = self.code.row();
        let body = ProblemBody {
            kind: format!("urn:factotum:problem:{code}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            code,
            request_id,
            field: self.field.as_deref(),
        };
        let body = harmless::json(&body).into_bytes();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"factotum\""));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// Leaves the problem in the response's extensions; the edge writes the body, with the request's id.
    fn into_response(self) -> Response {
        let mut response = self.code.row().1.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_bodies_are_as_published() {
        let mut all = String::new();
        for code in Code::ALL {
            let mut problem = Problem::new(code, "what is wrong, where, what to do");
            problem.field = (code == Code::InvalidField).then(|| "limits.wall_ms".to_owned());
            let response = problem.answer("req_1");
            assert_eq!(response.status(), code.row().1);
            let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
            all.push_str(std::str::from_utf8(&body).unwrap());
            all.push('\n');
        }
        insta::assert_snapshot!(all);
    }
}
