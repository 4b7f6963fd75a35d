//! Forgetting what is past its time. What must hold: nothing that is still valid goes, so a sweep may come at any time and
//! be repeated.

use factotum_model::Timestamp;

use crate::connection::Tx;
use crate::error::StorageError;
use crate::{live_logs, signals};

/// Removes expired idempotency keys, dedup keys, values of stores, sessions, one-time links and log-ins that did not come back, control
/// numbers of EDI, copies of logs, and signals that every node has seen.
pub async fn expired(tx: &mut Tx, now: Timestamp) -> Result<(), StorageError> {
    for sql in [
        "DELETE FROM idempotency_keys WHERE expires_at < $1",
        "DELETE FROM dedup_keys WHERE expires_at < $1",
        "DELETE FROM kv WHERE expires_at < $1",
        "DELETE FROM sessions WHERE expires_at < $1",
        "DELETE FROM one_time_links WHERE expires_at < $1",
        "DELETE FROM oidc_flows WHERE expires_at < $1",
        "DELETE FROM edi_controls WHERE expires_at < $1",
    ] {
        tx.query(sql).bind(now.as_micros()).execute().await?;
    }
    live_logs::sweep(tx, now).await?;
    signals::sweep(tx, now).await
}
