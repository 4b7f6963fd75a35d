//! Starting other workflows of the organization, and waiting for them. What must hold: a call that is made again, because this run
//! is executed again, has the same child; every error says whether trying again helps.
//!
//! ```no_run
//! use factotum_sdk::{Failure, workflows};
//! use serde::Deserialize;
//! use serde_json::json;
//!
//! #[derive(Deserialize)]
//! struct Price {
//!     cents: u64,
//! }
//!
//! fn price_of(article: &str) -> Result<u64, Failure> {
//!     // Starts it and waits for its output.
//!     let price: Price = workflows::call("price-list", &json!({"article": article}))?;
//!     // Starts it and goes on. The key names the call, so that its order among others does not matter.
//!     workflows::start_keyed("statistics", article, &json!({"asked_for": article}))?;
//!     Ok(price.cents)
//! }
//! ```
//!
//! Without a key a call is known by its number within the attempt. If a later attempt makes another call under that number, with
//! another workflow or payload, it is refused ([`Error::Changed`]) rather than given the wrong child: use keys where the order or
//! a payload depends on what may change between attempts, such as the time.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::factotum::workflow::workflows as contract;
use crate::json;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The run's authority lacks a grant. It stands in the audit trail.
    #[error("the workflow may not be started by this run: {0}")]
    Denied(String),
    /// There is no such workflow, or the run is no child of this one.
    #[error("{0}")]
    NotFound(String),
    /// Too many runs stand above this one.
    #[error("too deep: {0}")]
    DepthLimit(String),
    /// Too many runs were started below the outermost one.
    #[error("too many runs: {0}")]
    TooMany(String),
    /// A payload over 1 MiB, or a key over 200 bytes.
    #[error("too large for a run: {0}")]
    TooLarge(String),
    /// An earlier attempt did something else in the place of this call.
    #[error("another call than before: {0}")]
    Changed(String),
    /// Not now: the database did not answer, or too many runs wait for others.
    #[error("not at the moment: {0}")]
    Unavailable(String),
    /// The child has ended without an output. It stays so: its own retries are used up.
    #[error("the run {run} failed with `{code}`: {message}")]
    Failed {
        /// The child.
        run: String,
        /// `failed`, `trap`, `cancelled`, …
        code: String,
        /// For people.
        message: String,
    },
    /// The payload has no JSON form, or the output is not what was asked for.
    #[error("{0}")]
    Json(String),
    /// Anything else.
    #[error("the call failed: {0}")]
    Other(String),
}

impl Error {
    /// Whether a later attempt may succeed.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<contract::Error> for Error {
    fn from(error: contract::Error) -> Self {
        match error {
            contract::Error::Denied(why) => Self::Denied(why),
            contract::Error::NotFound(why) => Self::NotFound(why),
            contract::Error::DepthLimit(why) => Self::DepthLimit(why),
            contract::Error::TooMany(why) => Self::TooMany(why),
            contract::Error::TooLarge(why) => Self::TooLarge(why),
            contract::Error::Changed(why) => Self::Changed(why),
            contract::Error::Unavailable(why) => Self::Unavailable(why),
            contract::Error::Failed(child) => {
                Self::Failed { run: child.run, code: child.code, message: child.message }
            }
            contract::Error::Other(why) => Self::Other(why),
        }
    }
}

impl From<json::Error> for Error {
    fn from(error: json::Error) -> Self {
        Self::Json(error.to_string())
    }
}

/// A run that this one has started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    run: String,
}

impl Child {
    /// The child that has this id; started by this run, in this attempt or an earlier one.
    pub fn of(run: impl Into<String>) -> Self {
        Self { run: run.into() }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.run
    }

    /// Waits for its end, as long as this attempt may last; its output.
    pub fn wait<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(json::from_slice(contract::wait(&self.run)?.as_bytes())?)
    }
}

/// Starts a run of a workflow with this payload. Needs `workflows:run`.
pub fn start<T: Serialize + ?Sized>(workflow: &str, payload: &T) -> Result<Child, Error> {
    begin(workflow, None, payload)
}

/// As [`start`], with a key that names the call: whatever else this run does, and in whatever order, the key has one child.
pub fn start_keyed<T: Serialize + ?Sized>(workflow: &str, key: &str, payload: &T) -> Result<Child, Error> {
    begin(workflow, Some(key), payload)
}

/// Starts a run of a workflow and waits for its output. Needs `workflows:run`.
pub fn call<T: DeserializeOwned>(workflow: &str, payload: &(impl Serialize + ?Sized)) -> Result<T, Error> {
    start(workflow, payload)?.wait()
}

/// [`start_keyed`], and the wait for its output.
pub fn call_keyed<T: DeserializeOwned>(
    workflow: &str,
    key: &str,
    payload: &(impl Serialize + ?Sized),
) -> Result<T, Error> {
    start_keyed(workflow, key, payload)?.wait()
}

fn begin<T: Serialize + ?Sized>(workflow: &str, key: Option<&str>, payload: &T) -> Result<Child, Error> {
    let payload: Value = serde_json::to_value(payload).map_err(|error| Error::Json(error.to_string()))?;
    Ok(Child { run: contract::start(workflow, &payload.to_string(), key)? })
}
