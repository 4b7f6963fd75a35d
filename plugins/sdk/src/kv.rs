//! Durable stores, one per workflow. What must hold: a write that could lose another's is made by
//! [`swap`](Store::swap), since several runs of a workflow may go on at once; every error says whether trying again helps.
//!
//! ```no_run
//! use factotum_sdk::{Failure, kv};
//!
//! fn count_visit(page: &str) -> Result<u64, Failure> {
//!     let store = kv::Store::own();
//!     loop {
//!         let (visits, version) = match store.get(page)? {
//!             Some(entry) => (entry.json::<u64>()? + 1, entry.version),
//!             None => (1, kv::ABSENT),
//!         };
//!         if store.swap_json(page, version, &visits)?.is_some() {
//!             return Ok(visits);
//!         }
//!     }
//! }
//! ```

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::factotum::workflow::kv as contract;
use crate::json;

/// The version of a key that is not there, for [`Store::swap`].
pub const ABSENT: u64 = 0;

/// Why a call of a store failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The run's authority lacks a grant. It stands in the audit trail.
    #[error("the store is not open to this run: {0}")]
    Denied(String),
    /// A key over 512 bytes, or a value over 1 MiB.
    #[error("too large for the store: {0}")]
    TooLarge(String),
    /// The store did not answer; trying again may help.
    #[error("the store did not answer: {0}")]
    Unavailable(String),
    /// The value has no JSON form.
    #[error("not to be stored as JSON: {0}")]
    Json(String),
    /// Anything else.
    #[error("the store failed: {0}")]
    Other(String),
}

impl Error {
    /// Whether a later attempt may succeed.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Other(_))
    }
}

impl From<contract::Error> for Error {
    fn from(error: contract::Error) -> Self {
        match error {
            contract::Error::Denied(why) => Self::Denied(why),
            contract::Error::TooLarge(why) => Self::TooLarge(why),
            contract::Error::Unavailable(why) => Self::Unavailable(why),
            contract::Error::Other(why) => Self::Other(why),
        }
    }
}

/// A value as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its bytes.
    pub value: Vec<u8>,
    /// Grows with each change of the key; never [`ABSENT`]. What [`Store::swap`] compares.
    pub version: u64,
}

impl Entry {
    /// The value as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, json::Error> {
        json::from_slice(&self.value)
    }
}

/// One workflow's store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Store {
    workflow: Option<String>,
}

impl Store {
    /// This workflow's own.
    pub const fn own() -> Self {
        Self { workflow: None }
    }

    /// That of another workflow of the organization.
    pub fn of(workflow: impl Into<String>) -> Self {
        Self { workflow: Some(workflow.into()) }
    }

    /// Reads. Needs `kv:read`.
    pub fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        let entry = contract::get(self.name(), key)?;
        Ok(entry.map(|entry| Entry { value: entry.value, version: entry.version }))
    }

    /// Writes, whatever was there. Needs `kv:write`.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        Ok(contract::set(self.name(), key, value, None)?)
    }

    /// Writes JSON, whatever was there. Needs `kv:write`.
    pub fn set_json<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        self.set(key, &encode(value)?)
    }

    /// Writes, whatever was there, and forgets it after a time (whole milliseconds). Needs `kv:write`.
    pub fn set_for(&self, key: &str, value: &[u8], time: Duration) -> Result<(), Error> {
        Ok(contract::set(self.name(), key, value, Some(millis(time)))?)
    }

    /// Writes if the key's version is still `expected` ([`ABSENT`]: if there is none). The new version, or `None` if it
    /// was another and nothing changed. Needs `kv:write`.
    pub fn swap(&self, key: &str, expected: u64, value: &[u8]) -> Result<Option<u64>, Error> {
        Ok(contract::swap(self.name(), key, expected, value, None)?)
    }

    /// [`swap`](Self::swap) with JSON.
    pub fn swap_json<T: Serialize + ?Sized>(
        &self,
        key: &str,
        expected: u64,
        value: &T,
    ) -> Result<Option<u64>, Error> {
        self.swap(key, expected, &encode(value)?)
    }

    /// [`swap`](Self::swap), forgotten after a time (whole milliseconds).
    pub fn swap_for(
        &self,
        key: &str,
        expected: u64,
        value: &[u8],
        time: Duration,
    ) -> Result<Option<u64>, Error> {
        Ok(contract::swap(self.name(), key, expected, value, Some(millis(time)))?)
    }

    /// Removes; whether there was something. Needs `kv:write`.
    pub fn delete(&self, key: &str) -> Result<bool, Error> {
        Ok(contract::delete(self.name(), key)?)
    }

    /// Up to 1 000 keys that start with `prefix`, sorted, after `after`. Needs `kv:read`.
    pub fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, Error> {
        Ok(contract::list(self.name(), prefix, after)?)
    }

    /// All keys that start with `prefix`, sorted, page by page. Needs `kv:read`.
    pub fn keys(&self, prefix: &str) -> Keys<'_> {
        Keys {
            store: self,
            prefix: prefix.to_owned(),
            page: Vec::new().into_iter(),
            after: None,
            ended: false,
        }
    }

    fn name(&self) -> Option<&str> {
        self.workflow.as_deref()
    }
}

/// The keys of a store; see [`Store::keys`]. Ends after an error.
#[derive(Debug)]
pub struct Keys<'a> {
    store: &'a Store,
    prefix: String,
    page: std::vec::IntoIter<String>,
    after: Option<String>,
    ended: bool,
}

impl Iterator for Keys<'_> {
    type Item = Result<String, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.as_slice().is_empty() && !self.ended {
            match self.store.list(&self.prefix, self.after.as_deref()) {
                Ok(keys) => self.page = keys.into_iter(),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        let key = self.page.next();
        // Only an empty page is known to be the last: the host may answer with fewer keys than it could.
        self.ended = key.is_none();
        self.after.clone_from(&key);
        key.map(Ok)
    }
}

fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::Json(error.to_string()))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
