//! People and their memberships. What must hold: a person is known by e-mail once, and belongs to an organization through a
//! member account with roles.

use factotum_model::{AccountId, OrgId, PersonId, Timestamp};

use crate::connection::Tx;
use crate::error::StorageError;

/// The person with this e-mail address, made if there is none.
pub async fn find_or_create(
    tx: &mut Tx,
    email: &str,
    name: &str,
    now: Timestamp,
) -> Result<PersonId, StorageError> {
    let email = email.trim().to_lowercase();
    tx.query("INSERT INTO people (id, email, name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (email) DO NOTHING")
        .bind(PersonId::random().0)
        .bind(email.clone())
        .bind(name.to_owned())
        .bind(now.as_micros())
        .execute()
        .await?;
    let row = tx.query("SELECT id FROM people WHERE email = $1").bind(email).fetch_optional().await?;
    row.map_or_else(
        || Err(StorageError::damaged("people", "the row just written is missing")),
        |row| row.id(0),
    )
}

/// Sets a person's password, hashed already (PHC string).
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

/// Makes a person a member of an organization, with one role by name.
pub async fn add_member(
    tx: &mut Tx,
    org: OrgId,
    person: PersonId,
    name: &str,
    role: &str,
    now: Timestamp,
) -> Result<AccountId, StorageError> {
    let account = AccountId::random();
    tx.query("INSERT INTO accounts (id, org_id, kind, name, person_id, created_at) VALUES ($1, $2, 'member', $3, $4, $5)")
        .bind(account.0)
        .bind(org.0)
        .bind(name.to_owned())
        .bind(person.0)
        .bind(now.as_micros())
        .execute()
        .await?;
    let given = tx
        .query("INSERT INTO role_members (org_id, role_id, account_id) SELECT org_id, id, $2 FROM roles WHERE org_id = $1 AND name = $3")
        .bind(org.0)
        .bind(account.0)
        .bind(role.to_owned())
        .execute()
        .await?;
    if given == 0 {
        return Err(StorageError::Refused(format!("there is no role `{role}` in the organization")));
    }
    Ok(account)
}
