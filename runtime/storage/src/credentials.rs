//! Passwords of people, hashed (PHC strings). What must hold: a password that was compared outside a transaction counts inside one only if it
//! is still the one that was compared; a service account has none (identity.md, I11).

use std::net::IpAddr;

use factotum_model::{PersonId, Timestamp};

use crate::connection::Tx;
use crate::error::StorageError;

/// What a log-in by e-mail address starts from.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The person.
    pub person_id: PersonId,
    /// Their e-mail address, as it is stored.
    pub email: String,
    /// Their name.
    pub name: String,
    /// The hash of their password, if they have one.
    pub password_hash: Option<String>,
}

/// The person with this e-mail address, in any case.
pub async fn find(tx: &mut Tx, email: &str) -> Result<Option<Candidate>, StorageError> {
    let row = tx
        .query(
            "SELECT p.id, p.email, p.name, c.password_hash FROM people p LEFT JOIN credentials c ON c.person_id = p.id \
             WHERE p.email = $1",
        )
        .bind(email.trim().to_lowercase())
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// A person who is there.
pub async fn of_person(tx: &mut Tx, person: PersonId) -> Result<Option<Candidate>, StorageError> {
    let row = tx
        .query(
            "SELECT p.id, p.email, p.name, c.password_hash FROM people p LEFT JOIN credentials c ON c.person_id = p.id \
             WHERE p.id = $1",
        )
        .bind(person.0)
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// Whether a person's password is still the one with this hash. It stays so until the transaction ends.
pub async fn is_still(tx: &mut Tx, person: PersonId, hash: &str) -> Result<bool, StorageError> {
    let row = tx
        .query("SELECT password_hash FROM credentials WHERE person_id = $1 /*SHARE*/")
        .bind(person.0)
        .fetch_optional()
        .await?;
    row.map_or(Ok(false), |row| Ok(row.get::<String>(0)? == hash))
}

/// Sets a person's password, hashed already.
pub async fn set_password(
    tx: &mut Tx,
    person: PersonId,
    hash: &str,
    now: Timestamp,
) -> Result<(), StorageError> {
    tx.query(
        "INSERT INTO credentials (person_id, password_hash, updated_at) VALUES ($1, $2, $3) \
         ON CONFLICT (person_id) DO UPDATE SET password_hash = excluded.password_hash, updated_at = excluded.updated_at",
    )
    .bind(person.0)
    .bind(hash.to_owned())
    .bind(now.as_micros())
    .execute()
    .await
    .map(drop)
}

/// Replaces the password with this hash by another; false if it is not that one any more.
pub async fn change_password(
    tx: &mut Tx,
    person: PersonId,
    (old, new): (&str, &str),
    now: Timestamp,
) -> Result<bool, StorageError> {
    let changed = tx
        .query("UPDATE credentials SET password_hash = $3, updated_at = $4 WHERE person_id = $1 AND password_hash = $2")
        .bind(person.0)
        .bind(old.to_owned())
        .bind(new.to_owned())
        .bind(now.as_micros())
        .execute()
        .await?;
    Ok(changed > 0)
}

/// Whether somebody has a session from this address: then it is one that they are known to use. Asked without a person too, at the same cost.
pub async fn is_known_from(
    tx: &mut Tx,
    person: Option<PersonId>,
    from: IpAddr,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let row = tx
        .query(
            "SELECT 1 FROM sessions WHERE person_id = $1 AND last_seen_from = $2 AND expires_at > $3 LIMIT 1",
        )
        .bind(person.map_or(uuid::Uuid::nil(), |person| person.0))
        .bind(from.to_string())
        .bind(now.as_micros())
        .fetch_optional()
        .await?;
    Ok(row.is_some())
}

fn read(row: &crate::connection::Row) -> Result<Candidate, StorageError> {
    Ok(Candidate { person_id: row.id(0)?, email: row.get(1)?, name: row.get(2)?, password_hash: row.get(3)? })
}
