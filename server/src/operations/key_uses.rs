//! When, and from where, keys were last used: kept in memory, written at most once a minute per key. What must hold: a request does not wait for
//! it, and what is shown has it at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use factotum_model::{KeyId, Timestamp};
use factotum_storage::{Storage, StorageError, api_keys};

/// How long a use waits for its write at the most.
pub const WRITTEN_EVERY: Duration = Duration::from_mins(1);

/// The uses that are not written yet. Bounded by the number of keys, since only valid ones come here.
#[derive(Debug, Default)]
pub struct KeyUses(Mutex<HashMap<KeyId, (Timestamp, IpAddr)>>);

impl KeyUses {
    /// A key was used.
    pub fn note(&self, key: KeyId, at: Timestamp, from: IpAddr) {
        self.lock().insert(key, (at, from));
    }

    /// The newest use known here, if it is newer than what is written.
    pub fn newest(&self, key: KeyId) -> Option<(Timestamp, IpAddr)> {
        self.lock().get(&key).copied()
    }

    /// Writes what waits.
    pub async fn flush(&self, storage: &Storage) -> Result<(), StorageError> {
        let mut waiting: Vec<_> = self.lock().drain().collect();
        if waiting.is_empty() {
            return Ok(());
        }
        // In one order on all nodes, so that two never wait for each other's rows.
        waiting.sort_unstable_by_key(|(key, _)| *key);
        let uses: Vec<_> = waiting.iter().map(|(key, (at, from))| (*key, *at, from.to_string())).collect();
        let written = async {
            let mut tx = storage.write().await?;
            api_keys::touch(&mut tx, &uses).await?;
            tx.commit().await
        };
        let outcome = written.await;
        if outcome.is_err() {
            let mut again = self.lock();
            for (key, used) in waiting {
                again.entry(key).or_insert(used);
            }
        }
        outcome
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<KeyId, (Timestamp, IpAddr)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
