//! Who somebody is at an identity provider: issuer and subject (OpenID Connect Core §2), and whose person that is here. What must hold:
//! an identity is one person's for good, until it is unlinked; an e-mail address identifies nobody.

use factotum_model::{Digest, PersonId, Timestamp};

use crate::connection::Tx;
use crate::error::StorageError;

/// An identity of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The provider: its issuer URL.
    pub issuer: String,
    /// The provider's name for the person, which it gives to nobody else.
    pub subject: String,
    /// Since when it is linked.
    pub created_at: Timestamp,
}

impl Identity {
    /// What it is called in paths: worked out from issuer and subject, so that neither stands in a URL.
    pub fn id(&self) -> String {
        id_of(&self.issuer, &self.subject)
    }
}

/// What the identity of an issuer and a subject is called.
pub fn id_of(issuer: &str, subject: &str) -> String {
    // An issuer is a URL and holds no line feed, so no two pairs make one text.
    let whole = Digest::of(format!("{issuer}\n{subject}").as_bytes()).hex();
    format!("idn_{}", &whole[..32])
}

/// How a person can log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaysIn {
    /// Whether they have a password.
    pub password: bool,
    /// How many identities are linked.
    pub identities: i64,
}

/// Whose identity this is.
pub async fn find(tx: &mut Tx, issuer: &str, subject: &str) -> Result<Option<PersonId>, StorageError> {
    let row = tx
        .query("SELECT person_id FROM identities WHERE issuer = $1 AND subject = $2")
        .bind(issuer.to_owned())
        .bind(subject.to_owned())
        .fetch_optional()
        .await?;
    row.map(|row| row.id(0)).transpose()
}

/// Links an identity to a person. [`StorageError::Exists`] if it is linked already, to whomever.
pub async fn link(
    tx: &mut Tx,
    person: PersonId,
    issuer: &str,
    subject: &str,
    now: Timestamp,
) -> Result<(), StorageError> {
    tx.query("INSERT INTO identities (issuer, subject, person_id, created_at) VALUES ($1, $2, $3, $4)")
        .bind(issuer.to_owned())
        .bind(subject.to_owned())
        .bind(person.0)
        .bind(now.as_micros())
        .execute()
        .await
        .map(drop)
}

/// A person's identities, oldest first.
pub async fn list(tx: &mut Tx, person: PersonId) -> Result<Vec<Identity>, StorageError> {
    let rows = tx
        .query("SELECT issuer, subject, created_at FROM identities WHERE person_id = $1 ORDER BY created_at, issuer, subject")
        .bind(person.0)
        .fetch_all()
        .await?;
    let read = |row: &crate::connection::Row| {
        Ok(Identity { issuer: row.get(0)?, subject: row.get(1)?, created_at: row.time(2)? })
    };
    rows.iter().map(read).collect()
}

/// Unlinks an identity of this person; whether there was one.
pub async fn unlink(
    tx: &mut Tx,
    person: PersonId,
    issuer: &str,
    subject: &str,
) -> Result<bool, StorageError> {
    let sql = "DELETE FROM identities WHERE person_id = $1 AND issuer = $2 AND subject = $3";
    let gone =
        tx.query(sql).bind(person.0).bind(issuer.to_owned()).bind(subject.to_owned()).execute().await?;
    Ok(gone > 0)
}

/// How a person can log in now. Their row is held, so that two who take a way each do not both believe in the other's.
pub async fn ways_in(tx: &mut Tx, person: PersonId) -> Result<WaysIn, StorageError> {
    tx.query("SELECT id FROM people WHERE id = $1 /*UPDATE*/").bind(person.0).fetch_optional().await?;
    let count = async |tx: &mut Tx, sql| {
        let row = tx.query(sql).bind(person.0).fetch_optional().await?;
        row.map_or(Ok(0), |row| row.get::<i64>(0))
    };
    Ok(WaysIn {
        password: count(tx, "SELECT count(*) FROM credentials WHERE person_id = $1").await? > 0,
        identities: count(tx, "SELECT count(*) FROM identities WHERE person_id = $1").await?,
    })
}
