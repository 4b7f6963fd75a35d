//! Log-ins that went to the identity provider and have not come back. What must hold: what the provider's answer is checked against is
//! sealed, stays on this side, and serves one answer; of state and browser token only the SHA-256 is stored.

use factotum_model::{Digest, Redacted, Timestamp};

use crate::connection::Tx;
use crate::error::StorageError;
use crate::storage::Storage;
use crate::vault::Sealed;

/// A log-in that begins.
#[derive(Debug)]
pub struct NewFlow {
    /// SHA-256 of `state` (RFC 6749 §10.12).
    pub state_hash: Digest,
    /// SHA-256 of what the browser holds in a cookie.
    pub browser_hash: Digest,
    /// What the answer is checked against.
    pub checks: Redacted<Vec<u8>>,
    /// When it is too late.
    pub expires_at: Timestamp,
}

/// A log-in that comes back.
#[derive(Debug)]
pub struct Flow {
    /// SHA-256 of what the browser that began it holds.
    pub browser_hash: Digest,
    /// What the answer is checked against.
    pub checks: Redacted<Vec<u8>>,
}

/// Keeps a log-in until its answer comes.
pub async fn create(
    storage: &Storage,
    tx: &mut Tx,
    new: &NewFlow,
    now: Timestamp,
) -> Result<(), StorageError> {
    let sealed = storage.vault().seal(&place(new.state_hash), new.checks.expose())?;
    tx.query(
        "INSERT INTO oidc_flows (state_hash, browser_hash, data_key_id, sealed, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(new.state_hash.0.to_vec())
    .bind(new.browser_hash.0.to_vec())
    .bind(sealed.data_key_id)
    .bind(sealed.bytes)
    .bind(now.as_micros())
    .bind(new.expires_at.as_micros())
    .execute()
    .await
    .map(drop)
}

/// Takes a log-in out, whoever presents its state: it is of no use a second time. `None` if there is none, or no more.
pub async fn take(
    storage: &Storage,
    tx: &mut Tx,
    state_hash: Digest,
    now: Timestamp,
) -> Result<Option<Flow>, StorageError> {
    let row = tx
        .query("DELETE FROM oidc_flows WHERE state_hash = $1 RETURNING browser_hash, data_key_id, sealed, expires_at")
        .bind(state_hash.0.to_vec())
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(None) };
    if row.time(3)? <= now {
        return Ok(None);
    }
    let browser: Vec<u8> = row.get(0)?;
    let sealed = Sealed { data_key_id: row.get(1)?, bytes: row.get(2)? };
    Ok(Some(Flow {
        browser_hash: Digest::try_from(browser.as_slice())
            .map_err(|e| StorageError::damaged("oidc_flows.browser_hash", e))?,
        checks: storage.vault().unseal(tx, &place(state_hash), &sealed).await?,
    }))
}

fn place(state_hash: Digest) -> String {
    format!("oidc_flows/{}", state_hash.hex())
}
