//! What a workflow answers, and how it fails. What must hold: a failure says whether trying again is of use, since the
//! host retries by that alone.
//!
//! ```
//! use std::time::Duration;
//! use factotum_sdk::{Failure, Outcome};
//!
//! fn answer(stock: Option<u32>) -> Result<Outcome, Failure> {
//!     match stock {
//!         Some(0) => Err(Failure::retry_after(Duration::from_secs(60), "out of stock for now")),
//!         Some(n) => Outcome::json(&serde_json::json!({"in_stock": n})),
//!         None => Err(Failure::permanent("no such article")),
//!     }
//! }
//! # assert!(answer(None).is_err() && answer(Some(1)).is_ok());
//! ```

use std::fmt::Display;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::bindings::factotum::workflow::types as contract;
use crate::{config, email, http, json, kv, mail, workflows};

/// What a workflow answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Any JSON.
    Json(Value),
    /// A text.
    Text(String),
    /// Nothing.
    None,
}

impl Outcome {
    /// Answers JSON. A result, so that it can be a workflow's last line: a value that has no JSON form is a permanent
    /// failure.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, Failure> {
        Ok(Self::Json(serde_json::to_value(value)?))
    }

    /// Answers a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn into_contract(self) -> contract::Outcome {
        match self {
            Self::Json(value) => contract::Outcome::Json(value.to_string()),
            Self::Text(text) => contract::Outcome::Text(text),
            Self::None => contract::Outcome::None,
        }
    }
}

/// How a workflow fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It may be tried again, as the workflow's retry policy says.
    #[error("{0}")]
    Retryable(String),
    /// It may be tried again, not before this time has passed.
    #[error("{1}")]
    RetryAfter(Duration, String),
    /// Trying again is of no use.
    #[error("{0}")]
    Permanent(String),
}

impl Failure {
    /// Trying again is of no use.
    pub fn permanent(message: impl Display) -> Self {
        Self::Permanent(message.to_string())
    }

    /// Trying again may help.
    pub fn retryable(message: impl Display) -> Self {
        Self::Retryable(message.to_string())
    }

    /// Trying again may help, once this time has passed.
    pub fn retry_after(wait: Duration, message: impl Display) -> Self {
        Self::RetryAfter(wait, message.to_string())
    }

    pub(crate) fn into_contract(self) -> contract::Failure {
        match self {
            Self::Retryable(message) => contract::Failure::Retryable(message),
            Self::RetryAfter(wait, message) => {
                contract::Failure::RetryAfter((u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), message))
            }
            Self::Permanent(message) => contract::Failure::Permanent(message),
        }
    }
}

/// What is not the JSON expected will not be on the next attempt either.
impl From<json::Error> for Failure {
    fn from(error: json::Error) -> Self {
        Self::permanent(error)
    }
}

/// As for [`json::Error`].
impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::permanent(error)
    }
}

/// As for [`json::Error`].
impl From<std::str::Utf8Error> for Failure {
    fn from(error: std::str::Utf8Error) -> Self {
        Self::permanent(error)
    }
}

/// A wrong configuration stays wrong until somebody changes it.
impl From<config::Error> for Failure {
    fn from(error: config::Error) -> Self {
        Self::permanent(error)
    }
}

/// A store that does not answer may do so later; a missing grant or a value too large is permanent.
impl From<kv::Error> for Failure {
    fn from(error: kv::Error) -> Self {
        if error.is_retryable() { Self::retryable(error) } else { Self::permanent(error) }
    }
}

/// The mail stays what it is.
impl From<email::Error> for Failure {
    fn from(error: email::Error) -> Self {
        Self::permanent(error)
    }
}

/// A relay that does not answer may do so later; a missing grant, or a mail that cannot be sent, is permanent.
impl From<mail::Error> for Failure {
    fn from(error: mail::Error) -> Self {
        if error.is_retryable() { Self::retryable(error) } else { Self::permanent(error) }
    }
}

/// A network fault may pass; a destination that is not allowed is permanent.
impl From<http::Error> for Failure {
    fn from(error: http::Error) -> Self {
        if error.is_retryable() { Self::retryable(error) } else { Self::permanent(error) }
    }
}

/// What is not to be had now may be later; a child that failed stays so.
impl From<workflows::Error> for Failure {
    fn from(error: workflows::Error) -> Self {
        if error.is_retryable() { Self::retryable(error) } else { Self::permanent(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_its_kind_and_its_wait() {
        let wait = Failure::retry_after(Duration::from_secs(2), "busy").into_contract();
        assert!(matches!(wait, contract::Failure::RetryAfter((2000, m)) if m == "busy"));
        let endless = Failure::retry_after(Duration::MAX, "busy").into_contract();
        assert!(matches!(endless, contract::Failure::RetryAfter((u64::MAX, _))));
        assert!(matches!(Failure::retryable("x").into_contract(), contract::Failure::Retryable(_)));
        assert!(matches!(Failure::permanent("x").into_contract(), contract::Failure::Permanent(_)));
    }

    #[test]
    fn the_question_mark_tells_passing_faults_from_lasting_ones() {
        let bad_json = serde_json::from_str::<u8>("x").expect_err("it is no number");
        assert!(matches!(Failure::from(bad_json), Failure::Permanent(_)));
        assert!(matches!(Failure::from(kv::Error::Unavailable("busy".into())), Failure::Retryable(_)));
        assert!(matches!(Failure::from(kv::Error::Denied("kv:read".into())), Failure::Permanent(_)));
        assert!(matches!(Failure::from(workflows::Error::Unavailable("x".into())), Failure::Retryable(_)));
        assert!(matches!(Failure::from(workflows::Error::DepthLimit("8".into())), Failure::Permanent(_)));
        let (authority, code) = ("example.com".to_owned(), "HttpResponseTimeout".to_owned());
        let timeout = http::Error::Timeout { authority: authority.clone(), code: code.clone() };
        assert!(matches!(Failure::from(timeout), Failure::Retryable(_)));
        assert!(matches!(Failure::from(http::Error::Denied { authority, code }), Failure::Permanent(_)));
    }

    #[test]
    fn an_outcome_is_json_text_or_nothing() {
        let json = Outcome::json(&[1, 2]).map(Outcome::into_contract);
        assert!(matches!(json, Ok(contract::Outcome::Json(text)) if text == "[1,2]"));
        assert!(matches!(Outcome::text("hi").into_contract(), contract::Outcome::Text(text) if text == "hi"));
    }
}
