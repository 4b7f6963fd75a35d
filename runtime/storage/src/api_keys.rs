//! API keys, each with its service account. What must hold: key and account are made in one transaction and end in one; only the
//! secret's SHA-256 is stored, and revocation erases even that.

use factotum_model::{AccountId, AccountKind, Digest, Grants, KeyId, OrgId, Principal, Timestamp};

use crate::connection::{Row, Tx};
use crate::error::StorageError;
use crate::principal::KeyHolder;
use crate::revocations::Revocations;

/// An API key.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// Its service account.
    pub account_id: AccountId,
    /// The secret's first characters.
    pub prefix: String,
    /// Its name, and its account's.
    pub nickname: String,
    /// What it may do.
    pub grants: Grants,
    /// Who made it, by today's name.
    pub created_by: Principal,
    /// Whether that account is gone.
    pub creator_left: bool,
    /// When.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// The networks it may be used from, as CIDR texts; empty means any.
    pub allowed_networks: Vec<String>,
    /// When it was rotated out: it lives on until it expires, under a name that is free again.
    pub rotated_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// From which address.
    pub last_used_from: Option<String>,
}

/// What is needed to make a key.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// Its name, checked.
    pub nickname: String,
    /// The skeleton of the name.
    pub skeleton: String,
    /// What it may do.
    pub grants: Grants,
    /// SHA-256 of the whole key text.
    pub secret_hash: Digest,
    /// Its first characters.
    pub prefix: String,
    /// Who makes it.
    pub created_by: AccountId,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// The networks it may be used from.
    pub allowed_networks: Vec<String>,
}

const SELECT: &str = "SELECT k.id, k.account_id, k.prefix, k.nickname, k.grants, k.created_at, k.expires_at, k.allowed_networks, k.rotated_at, \
    k.revoked_at, k.last_used_at, k.last_used_from, c.id, c.kind, c.name, c.deleted_at \
    FROM api_keys k JOIN accounts c ON c.id = k.created_by AND c.org_id = k.org_id";

/// Makes a key and its service account. [`StorageError::Exists`] if an active key has a name like it.
pub async fn create(
    tx: &mut Tx,
    org: OrgId,
    new: &NewApiKey,
    now: Timestamp,
) -> Result<ApiKey, StorageError> {
    let (id, account_id) = (KeyId::random(), AccountId::random());
    tx.query("INSERT INTO accounts (id, org_id, kind, name, created_at) VALUES ($1, $2, 'api_key', $3, $4)")
        .bind(account_id.0)
        .bind(org.0)
        .bind(new.nickname.clone())
        .bind(now.as_micros())
        .execute()
        .await?;
    let written = tx
        .query(
            "INSERT INTO api_keys (id, org_id, account_id, secret_hash, prefix, nickname, skeleton, grants, created_by, created_at, \
             expires_at, allowed_networks) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(id.0)
        .bind(org.0)
        .bind(account_id.0)
        .bind(new.secret_hash.0.to_vec())
        .bind(new.prefix.clone())
        .bind(new.nickname.clone())
        .bind(new.skeleton.clone())
        .bind(serde_json::to_string(&new.grants).unwrap_or_default())
        .bind(new.created_by.0)
        .bind(now.as_micros())
        .bind(new.expires_at.map(Timestamp::as_micros))
        .bind(serde_json::to_string(&new.allowed_networks).unwrap_or_default())
        .execute()
        .await;
    match written {
        Ok(_) => {}
        // SQLite's guard says it in words, PostgreSQL's index as a unique violation.
        Err(StorageError::Refused(reason)) if reason == "nickname in use" => return Err(nickname_in_use()),
        Err(StorageError::Exists { .. }) => return Err(nickname_in_use()),
        Err(error) => return Err(error),
    }
    get(tx, org, id)
        .await?
        .ok_or_else(|| StorageError::damaged("api_keys", "the row just written is missing"))
}

fn nickname_in_use() -> StorageError {
    StorageError::Exists { what: "an active key with this nickname, or one that looks like it,".into() }
}

/// One key, active or not.
pub async fn get(tx: &mut Tx, org: OrgId, id: KeyId) -> Result<Option<ApiKey>, StorageError> {
    let row = tx
        .query_built(format!("{SELECT} WHERE k.org_id = $1 AND k.id = $2"))
        .bind(org.0)
        .bind(id.0)
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// The key of a service account.
pub async fn of_account(tx: &mut Tx, org: OrgId, account: AccountId) -> Result<Option<ApiKey>, StorageError> {
    let row = tx
        .query_built(format!("{SELECT} WHERE k.org_id = $1 AND k.account_id = $2"))
        .bind(org.0)
        .bind(account.0)
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// Which active keys a list is of.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeyFilter {
    /// Only those not used since then.
    pub unused_since: Option<Timestamp>,
    /// Only those whose maker is gone, or is not.
    pub creator_left: Option<bool>,
}

/// The active keys of an organization, newest first.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    filter: KeyFilter,
    before: Option<KeyId>,
    limit: u32,
) -> Result<Vec<ApiKey>, StorageError> {
    let rows = tx
        .query_built(format!(
            "{SELECT} WHERE k.org_id = $1 AND k.revoked_at IS NULL AND k.id < $2 \
             AND ($3 < 0 OR COALESCE(k.last_used_at, k.created_at) < $3) \
             AND ($4 < 0 OR $4 = CASE WHEN c.deleted_at IS NULL THEN 0 ELSE 1 END) ORDER BY k.id DESC LIMIT $5"
        ))
        .bind(org.0)
        .bind(before.map_or(uuid::Uuid::max(), |k| k.0))
        .bind(filter.unused_since.map_or(-1, Timestamp::as_micros))
        .bind(filter.creator_left.map_or(-1, i64::from))
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// Active keys that end by themselves before then, the first to end first: nickname and end, at most `limit`. Those that were rotated out are meant to end.
pub async fn expiring(
    tx: &mut Tx,
    org: OrgId,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<(KeyId, String, Timestamp)>, StorageError> {
    let rows = tx
        .query(
            "SELECT id, nickname, expires_at FROM api_keys WHERE org_id = $1 AND revoked_at IS NULL AND rotated_at IS NULL \
             AND expires_at < $2 ORDER BY expires_at, id LIMIT $3",
        )
        .bind(org.0)
        .bind(before.as_micros())
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(|row| Ok((row.id(0)?, row.get(1)?, row.time(2)?))).collect()
}

/// Keeps a key as it is until this transaction ends: whoever revokes or rotates it waits.
pub async fn hold(tx: &mut Tx, org: OrgId, id: KeyId) -> Result<(), StorageError> {
    tx.query("SELECT id FROM api_keys WHERE org_id = $1 AND id = $2 /*UPDATE*/")
        .bind(org.0)
        .bind(id.0)
        .fetch_optional()
        .await
        .map(drop)
}

/// Who holds the key with this hash, and how many revocations that answer knows of. A revoked key has no hash any more, so it is
/// not found here. One statement, so that a cache can tell whether the answer is older than what it has seen.
pub async fn holder(
    tx: &mut Tx,
    secret_hash: Digest,
) -> Result<(Option<KeyHolder>, Revocations), StorageError> {
    let row = tx
        .query(
            "SELECT r.seq, k.expires_at, k.id, k.prefix, k.org_id, k.account_id, k.nickname, k.grants, k.allowed_networks \
             FROM revocations r LEFT JOIN api_keys k ON k.secret_hash = $1 WHERE r.one = 1",
        )
        .bind(secret_hash.0.to_vec())
        .fetch_optional()
        .await?;
    let row = row.ok_or_else(|| StorageError::damaged("revocations", "the row is missing"))?;
    let count = row.get(0).map(Revocations)?;
    if row.get::<Option<uuid::Uuid>>(2)?.is_none() {
        return Ok((None, count));
    }
    let holder = KeyHolder {
        key_id: row.id(2)?,
        prefix: row.get(3)?,
        org_id: row.id(4)?,
        principal: Principal { id: row.id(5)?, kind: AccountKind::ApiKey, name: row.get(6)? },
        grants: row.json(7, "api_keys.grants")?,
        expires_at: row.maybe_time(1)?,
        allowed_networks: row.json(8, "api_keys.allowed_networks")?,
    };
    Ok((Some(holder), count))
}

/// Revokes a key: its secret's hash is erased and its account goes, in this transaction. Whether it was active. The caller
/// cancels its runs with [`crate::runs::cancel_account`].
pub async fn revoke(tx: &mut Tx, org: OrgId, id: KeyId, now: Timestamp) -> Result<bool, StorageError> {
    let changed = tx
        .query("UPDATE api_keys SET revoked_at = $3, secret_hash = NULL WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL")
        .bind(org.0)
        .bind(id.0)
        .bind(now.as_micros())
        .execute()
        .await?;
    Ok(changed > 0)
}

/// Rotates a key out: its nickname is free again, and it ends at `until` at the latest.
pub async fn rotate_out(
    tx: &mut Tx,
    org: OrgId,
    id: KeyId,
    until: Timestamp,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let changed = tx
        .query(
            "UPDATE api_keys SET rotated_at = $3, expires_at = CASE WHEN expires_at IS NOT NULL AND expires_at < $4 THEN expires_at ELSE $4 END \
             WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL AND rotated_at IS NULL",
        )
        .bind(org.0)
        .bind(id.0)
        .bind(now.as_micros())
        .bind(until.as_micros())
        .execute()
        .await?;
    Ok(changed > 0)
}

/// Writes down when and from where keys were last used.
pub async fn touch(tx: &mut Tx, uses: &[(KeyId, Timestamp, String)]) -> Result<(), StorageError> {
    for (id, at, from) in uses {
        tx.query("UPDATE api_keys SET last_used_at = $2, last_used_from = $3 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)")
            .bind(id.0)
            .bind(at.as_micros())
            .bind(from.clone())
            .execute()
            .await?;
    }
    Ok(())
}

/// Active keys whose time is up: to be reaped.
pub async fn expired(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<Vec<(OrgId, KeyId)>, StorageError> {
    let rows = tx
        .query("SELECT org_id, id FROM api_keys WHERE revoked_at IS NULL AND expires_at <= $1 ORDER BY id LIMIT $2")
        .bind(now.as_micros())
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(|row| Ok((row.id(0)?, row.id(1)?))).collect()
}

fn read(row: &Row) -> Result<ApiKey, StorageError> {
    let word: String = row.get(13)?;
    let kind = AccountKind::from_word(&word).ok_or_else(|| StorageError::damaged("accounts.kind", word))?;
    Ok(ApiKey {
        id: row.id(0)?,
        account_id: row.id(1)?,
        prefix: row.get(2)?,
        nickname: row.get(3)?,
        grants: row.json(4, "api_keys.grants")?,
        created_by: Principal { id: row.id(12)?, kind, name: row.get(14)? },
        creator_left: row.maybe_time(15)?.is_some(),
        created_at: row.time(5)?,
        expires_at: row.maybe_time(6)?,
        allowed_networks: row.json(7, "api_keys.allowed_networks")?,
        rotated_at: row.maybe_time(8)?,
        revoked_at: row.maybe_time(9)?,
        last_used_at: row.maybe_time(10)?,
        last_used_from: row.get(11)?,
    })
}
