//! Deliveries seen before. What must hold: a key names one run until its time is up, whichever node it comes to; keys are
//! written in order, so that two nodes wait for each other and never in a circle.

use std::collections::{BTreeMap, HashMap};

use factotum_model::{RunId, Timestamp};
use uuid::Uuid;

use crate::accept::NewRun;
use crate::connection::Tx;
use crate::error::StorageError;

/// Whose key, and which.
type Key = (Uuid, String);

/// The run that a key stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct First {
    pub(crate) run: RunId,
    /// Whether the key was free: this run has yet to be stored.
    pub(crate) is_new: bool,
}

/// The runs of the keys of a batch.
#[derive(Debug, Default)]
pub(crate) struct Firsts(HashMap<Key, First>);

impl Firsts {
    /// The run of a delivery's key, if it has a key.
    pub(crate) fn of(&self, new: &NewRun) -> Option<First> {
        self.0.get(&key(new)?).copied()
    }
}

fn key(new: &NewRun) -> Option<Key> {
    let dedup = new.dedup.as_ref()?;
    // A key without trigger belongs to the account that sent it.
    let owner = new.trigger_id.map_or(new.account_id.0, |t| t.0);
    // PostgreSQL stores no U+0000.
    Some((owner, dedup.key.replace('\0', "\u{FFFD}")))
}

/// Writes down which deliveries came, one row per key. Gives the run of each key: the one now written, or the one that
/// was there.
pub(crate) async fn remember<'a>(
    tx: &mut Tx,
    deliveries: impl Iterator<Item = &'a NewRun>,
    now: Timestamp,
) -> Result<Firsts, StorageError> {
    let mut keys: BTreeMap<Key, (RunId, Timestamp)> = BTreeMap::new();
    for new in deliveries {
        if let (Some(key), Some(dedup)) = (key(new), &new.dedup) {
            keys.entry(key).or_insert((new.run_id, dedup.expires_at));
        }
    }
    let mut firsts = Firsts::default();
    let keys: Vec<_> = keys.into_iter().collect();
    for chunk in keys.chunks(tx.bulk_rows()) {
        let mut statement = tx.query_rows(
            "INSERT INTO dedup_keys (trigger_id, key, run_id, expires_at) VALUES {rows} \
             ON CONFLICT (trigger_id, key) DO UPDATE SET run_id = excluded.run_id, expires_at = excluded.expires_at \
             WHERE dedup_keys.expires_at < {after} RETURNING trigger_id, key, run_id",
            4,
            chunk.len(),
        );
        for ((owner, key), (run, expires_at)) in chunk {
            statement = statement.bind(*owner).bind(key.clone()).bind(run.0).bind(expires_at.as_micros());
        }
        for row in statement.bind(now.as_micros()).fetch_all().await? {
            firsts.0.insert((row.get(0)?, row.get(1)?), First { run: row.id(2)?, is_new: true });
        }
        let taken: Vec<&Key> =
            chunk.iter().map(|(key, _)| key).filter(|key| !firsts.0.contains_key(*key)).collect();
        if taken.is_empty() {
            continue;
        }
        let mut statement = tx.query_rows(
            // A join, since SQLite scans the table for a pair in a list.
            "SELECT d.trigger_id, d.key, d.run_id FROM (VALUES {rows}) AS v \
             JOIN dedup_keys d ON d.trigger_id = v.column1 AND d.key = v.column2",
            2,
            taken.len(),
        );
        for (owner, key) in taken {
            statement = statement.bind(*owner).bind(key.clone());
        }
        for row in statement.fetch_all().await? {
            firsts.0.insert((row.get(0)?, row.get(1)?), First { run: row.id(2)?, is_new: false });
        }
    }
    Ok(firsts)
}
