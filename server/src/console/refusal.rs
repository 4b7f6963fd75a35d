//! A refusal as a page. What must hold: who is not logged in is led to log in and back again; the words are those of the API, with the same status.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::frame::Frame;
use super::page::{go, page};
use crate::api::error::{ApiError, problem};
use crate::api::problem::{Code, Problem};
use crate::operations::OperationError;

/// Why there is no page.
#[derive(Debug)]
pub enum Refusal {
    /// A problem.
    Problem(Problem),
    /// Nobody is logged in; the path they wanted.
    LogIn(String),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<OperationError> for Refusal {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::Unauthenticated => Self::LogIn("/".to_owned()),
            other => Self::Problem(problem(other)),
        }
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Problem(problem) => Self::Problem(problem),
            // No form has an idempotency key.
            ApiError::Replayed(..) => Self::Problem(Problem::new(Code::Internal, "an answer was lost")),
        }
    }
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage {
    frame: Frame,
    status: u16,
    title: &'static str,
    detail: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::LogIn(wanted) if wanted == "/" => go("/login"),
            Self::LogIn(wanted) => {
                go(&format!("/login?next={}", utf8_percent_encode(&wanted, NON_ALPHANUMERIC)))
            }
            Self::Problem(problem) => {
                let (_, status, title) = problem.code.row();
                let shown = RefusalPage {
                    frame: Frame::bare(title),
                    status: status.as_u16(),
                    title,
                    detail: problem.detail,
                };
                let mut response = page(status, &shown);
                if let Some(wait) = problem.retry_after_s {
                    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
                }
                response
            }
        }
    }
}
