//! `factotum:workflow/kv`: small durable stores, one per workflow. What must hold: a call names its store to `authorize`,
//! the run's own workflow where the guest named none, and keys and values are bounded before they reach storage.

use factotum_model::Action;
use factotum_model::workflow::check_name;

use super::bindings::factotum::workflow::kv::{Entry, Error, Host};
use crate::guest::Guest;
use crate::ports::PortError;

/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 512;
/// The largest value, in bytes.
const MAX_VALUE_BYTES: usize = 1 << 20;
/// The most keys that one call lists.
const MAX_KEYS: u32 = 1_000;

type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl Guest {
    /// Passes the gate for this store and key; the store's name, or the guest's error.
    async fn open(&mut self, action: Action, store: Option<String>, key: &str) -> Answer<String> {
        self.gate.enter()?;
        let store = store.unwrap_or_else(|| self.run.workflow.clone());
        // No workflow has such a name, and it does not belong into the audit trail.
        if let Err(error) = check_name(&store) {
            return Ok(Err(Error::Other(error.to_string())));
        }
        if let Err(denied) = self.gate.authorize(action, Some(&store)).await {
            return Ok(Err(Error::Denied(denied.to_string())));
        }
        if key.len() > MAX_KEY_BYTES {
            let text = format!("the key has {} bytes; at most {MAX_KEY_BYTES} are allowed", key.len());
            return Ok(Err(Error::TooLarge(text)));
        }
        Ok(Ok(store))
    }
}

fn bounded(value: &[u8]) -> Result<(), Error> {
    if value.len() > MAX_VALUE_BYTES {
        let text = format!("the value has {} bytes; at most {MAX_VALUE_BYTES} are allowed", value.len());
        return Err(Error::TooLarge(text));
    }
    Ok(())
}

impl From<PortError> for Error {
    fn from(error: PortError) -> Self {
        Self::Unavailable(error.0)
    }
}

/// The value of a `Result<T, Error>`, or the guest's error as the function's answer.
macro_rules! or_answer {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Ok(Err(error)),
        }
    };
}

impl Host for Guest {
    async fn get(&mut self, store: Option<String>, key: String) -> Answer<Option<Entry>> {
        let store = or_answer!(self.open(Action::KV_READ, store, &key).await?);
        let found = self.gate.ports.kv_get(&store, &key).await;
        Ok(found.map(|e| e.map(|e| Entry { value: e.value, version: e.version })).map_err(Error::from))
    }

    async fn set(
        &mut self,
        store: Option<String>,
        key: String,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> Answer<()> {
        let store = or_answer!(self.open(Action::KV_WRITE, store, &key).await?);
        or_answer!(bounded(&value));
        Ok(self.gate.ports.kv_set(&store, &key, value, ttl_ms).await.map_err(Error::from))
    }

    async fn swap(
        &mut self,
        store: Option<String>,
        key: String,
        expected: u64,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> Answer<Option<u64>> {
        let store = or_answer!(self.open(Action::KV_WRITE, store, &key).await?);
        or_answer!(bounded(&value));
        Ok(self.gate.ports.kv_swap(&store, &key, expected, value, ttl_ms).await.map_err(Error::from))
    }

    async fn delete(&mut self, store: Option<String>, key: String) -> Answer<bool> {
        let store = or_answer!(self.open(Action::KV_WRITE, store, &key).await?);
        Ok(self.gate.ports.kv_delete(&store, &key).await.map_err(Error::from))
    }

    async fn list(
        &mut self,
        store: Option<String>,
        prefix: String,
        after: Option<String>,
    ) -> Answer<Vec<String>> {
        let store = or_answer!(self.open(Action::KV_READ, store, &prefix).await?);
        let keys = self.gate.ports.kv_list(&store, &prefix, after.as_deref(), MAX_KEYS).await;
        Ok(keys.map_err(Error::from))
    }
}
