//! What the other nodes must hear of within a second: what they are to stop, and whose log is watched. What must hold: a signal commits with what it tells of; readers
//! look back over a window, so that one that committed late is not missed.

use std::time::Duration;

use factotum_model::{AccountId, RunId, Timestamp};
use uuid::Uuid;

use crate::connection::Tx;
use crate::error::StorageError;

/// How far readers look back; longer than any transaction here lives.
pub const WINDOW: Duration = Duration::from_secs(30);

/// Something for the other nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// All that runs as this account is to stop.
    AccountRevoked(AccountId),
    /// This run is to stop.
    RunCancelled(RunId),
    /// Somebody watches what this run logs: it is to be copied ([`live_logs`](crate::live_logs)).
    LogWanted(RunId),
}

/// Writes a signal into the transaction of what it tells of.
pub async fn send(tx: &mut Tx, signal: Signal, now: Timestamp) -> Result<(), StorageError> {
    let (kind, subject) = match signal {
        Signal::AccountRevoked(id) => ("account_revoked", id.0),
        Signal::RunCancelled(id) => ("run_cancelled", id.0),
        Signal::LogWanted(id) => ("log_wanted", id.0),
    };
    tx.query("INSERT INTO signals (id, at, kind, subject) VALUES ($1, $2, $3, $4)")
        .bind(Uuid::now_v7())
        .bind(now.as_micros())
        .bind(kind)
        .bind(subject)
        .execute()
        .await
        .map(drop)
}

/// The signals of the last [`WINDOW`], each with its id, so that the reader can skip those it has acted on.
pub async fn recent(tx: &mut Tx, now: Timestamp) -> Result<Vec<(Uuid, Signal)>, StorageError> {
    let rows = tx
        .query("SELECT id, kind, subject FROM signals WHERE at >= $1")
        .bind(now.minus(WINDOW).as_micros())
        .fetch_all()
        .await?;
    let mut signals = Vec::with_capacity(rows.len());
    for row in rows {
        let kind: String = row.get(1)?;
        match kind.as_str() {
            "account_revoked" => signals.push((row.get(0)?, Signal::AccountRevoked(row.id(2)?))),
            "run_cancelled" => signals.push((row.get(0)?, Signal::RunCancelled(row.id(2)?))),
            "log_wanted" => signals.push((row.get(0)?, Signal::LogWanted(row.id(2)?))),
            // A newer node says something that this one does not know.
            _ => {}
        }
    }
    Ok(signals)
}

/// Forgets signals that every node has seen.
pub(crate) async fn sweep(tx: &mut Tx, now: Timestamp) -> Result<(), StorageError> {
    tx.query("DELETE FROM signals WHERE at < $1")
        .bind(now.minus(WINDOW * 4).as_micros())
        .execute()
        .await
        .map(drop)
}
