//! Links that work once: to set a new password, to make the first organization. What must hold: only the SHA-256 of a link's token is stored; a
//! newer link ends the older ones of its purpose and person; at most one link to the first organization works at a time, on all nodes together.

use factotum_model::{Digest, PersonId, Timestamp};

use crate::connection::Tx;
use crate::error::StorageError;

/// How often a link to the first organization is made anew when other nodes make theirs at the same moment.
const TRIES: u32 = 10;

/// Makes a link for this person to set a new password with.
pub async fn make_password_reset(
    tx: &mut Tx,
    person: PersonId,
    token: Digest,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StorageError> {
    end_password_resets(tx, person).await?;
    tx.query(
        "INSERT INTO one_time_links (token_hash, purpose, person_id, created_at, expires_at) VALUES ($1, 'password_reset', $2, $3, $4)",
    )
    .bind(token.0.to_vec())
    .bind(person.0)
    .bind(now.as_micros())
    .bind(expires_at.as_micros())
    .execute()
    .await
    .map(drop)
}

/// Ends the links of this person that were not used.
pub async fn end_password_resets(tx: &mut Tx, person: PersonId) -> Result<(), StorageError> {
    tx.query(
        "DELETE FROM one_time_links WHERE purpose = 'password_reset' AND person_id = $1 AND used_at IS NULL",
    )
    .bind(person.0)
    .execute()
    .await
    .map(drop)
}

/// Whose new password a link sets, if it works still. It is not used up by this.
pub async fn password_reset_of(
    tx: &mut Tx,
    token: Digest,
    now: Timestamp,
) -> Result<Option<PersonId>, StorageError> {
    let row = tx
        .query(
            "SELECT person_id FROM one_time_links WHERE token_hash = $1 AND purpose = 'password_reset' \
             AND used_at IS NULL AND expires_at > $2",
        )
        .bind(token.0.to_vec())
        .bind(now.as_micros())
        .fetch_optional()
        .await?;
    row.map(|row| row.id(0)).transpose()
}

/// Uses a link up: whose new password it sets.
pub async fn take_password_reset(
    tx: &mut Tx,
    token: Digest,
    now: Timestamp,
) -> Result<Option<PersonId>, StorageError> {
    let row = tx
        .query(
            "UPDATE one_time_links SET used_at = $2 WHERE token_hash = $1 AND purpose = 'password_reset' \
             AND used_at IS NULL AND expires_at > $2 RETURNING person_id",
        )
        .bind(token.0.to_vec())
        .bind(now.as_micros())
        .fetch_optional()
        .await?;
    row.map(|row| row.id(0)).transpose()
}

/// Makes the link to the first organization, which ends the one before.
pub async fn make_setup(
    tx: &mut Tx,
    token: Digest,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StorageError> {
    for _ in 0..TRIES {
        tx.query("DELETE FROM one_time_links WHERE purpose = 'setup' AND used_at IS NULL").execute().await?;
        let made = tx
            .query(
                "INSERT INTO one_time_links (token_hash, purpose, created_at, expires_at) VALUES ($1, 'setup', $2, $3) \
                 ON CONFLICT DO NOTHING",
            )
            .bind(token.0.to_vec())
            .bind(now.as_micros())
            .bind(expires_at.as_micros())
            .execute()
            .await?;
        if made > 0 {
            return Ok(());
        }
    }
    Err(StorageError::Exists { what: "another node's link to the first organization".to_owned() })
}

/// Whether the link to the first organization works still. It is not used up by this.
pub async fn is_setup(tx: &mut Tx, token: Digest, now: Timestamp) -> Result<bool, StorageError> {
    let row = tx
        .query(
            "SELECT 1 FROM one_time_links WHERE token_hash = $1 AND purpose = 'setup' AND used_at IS NULL AND expires_at > $2",
        )
        .bind(token.0.to_vec())
        .bind(now.as_micros())
        .fetch_optional()
        .await?;
    Ok(row.is_some())
}

/// Uses the link to the first organization up; whether it worked. Who is second waits for the first, and finds it used.
pub async fn take_setup(tx: &mut Tx, token: Digest, now: Timestamp) -> Result<bool, StorageError> {
    let taken = tx
        .query(
            "UPDATE one_time_links SET used_at = $2 WHERE token_hash = $1 AND purpose = 'setup' AND used_at IS NULL AND expires_at > $2",
        )
        .bind(token.0.to_vec())
        .bind(now.as_micros())
        .execute()
        .await?;
    Ok(taken > 0)
}
