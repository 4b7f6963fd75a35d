//! Answers to POSTs that came with an `Idempotency-Key`. What must hold: the key is written in the transaction of what it stands
//! for, so a request is carried out once however often it is sent; another body under the same key is a mistake.

use std::time::Duration;

use factotum_model::{AccountId, Digest, Timestamp};

use crate::connection::Tx;
use crate::error::StorageError;

/// How long an answer is kept.
pub const KEPT: Duration = Duration::from_hours(24);

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is now this request's, until the transaction ends.
    New,
    /// The same request was answered so.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The body.
        answer: String,
    },
    /// It was used for a request with another body.
    OtherBody,
}

/// Looks a key up, and takes it if it is free.
pub async fn take(
    tx: &mut Tx,
    account: AccountId,
    route: &str,
    key: &str,
    body: Digest,
    now: Timestamp,
) -> Result<Known, StorageError> {
    let taken = tx
        .query(
            "INSERT INTO idempotency_keys (account_id, route, key, body_hash, expires_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (account_id, route, key) DO UPDATE SET body_hash = excluded.body_hash, expires_at = excluded.expires_at, \
             status = NULL, answer = NULL WHERE idempotency_keys.expires_at < $6",
        )
        .bind(account.0)
        .bind(route.to_owned())
        .bind(key.to_owned())
        .bind(body.0.to_vec())
        .bind(now.plus(KEPT).as_micros())
        .bind(now.as_micros())
        .execute()
        .await?;
    if taken > 0 {
        return Ok(Known::New);
    }
    let row = tx
        .query("SELECT body_hash, status, answer FROM idempotency_keys WHERE account_id = $1 AND route = $2 AND key = $3")
        .bind(account.0)
        .bind(route.to_owned())
        .bind(key.to_owned())
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(Known::New) };
    if row.get::<Vec<u8>>(0)? != body.0 {
        return Ok(Known::OtherBody);
    }
    let status: Option<i64> = row.get(1)?;
    let answer: Option<String> = row.get(2)?;
    Ok(match (status.and_then(|s| u16::try_from(s).ok()), answer) {
        (Some(status), Some(answer)) => Known::Answered { status, answer },
        _ => Known::New,
    })
}

/// Gives a key back whose request came to nothing.
pub async fn forget(tx: &mut Tx, account: AccountId, route: &str, key: &str) -> Result<(), StorageError> {
    tx.query("DELETE FROM idempotency_keys WHERE account_id = $1 AND route = $2 AND key = $3")
        .bind(account.0)
        .bind(route.to_owned())
        .bind(key.to_owned())
        .execute()
        .await
        .map(drop)
}

/// Writes the answer down, in the same transaction, or in a later one that ends what the first began.
pub async fn answer(
    tx: &mut Tx,
    account: AccountId,
    route: &str,
    key: &str,
    status: u16,
    answer: &str,
) -> Result<(), StorageError> {
    tx.query("UPDATE idempotency_keys SET status = $4, answer = $5 WHERE account_id = $1 AND route = $2 AND key = $3")
        .bind(account.0)
        .bind(route.to_owned())
        .bind(key.to_owned())
        .bind(i64::from(status))
        .bind(answer.to_owned())
        .execute()
        .await
        .map(drop)
}
