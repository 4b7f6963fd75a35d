//! People and their memberships. What must hold: a person is known by e-mail once, and belongs to an organization through a
//! member account with roles.

use factotum_model::{AccountId, AccountKind, OrgId, PersonId, Principal, Timestamp};

use crate::connection::{Row, Tx};
use crate::error::StorageError;
use crate::members;

/// The person with this e-mail address, made if there is none.
pub async fn find_or_create(
    tx: &mut Tx,
    email: &str,
    name: &str,
    now: Timestamp,
) -> Result<PersonId, StorageError> {
    if let Some(made) = create(tx, email, name, now).await? {
        return Ok(made);
    }
    let known = by_email(tx, email).await?;
    known.ok_or_else(|| StorageError::damaged("people", "an address is taken by nobody"))
}

/// Makes a person; `None` if there is one with this e-mail address, whoever made them.
pub async fn create(
    tx: &mut Tx,
    email: &str,
    name: &str,
    now: Timestamp,
) -> Result<Option<PersonId>, StorageError> {
    let id = PersonId::random();
    let made = tx
        .query("INSERT INTO people (id, email, name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (email) DO NOTHING")
        .bind(id.0)
        .bind(email.trim().to_lowercase())
        .bind(name.to_owned())
        .bind(now.as_micros())
        .execute()
        .await?;
    Ok((made > 0).then_some(id))
}

/// The person with this e-mail address.
pub async fn by_email(tx: &mut Tx, email: &str) -> Result<Option<PersonId>, StorageError> {
    let email = email.trim().to_lowercase();
    let row = tx.query("SELECT id FROM people WHERE email = $1").bind(email).fetch_optional().await?;
    row.map(|row| row.id(0)).transpose()
}

/// A person's membership of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The organization.
    pub org_id: OrgId,
    /// Its name.
    pub org_name: String,
    /// The person's account there.
    pub principal: Principal,
}

/// The organizations that a person is a member of, in the order of joining. Without a person there are none, at the same cost.
pub async fn memberships(tx: &mut Tx, person: Option<PersonId>) -> Result<Vec<Membership>, StorageError> {
    let rows = tx
        .query(
            "SELECT a.org_id, o.name, a.id, a.name FROM accounts a JOIN organizations o ON o.id = a.org_id \
             WHERE a.person_id = $1 AND a.deleted_at IS NULL ORDER BY a.created_at, a.id",
        )
        .bind(person.map_or(uuid::Uuid::nil(), |person| person.0))
        .fetch_all()
        .await?;
    let read = |row: &Row| {
        let principal = Principal { id: row.id(2)?, kind: AccountKind::Member, name: row.get(3)? };
        Ok(Membership { org_id: row.id(0)?, org_name: row.get(1)?, principal })
    };
    rows.iter().map(read).collect()
}

/// Gives a member a role by name, unless they have it; whether they had not.
pub async fn give_role(
    tx: &mut Tx,
    org: OrgId,
    account: AccountId,
    role: &str,
) -> Result<bool, StorageError> {
    let given = tx
        .query(
            "INSERT INTO role_members (org_id, role_id, account_id) SELECT r.org_id, r.id, $2 FROM roles r WHERE r.org_id = $1 AND r.name = $3 \
             AND NOT EXISTS (SELECT 1 FROM role_members m WHERE m.org_id = r.org_id AND m.role_id = r.id AND m.account_id = $2)",
        )
        .bind(org.0)
        .bind(account.0)
        .bind(role.to_owned())
        .execute()
        .await?;
    Ok(given > 0)
}

/// Makes a person a member of an organization, with one role by name.
pub async fn add_member(
    tx: &mut Tx,
    org: OrgId,
    person: PersonId,
    name: &str,
    role: &str,
    now: Timestamp,
) -> Result<AccountId, StorageError> {
    let account = members::create(tx, org, person, name, &[], now).await?;
    if !give_role(tx, org, account, role).await? {
        return Err(StorageError::Refused(format!("there is no role `{role}` in the organization")));
    }
    Ok(account)
}

/// The e-mail address of a member; none of a service account or of somebody who left.
pub async fn email_of(tx: &mut Tx, org: OrgId, account: AccountId) -> Result<Option<String>, StorageError> {
    let row = tx
        .query(
            "SELECT p.email FROM accounts a JOIN people p ON p.id = a.person_id WHERE a.org_id = $1 AND a.id = $2 AND a.deleted_at IS NULL",
        )
        .bind(org.0)
        .bind(account.0)
        .fetch_optional()
        .await?;
    row.map(|row| row.get(0)).transpose()
}
