//! Sessions of members. What must hold: only the SHA-256 of a session's token is stored; a session is one account's, ends with it, and is
//! never prolonged; the database has none for a service account (identity.md, I11).

use std::net::IpAddr;
use std::time::Duration;

use factotum_model::{
    AccountId, AccountKind, Digest, Grants, OrgId, PersonId, Principal, SessionId, Timestamp,
};

use crate::connection::{Row, Tx};
use crate::error::StorageError;
use crate::principal::{Keys, member_grants};

/// How a session began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// E-mail and password, with a second factor where there is one.
    Password,
    /// The identity provider.
    Oidc,
    /// Taking up an invitation.
    Invitation,
    /// The one-time link of the first start.
    Setup,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Password, Self::Oidc, Self::Invitation, Self::Setup];

    /// The other way round.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == word)
    }

    /// The word in the database and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Oidc => "oidc",
            Self::Invitation => "invitation",
            Self::Setup => "setup",
        }
    }
}

/// What is needed to begin a session.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// SHA-256 of its token.
    pub token_hash: Digest,
    /// The organization.
    pub org_id: OrgId,
    /// The member's account in it.
    pub account_id: AccountId,
    /// The person.
    pub person_id: PersonId,
    /// How it began.
    pub method: Method,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// From which address.
    pub from: IpAddr,
    /// With which client.
    pub user_agent: Option<String>,
}

/// A session, for its person's list.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its id; not what the browser holds.
    pub id: SessionId,
    /// The organization it is in.
    pub org_id: OrgId,
    /// How it began.
    pub method: Method,
    /// When.
    pub created_at: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// From which address.
    pub last_seen_from: Option<String>,
    /// With which client.
    pub user_agent: Option<String>,
}

/// Who a session's token speaks for.
#[derive(Debug, Clone)]
pub struct SessionHolder {
    /// The session.
    pub session_id: SessionId,
    /// The organization.
    pub org_id: OrgId,
    /// The member.
    pub principal: Principal,
    /// The person.
    pub person_id: PersonId,
    /// What their roles add up to.
    pub grants: Grants,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
}

/// Begins a session. [`StorageError::Refused`] if the account is not a member's, or was removed.
pub async fn begin(tx: &mut Tx, new: &NewSession, now: Timestamp) -> Result<SessionId, StorageError> {
    let id = SessionId::random();
    tx.query(
        "INSERT INTO sessions (id, token_hash, org_id, account_id, person_id, method, created_at, expires_at, last_seen_at, \
         last_seen_from, user_agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7, $9, $10)",
    )
    .bind(id.0)
    .bind(new.token_hash.0.to_vec())
    .bind(new.org_id.0)
    .bind(new.account_id.0)
    .bind(new.person_id.0)
    .bind(new.method.as_str())
    .bind(now.as_micros())
    .bind(new.expires_at.as_micros())
    .bind(new.from.to_string())
    .bind(new.user_agent.clone())
    .execute()
    .await?;
    Ok(id)
}

/// Who holds the token with this hash; `None` if it was ended, has expired, or was not used for `idle`.
pub async fn holder(
    tx: &mut Tx,
    token_hash: Digest,
    now: Timestamp,
    idle: Duration,
) -> Result<Option<SessionHolder>, StorageError> {
    let row = tx
        .query(
            "SELECT s.id, s.org_id, s.account_id, a.name, s.person_id, s.expires_at, s.last_seen_at FROM sessions s \
             JOIN accounts a ON a.id = s.account_id AND a.deleted_at IS NULL \
             WHERE s.token_hash = $1 AND s.expires_at > $2 AND s.last_seen_at > $3",
        )
        .bind(token_hash.0.to_vec())
        .bind(now.as_micros())
        .bind(now.minus(idle).as_micros())
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (org_id, account) = (row.id(1)?, row.id(2)?);
    Ok(Some(SessionHolder {
        session_id: row.id(0)?,
        org_id,
        principal: Principal { id: account, kind: AccountKind::Member, name: row.get(3)? },
        person_id: row.id(4)?,
        grants: member_grants(tx, org_id, account, Keys::Seen).await?,
        expires_at: row.time(5)?,
        last_seen_at: row.time(6)?,
    }))
}

/// Notes that a session is used.
pub async fn touch(tx: &mut Tx, id: SessionId, from: IpAddr, now: Timestamp) -> Result<(), StorageError> {
    tx.query("UPDATE sessions SET last_seen_at = $2, last_seen_from = $3 WHERE id = $1 AND last_seen_at < $2")
        .bind(id.0)
        .bind(now.as_micros())
        .bind(from.to_string())
        .execute()
        .await
        .map(drop)
}

/// The sessions of a person that have not expired, newest first.
pub async fn list(tx: &mut Tx, person: PersonId, now: Timestamp) -> Result<Vec<Session>, StorageError> {
    let rows = tx
        .query(
            "SELECT id, org_id, method, created_at, expires_at, last_seen_at, last_seen_from, user_agent FROM sessions \
             WHERE person_id = $1 AND expires_at > $2 ORDER BY id DESC",
        )
        .bind(person.0)
        .bind(now.as_micros())
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// Whether a session has neither ended nor expired. It stays so until the transaction ends.
pub async fn is_open(tx: &mut Tx, id: SessionId, now: Timestamp) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM sessions WHERE id = $1 AND expires_at > $2 /*SHARE*/";
    Ok(tx.query(sql).bind(id.0).bind(now.as_micros()).fetch_optional().await?.is_some())
}

/// A session of this person, unless it has ended or expired.
pub async fn get(
    tx: &mut Tx,
    person: PersonId,
    id: SessionId,
    now: Timestamp,
) -> Result<Option<Session>, StorageError> {
    let row = tx
        .query(
            "SELECT id, org_id, method, created_at, expires_at, last_seen_at, last_seen_from, user_agent FROM sessions \
             WHERE person_id = $1 AND id = $3 AND expires_at > $2",
        )
        .bind(person.0)
        .bind(now.as_micros())
        .bind(id.0)
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// Ends a session of this person; whether there was one.
pub async fn end(tx: &mut Tx, person: PersonId, id: SessionId) -> Result<bool, StorageError> {
    let sql = "DELETE FROM sessions WHERE person_id = $1 AND id = $2";
    Ok(tx.query(sql).bind(person.0).bind(id.0).execute().await? > 0)
}

/// Ends all sessions of a person, but for `kept`; how many.
pub async fn end_all(tx: &mut Tx, person: PersonId, kept: Option<SessionId>) -> Result<u64, StorageError> {
    tx.query("DELETE FROM sessions WHERE person_id = $1 AND id <> $2")
        .bind(person.0)
        .bind(kept.map_or(uuid::Uuid::nil(), |id| id.0))
        .execute()
        .await
}

/// Ends all sessions of a person that began in this way, but for `kept`; how many.
pub async fn end_begun_by(
    tx: &mut Tx,
    person: PersonId,
    method: Method,
    kept: SessionId,
) -> Result<u64, StorageError> {
    tx.query("DELETE FROM sessions WHERE person_id = $1 AND method = $2 AND id <> $3")
        .bind(person.0)
        .bind(method.as_str())
        .bind(kept.0)
        .execute()
        .await
}

fn read(row: &Row) -> Result<Session, StorageError> {
    let method: String = row.get(2)?;
    Ok(Session {
        id: row.id(0)?,
        org_id: row.id(1)?,
        method: Method::from_word(&method).ok_or_else(|| StorageError::damaged("sessions.method", method))?,
        created_at: row.time(3)?,
        expires_at: row.time(4)?,
        last_seen_at: row.time(5)?,
        last_seen_from: row.get(6)?,
        user_agent: row.get(7)?,
    })
}
