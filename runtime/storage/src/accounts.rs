//! Accounts as Settings → Members lists them. What must hold: a deleted account is in no list; service accounts only come
//! when asked for.

use factotum_model::{AccountId, AccountKind, Grants, KeyId, OrgId, PersonId, Principal, Timestamp};

use crate::connection::{Row, Tx};
use crate::error::StorageError;
pub use crate::principal::KeyHolder;
use crate::principal::{Keys, maybe};

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Who.
    pub principal: Principal,
    /// Since when.
    pub created_at: Timestamp,
    /// Since when nothing of it is dispatched.
    pub suspended_at: Option<Timestamp>,
    /// The names of its roles; a service account has none.
    pub roles: Vec<String>,
    /// Its person's e-mail address; a service account has none.
    pub email: Option<String>,
    /// The API key that it belongs to, if it is a key's.
    pub key: Option<KeyId>,
}

const SELECT: &str = "SELECT a.id, a.kind, a.name, a.created_at, s.suspended_at, p.email, k.id FROM accounts a \
    LEFT JOIN suspensions s ON s.account_id = a.id LEFT JOIN people p ON p.id = a.person_id LEFT JOIN api_keys k ON k.account_id = a.id";

/// The live accounts of an organization, oldest first, at most `limit` after `after`.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    service: bool,
    after: Option<AccountId>,
    limit: u32,
) -> Result<Vec<Account>, StorageError> {
    let rows = tx
        .query_built(format!(
            "{SELECT} WHERE a.org_id = $1 AND a.deleted_at IS NULL AND a.id > $2 AND (a.kind = 'member' OR $3 = 1) ORDER BY a.id LIMIT $4"
        ))
        .bind(org.0)
        .bind(after.map_or(uuid::Uuid::nil(), |a| a.0))
        .bind(i64::from(service))
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    let mut accounts = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    for account in accounts.iter_mut().filter(|a| a.principal.kind == AccountKind::Member) {
        account.roles = roles(tx, org, account.principal.id).await?;
    }
    Ok(accounts)
}

/// One live account.
pub async fn get(tx: &mut Tx, org: OrgId, id: AccountId) -> Result<Option<Account>, StorageError> {
    let row = tx
        .query_built(format!("{SELECT} WHERE a.org_id = $1 AND a.id = $2 AND a.deleted_at IS NULL"))
        .bind(org.0)
        .bind(id.0)
        .fetch_optional()
        .await?;
    let Some(mut account) = row.as_ref().map(read).transpose()? else { return Ok(None) };
    account.roles = roles(tx, org, id).await?;
    Ok(Some(account))
}

/// A person's account in an organization.
#[derive(Debug, Clone)]
pub struct Membership {
    /// The account.
    pub principal: Principal,
    /// Whether it was removed; of several, the last.
    pub removed: bool,
}

/// A person's account in an organization: the live one, else the one that was removed last.
pub async fn of_person(
    tx: &mut Tx,
    org: OrgId,
    person: PersonId,
) -> Result<Option<Membership>, StorageError> {
    let row = tx
        .query(
            "SELECT id, name, deleted_at FROM accounts WHERE org_id = $1 AND person_id = $2 \
             ORDER BY CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END, id DESC LIMIT 1",
        )
        .bind(org.0)
        .bind(person.0)
        .fetch_optional()
        .await?;
    row.map(|row| {
        Ok(Membership {
            principal: Principal { id: row.id(0)?, kind: AccountKind::Member, name: row.get(1)? },
            removed: row.get::<Option<i64>>(2)?.is_some(),
        })
    })
    .transpose()
}

/// The live service account of a key with this nickname, by [skeleton](factotum_model::nickname::check_nickname).
pub async fn of_nickname(tx: &mut Tx, org: OrgId, skeleton: &str) -> Result<Option<Principal>, StorageError> {
    let row = tx
        .query(
            "SELECT a.id, a.name FROM api_keys k JOIN accounts a ON a.id = k.account_id AND a.deleted_at IS NULL \
             WHERE k.org_id = $1 AND k.skeleton = $2 AND k.revoked_at IS NULL ORDER BY k.id DESC LIMIT 1",
        )
        .bind(org.0)
        .bind(skeleton.to_owned())
        .fetch_optional()
        .await?;
    row.map(|row| Ok(Principal { id: row.id(0)?, kind: AccountKind::ApiKey, name: row.get(1)? })).transpose()
}

/// What an account may do now, read in this transaction; `None` if it may not act. Locks a key's row until the end.
pub async fn effective_grants(
    tx: &mut Tx,
    org: OrgId,
    id: AccountId,
    now: Timestamp,
) -> Result<Option<Grants>, StorageError> {
    Ok(crate::principal::live_account(tx, org, id, now, Keys::Held).await?.map(|a| a.grants))
}

/// What an account may do as it is now, if it is there: for who only reads, and makes no revocation wait.
pub async fn grants_now(
    tx: &mut Tx,
    org: OrgId,
    id: AccountId,
    now: Timestamp,
) -> Result<Option<Grants>, StorageError> {
    Ok(crate::principal::live_account(tx, org, id, now, Keys::Seen).await?.map(|a| a.grants))
}

async fn roles(tx: &mut Tx, org: OrgId, id: AccountId) -> Result<Vec<String>, StorageError> {
    let rows = tx
        .query("SELECT r.name FROM role_members m JOIN roles r ON r.org_id = m.org_id AND r.id = m.role_id WHERE m.org_id = $1 AND m.account_id = $2 ORDER BY r.name")
        .bind(org.0)
        .bind(id.0)
        .fetch_all()
        .await?;
    rows.iter().map(|row| row.get(0)).collect()
}

fn read(row: &Row) -> Result<Account, StorageError> {
    let kind: String = row.get(1)?;
    Ok(Account {
        principal: Principal {
            id: row.id(0)?,
            kind: AccountKind::from_word(&kind)
                .ok_or_else(|| StorageError::damaged("accounts.kind", kind))?,
            name: row.get(2)?,
        },
        created_at: row.time(3)?,
        suspended_at: row.maybe_time(4)?,
        roles: Vec::new(),
        email: row.get(5)?,
        key: maybe(row.get(6)?),
    })
}
