//! The workflow's configuration, set beside its plugin. What must hold: a value of another kind than asked for is an
//! error that names its key, never silently a default.
//!
//! ```no_run
//! use factotum_sdk::{Failure, config};
//!
//! fn settings() -> Result<(String, u32), Failure> {
//!     let url = config::require("report_url")?;
//!     let days = config::get("days")?.unwrap_or(7);
//!     Ok((url, days))
//! }
//! ```

use serde::de::DeserializeOwned;

use crate::bindings::factotum::workflow::config as contract;
use crate::json;

/// Why a value of the configuration cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not what was asked for.
    #[error("the workflow's configuration has an unfit value under `{key}`: {source}")]
    Unfit {
        /// Under which key.
        key: String,
        /// What is wrong.
        source: json::Error,
    },
    /// It is not there.
    #[error("the workflow's configuration has nothing under `{0}`: set it with the workflow")]
    Missing(String),
    /// The whole object is not what was asked for.
    #[error("the workflow's configuration does not fit: {0}")]
    Whole(#[source] json::Error),
}

/// The value under a key; `None` if there is none or it is `null`. Needs no grant.
pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Error> {
    match contract::get(key) {
        None => Ok(None),
        Some(text) => read(key, &text),
    }
}

/// The value under a key that must be there. Needs no grant.
pub fn require<T: DeserializeOwned>(key: &str) -> Result<T, Error> {
    get(key)?.ok_or_else(|| Error::Missing(key.to_owned()))
}

/// The whole configuration object. Needs no grant.
pub fn all<T: DeserializeOwned>() -> Result<T, Error> {
    json::from_slice(contract::all().as_bytes()).map_err(Error::Whole)
}

fn read<T: DeserializeOwned>(key: &str, text: &str) -> Result<Option<T>, Error> {
    json::from_slice(text.as_bytes()).map_err(|source| Error::Unfit { key: key.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfit_value_is_an_error_that_names_the_key() {
        assert_eq!(read::<u32>("days", "7").expect("a number"), Some(7));
        assert_eq!(read::<u32>("days", "null").expect("nothing"), None);
        let error = read::<u32>("days", "\"seven\"").expect_err("a text").to_string();
        assert!(error.contains("`days`: invalid type: string"), "{error}");
    }
}
