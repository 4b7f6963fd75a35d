//! Second factors (RFC 6238). What must hold: a secret is sealed for its person; one that is not confirmed counts for nothing; and no time step
//! counts twice (§5.2).

use factotum_model::{PersonId, Redacted, Timestamp};

use crate::connection::Tx;
use crate::error::StorageError;
use crate::storage::Storage;
use crate::vault::Sealed;

/// A person's second factor.
#[derive(Debug)]
pub struct Totp {
    /// The shared secret.
    pub secret: Redacted<Vec<u8>>,
    /// Since when it counts; none while it is being set up.
    pub confirmed_at: Option<Timestamp>,
}

fn place(person: PersonId) -> String {
    format!("{person}/totp")
}

/// Begins to set one up, in place of one that was not confirmed; false if there is a confirmed one, which stays.
pub async fn begin(
    storage: &Storage,
    tx: &mut Tx,
    person: PersonId,
    secret: &[u8],
    now: Timestamp,
) -> Result<bool, StorageError> {
    let sealed = storage.vault().seal(&place(person), secret)?;
    let written = tx
        .query(
            "INSERT INTO totp (person_id, data_key_id, sealed, created_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (person_id) DO UPDATE SET data_key_id = excluded.data_key_id, sealed = excluded.sealed, \
             created_at = excluded.created_at, last_step = 0 WHERE totp.confirmed_at IS NULL",
        )
        .bind(person.0)
        .bind(sealed.data_key_id)
        .bind(sealed.bytes)
        .bind(now.as_micros())
        .execute()
        .await?;
    Ok(written > 0)
}

/// A person's second factor, confirmed or not.
pub async fn get(storage: &Storage, tx: &mut Tx, person: PersonId) -> Result<Option<Totp>, StorageError> {
    let row = tx
        .query("SELECT data_key_id, sealed, confirmed_at FROM totp WHERE person_id = $1")
        .bind(person.0)
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(None) };
    let sealed = Sealed { data_key_id: row.get(0)?, bytes: row.get(1)? };
    let confirmed_at = row.maybe_time(2)?;
    Ok(Some(Totp { secret: storage.vault().unseal(tx, &place(person), &sealed).await?, confirmed_at }))
}

/// Whether a person has a confirmed second factor.
pub async fn is_on(tx: &mut Tx, person: PersonId) -> Result<bool, StorageError> {
    let row = tx
        .query("SELECT 1 FROM totp WHERE person_id = $1 AND confirmed_at IS NOT NULL")
        .bind(person.0)
        .fetch_optional()
        .await?;
    Ok(row.is_some())
}

/// Uses up a time step of the confirmed one and all before it; false if it was used up already.
pub async fn take_step(tx: &mut Tx, person: PersonId, step: u64) -> Result<bool, StorageError> {
    let sql =
        "UPDATE totp SET last_step = $2 WHERE person_id = $1 AND last_step < $2 AND confirmed_at IS NOT NULL";
    Ok(tx.query(sql).bind(person.0).bind(step as i64).execute().await? > 0)
}

/// Confirms the one that is being set up, by a time step that is thereby used up; false if there is none.
pub async fn confirm(tx: &mut Tx, person: PersonId, step: u64, now: Timestamp) -> Result<bool, StorageError> {
    let sql = "UPDATE totp SET confirmed_at = $3, last_step = $2 WHERE person_id = $1 AND last_step < $2 AND confirmed_at IS NULL";
    Ok(tx.query(sql).bind(person.0).bind(step as i64).bind(now.as_micros()).execute().await? > 0)
}

/// Removes it, with the recovery codes; whether there was one.
pub async fn remove(tx: &mut Tx, person: PersonId) -> Result<bool, StorageError> {
    tx.query("DELETE FROM recovery_codes WHERE person_id = $1").bind(person.0).execute().await?;
    Ok(tx.query("DELETE FROM totp WHERE person_id = $1").bind(person.0).execute().await? > 0)
}
