//! Outbound HTTP, blocking. Needs `http:request`, or `http:request:api.example.com` for one host; private and
//! loopback addresses are refused unless the server allows them by name. What must hold: an answer of any status is
//! a [`Response`], an [`Error`] means that there is none, and says whether trying again may help.
//!
//! ```no_run
//! use std::time::Duration;
//! use factotum_sdk::{Failure, http::Request, run};
//!
//! fn notify(text: &str) -> Result<(), Failure> {
//!     let answer = Request::post("https://chat.example.com/messages")
//!         .header("Idempotency-Key", run::current().id)
//!         .json(&serde_json::json!({"text": text}))?
//!         .timeout(Duration::from_secs(5))
//!         .send()?;
//!     if answer.is_success() {
//!         Ok(())
//!     } else {
//!         Err(Failure::retryable(format!("the chat answered {}", answer.status)))
//!     }
//! }
//! ```

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod outgoing;
mod request;
mod response;

pub use request::{DEFAULT_MAX_RESPONSE_BYTES, Request};
pub use response::Response;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request cannot be sent as it is: its URL, method, a header or its JSON.
    #[error("not a fit request: {0}")]
    Request(String),
    /// The run's authority lacks the grant, or the server refuses the address. It stands in the audit trail.
    #[error("the host refused the request to `{authority}`: {code}")]
    Denied {
        /// Host and port asked for.
        authority: String,
        /// How the host put it.
        code: String,
    },
    /// No connection or no answer in time.
    #[error("`{authority}` did not answer in time: {code}")]
    Timeout {
        /// Host and port asked for.
        authority: String,
        /// Which of the times ran out.
        code: String,
    },
    /// The answer's body is larger than [`Request::max_response_bytes`].
    #[error("the answer of `{authority}` has more than {limit} bytes")]
    TooLarge {
        /// Host and port asked for.
        authority: String,
        /// The most that was asked for, in bytes.
        limit: usize,
    },
    /// The network or the other side failed: name, connection, TLS, protocol.
    #[error("the request to `{authority}` failed: {code}")]
    Network {
        /// Host and port asked for.
        authority: String,
        /// How the host put it.
        code: String,
    },
}

impl Error {
    /// Whether a later attempt may succeed.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::Network { .. })
    }
}

/// Sends a request and waits for the whole answer.
#[cfg(all(target_os = "wasi", target_env = "p2"))]
pub fn send(request: Request) -> Result<Response, Error> {
    outgoing::send(request)
}

/// Sends a request and waits for the whole answer.
#[cfg(not(all(target_os = "wasi", target_env = "p2")))]
pub fn send(_: Request) -> Result<Response, Error> {
    unreachable!("a request is sent through the host: build for wasm32-wasip2")
}
