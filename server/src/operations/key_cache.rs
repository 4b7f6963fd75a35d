//! Keys that were looked up lately, so that most requests ask no database. What must hold: who was revoked more than [`LEASE`] ago is let in by
//! no node, and at once by none that was told; whatever goes wrong with the polling leads to more questions to the database, never to
//! an older answer. Hence:
//!
//! - An entry carries the count of revocations that was read in the same statement as its key. It counts only while that is the newest
//!   count that this node knows, so a revocation that was seen empties the cache, and a look-up that was overtaken fills nothing.
//! - The newest count counts only for [`LEASE`], by the monotonic clock, from the *start* of the query that read it.
//! - An expiry is looked at at each use, by the clock.
//!
//! What no longer counts is kept as a hint: the text was a key's, so that asking the database about it is no guessing. And what was nobody's
//! stays so: a key's text is not known to anyone before it is committed, and never used again.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use factotum_model::Digest;
use factotum_storage::accounts::KeyHolder;
use factotum_storage::revocations::{self, Revocations};
use factotum_storage::{Storage, StorageError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How long what is known of revocations counts.
pub const LEASE: Duration = Duration::from_secs(1);
/// How often revocations are counted while keys are used.
pub const POLLED_EVERY: Duration = Duration::from_millis(300);
/// How many keys are kept; beyond, all are forgotten.
pub const MAX_KEYS: usize = 10_000;
/// How many texts are remembered that are nobody's key, for a program that goes on with a key that was revoked; beyond, all are forgotten.
pub const MAX_NOBODYS: usize = 1_000;
/// How often a revocation looks whether the other nodes have heard of it.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// What is known of a key's text.
#[derive(Debug, Clone)]
pub enum Found {
    /// Its holder, not revoked as of [`LEASE`] ago. Whether it has expired is still to be asked.
    Current(Arc<KeyHolder>),
    /// It was a key's: the database knows whether it still is.
    Former,
    /// It is nobody's.
    Nobodys,
    /// Never seen.
    Unknown,
}

#[derive(Debug)]
struct Entry {
    holder: Arc<KeyHolder>,
    known: Revocations,
}

#[derive(Debug, Default)]
struct State {
    /// The newest count of revocations that was read here.
    known: Revocations,
    /// When the youngest query that read it began.
    since: Option<Instant>,
    keys: HashMap<Digest, Entry>,
    nobodys: HashSet<Digest>,
}

impl State {
    /// A query that began at `started` read this count. One that is overtaken says nothing about now.
    fn read(&mut self, count: Revocations, started: Instant) {
        if count >= self.known {
            self.known = count;
            self.since = self.since.max(Some(started));
        }
    }

    fn counts(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now.saturating_duration_since(since) < LEASE)
    }
}

/// The keys of this node's callers.
#[derive(Debug, Default)]
pub struct KeyCache {
    state: RwLock<State>,
    used: AtomicBool,
    wake: Notify,
}

impl KeyCache {
    /// What is known of the key with this hash.
    pub fn find(&self, hash: Digest, now: Instant) -> Found {
        if !self.used.load(Ordering::Relaxed) && !self.used.swap(true, Ordering::AcqRel) {
            self.wake.notify_one();
        }
        let state = self.state();
        match state.keys.get(&hash) {
            Some(entry) if entry.known == state.known && state.counts(now) => {
                Found::Current(Arc::clone(&entry.holder))
            }
            Some(_) => Found::Former,
            None if state.nobodys.contains(&hash) => Found::Nobodys,
            None => Found::Unknown,
        }
    }

    /// Takes in what a query that began at `started` read.
    pub fn looked_up(
        &self,
        hash: Digest,
        holder: Option<Arc<KeyHolder>>,
        count: Revocations,
        started: Instant,
    ) {
        let mut state = self.state_mut();
        state.read(count, started);
        match holder {
            Some(holder) if count == state.known => {
                if state.keys.len() >= MAX_KEYS && !state.keys.contains_key(&hash) {
                    state.keys.clear();
                }
                state.keys.insert(hash, Entry { holder, known: count });
            }
            // A revocation was seen meanwhile, perhaps of this key.
            Some(_) => {}
            None => {
                state.keys.remove(&hash);
                if state.nobodys.len() >= MAX_NOBODYS {
                    state.nobodys.clear();
                }
                state.nobodys.insert(hash);
            }
        }
    }

    /// Takes in a count of revocations that a query read which began at `started`.
    pub fn polled(&self, count: Revocations, started: Instant) {
        self.state_mut().read(count, started);
    }

    /// This node committed a revocation: nothing that was read before it counts.
    pub fn moved_on(&self, count: Revocations) {
        let mut state = self.state_mut();
        state.known = state.known.max(count);
    }

    /// Tells all nodes of a revocation that this one has committed. When it returns, no cache lets the key in: this node's at once, each other
    /// node's as it has reported the count, or as its lease is over.
    pub async fn revoked(&self, storage: &Storage, count: Revocations) {
        self.moved_on(count);
        let told = async {
            loop {
                match others_behind(storage, count).await {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(error) => {
                        tracing::debug!(%error, "whether other nodes know of a revocation cannot be read");
                    }
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        // Over time, whatever another node had read before the commit does not count any more.
        let _ = tokio::time::timeout(LEASE, told).await;
    }

    /// Keeps what is known young while keys are used, and reports to the other nodes how far this one has moved on.
    pub async fn run(&self, storage: &Storage, stop: CancellationToken) {
        let mut reported = Revocations::default();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.is_used() => {}
            }
            // An answer that takes longer than the lease is worth nothing.
            match tokio::time::timeout(LEASE, self.poll(storage, reported)).await {
                Ok(Ok(count)) => reported = count,
                Ok(Err(error)) => {
                    tracing::debug!(%error, "revocations cannot be counted: each key is looked up");
                }
                Err(_) => tracing::debug!("revocations were not counted in time: each key is looked up"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(POLLED_EVERY) => {}
            }
        }
    }

    async fn poll(&self, storage: &Storage, reported: Revocations) -> Result<Revocations, StorageError> {
        let started = Instant::now();
        let mut tx = storage.read().await?;
        let count = revocations::count(&mut tx).await?;
        drop(tx);
        self.polled(count, started);
        if count > reported {
            let mut tx = storage.write().await?;
            revocations::report(&mut tx, storage.node(), count).await?;
            tx.commit().await?;
        }
        Ok(count)
    }

    /// Returns once a key was used since it last returned.
    async fn is_used(&self) {
        while !self.used.swap(false, Ordering::AcqRel) {
            self.wake.notified().await;
        }
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn others_behind(storage: &Storage, count: Revocations) -> Result<usize, StorageError> {
    let mut tx = storage.read().await?;
    Ok(revocations::behind(&mut tx, storage.node(), count).await?.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use factotum_model::{AccountId, AccountKind, Grants, KeyId, OrgId, Principal};

    const MILLISECOND: Duration = Duration::from_millis(1);
    const ALMOST: Duration = Duration::from_millis(999);

    fn holder() -> Arc<KeyHolder> {
        Arc::new(KeyHolder {
            key_id: KeyId::random(),
            prefix: "fct_01234567".to_owned(),
            org_id: OrgId::random(),
            principal: Principal { id: AccountId::random(), kind: AccountKind::ApiKey, name: "ci".into() },
            grants: Grants::all(),
            expires_at: None,
            allowed_networks: Vec::new(),
        })
    }

    fn hash(byte: u8) -> Digest {
        Digest::of(&[byte])
    }

    fn is_current(found: &Found) -> bool {
        matches!(found, Found::Current(_))
    }

    #[test]
    fn an_answer_counts_for_a_lease_from_the_start_of_the_query() {
        let (cache, t0) = (KeyCache::default(), Instant::now());
        assert!(matches!(cache.find(hash(1), t0), Found::Unknown));
        // The query took 400 ms.
        cache.looked_up(hash(1), Some(holder()), Revocations(7), t0);
        assert!(is_current(&cache.find(hash(1), t0 + ALMOST)));
        assert!(matches!(cache.find(hash(1), t0 + LEASE), Found::Former), "not a moment longer");
        // A poll that is slow renews from its start too, and one that began earlier takes nothing away.
        let t1 = t0 + LEASE * 2;
        cache.polled(Revocations(7), t1);
        cache.polled(Revocations(7), t0);
        assert!(is_current(&cache.find(hash(1), t1 + ALMOST)));
        assert!(!is_current(&cache.find(hash(1), t1 + LEASE)));
    }

    #[test]
    fn a_new_count_empties_the_cache() {
        let (cache, now) = (KeyCache::default(), Instant::now());
        cache.looked_up(hash(1), Some(holder()), Revocations(7), now);
        cache.looked_up(hash(2), Some(holder()), Revocations(7), now);
        cache.polled(Revocations(8), now);
        for key in [1, 2] {
            assert!(matches!(cache.find(hash(key), now), Found::Former), "key {key}");
        }
        // So does a count that came with another key's look-up.
        cache.looked_up(hash(1), Some(holder()), Revocations(8), now);
        assert!(is_current(&cache.find(hash(1), now)));
        cache.looked_up(hash(3), None, Revocations(9), now);
        assert!(!is_current(&cache.find(hash(1), now)));
    }

    #[test]
    fn a_look_up_that_a_revocation_overtakes_fills_nothing() {
        let (cache, t0) = (KeyCache::default(), Instant::now());
        cache.polled(Revocations(7), t0);
        // The look-up reads the key; then the key is revoked here; then the look-up's answer arrives.
        cache.moved_on(Revocations(8));
        cache.looked_up(hash(1), Some(holder()), Revocations(7), t0 + MILLISECOND);
        assert!(!is_current(&cache.find(hash(1), t0 + MILLISECOND * 2)));
        // The same, where a poll tells of the revocation; and the late answer does not renew the lease.
        cache.polled(Revocations(9), t0 + MILLISECOND * 3);
        let late = t0 + LEASE;
        cache.looked_up(hash(1), Some(holder()), Revocations(8), late);
        assert!(!is_current(&cache.find(hash(1), late)));
        cache.looked_up(hash(2), Some(holder()), Revocations(9), t0 + MILLISECOND * 4);
        assert!(is_current(&cache.find(hash(2), late)));
        assert!(!is_current(&cache.find(hash(2), late + MILLISECOND * 4)), "only from its own query on");
    }

    #[test]
    fn a_poll_that_is_overtaken_renews_nothing() {
        let (cache, t0) = (KeyCache::default(), Instant::now());
        cache.looked_up(hash(1), Some(holder()), Revocations(8), t0);
        cache.polled(Revocations(7), t0 + ALMOST);
        assert!(is_current(&cache.find(hash(1), t0 + ALMOST)));
        assert!(!is_current(&cache.find(hash(1), t0 + LEASE)));
    }

    #[test]
    fn a_revocation_here_counts_at_once_and_the_key_is_nobodys_once_it_is_gone() {
        let (cache, now) = (KeyCache::default(), Instant::now());
        cache.looked_up(hash(1), Some(holder()), Revocations(7), now);
        cache.moved_on(Revocations(8));
        assert!(matches!(cache.find(hash(1), now), Found::Former));
        cache.looked_up(hash(1), None, Revocations(8), now);
        assert!(matches!(cache.find(hash(1), now), Found::Nobodys));
        assert!(matches!(cache.find(hash(1), now + LEASE * 10), Found::Nobodys), "for good");
    }

    #[test]
    fn memory_is_bounded() {
        let (cache, now) = (KeyCache::default(), Instant::now());
        for number in 0..=MAX_KEYS {
            let hash = Digest::of(&number.to_be_bytes());
            cache.looked_up(hash, Some(holder()), Revocations(1), now);
        }
        for number in 0..=MAX_NOBODYS {
            cache.looked_up(Digest::of(&(number + MAX_KEYS * 2).to_be_bytes()), None, Revocations(1), now);
        }
        assert_eq!((cache.state().keys.len(), cache.state().nobodys.len()), (1, 1));
    }

    #[tokio::test]
    async fn who_waits_for_a_use_hears_of_each_once() {
        let cache = KeyCache::default();
        let waits = async || tokio::time::timeout(MILLISECOND * 20, cache.is_used()).await.is_err();
        assert!(waits().await, "nothing was used");
        cache.find(hash(1), Instant::now());
        cache.find(hash(1), Instant::now());
        assert!(!waits().await);
        assert!(waits().await, "nothing was used since");
        cache.find(hash(1), Instant::now());
        assert!(!waits().await);
    }
}
