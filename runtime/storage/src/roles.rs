//! Roles: named sets of grants that members hold. What must hold: the built-in ones are immutable, which the database sees to as well; a role
//! that somebody has, or is invited to, is not deleted.

use factotum_model::{AccountId, Grants, OrgId, RoleId, Timestamp};

use crate::connection::{Row, Tx};
use crate::error::StorageError;

/// A role.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// Its name, one of a kind in the organization.
    pub name: String,
    /// What it allows.
    pub grants: Grants,
    /// Whether it came with the organization.
    pub built_in: bool,
    /// Since when it is there.
    pub created_at: Timestamp,
    /// How many members have it.
    pub members: u64,
}

const COLUMNS: &str = "r.id, r.name, r.grants, r.built_in, r.created_at, \
    (SELECT count(*) FROM role_members m WHERE m.org_id = r.org_id AND m.role_id = r.id)";

/// The roles of an organization, oldest first, at most `limit` after `after`.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    after: Option<RoleId>,
    limit: u32,
) -> Result<Vec<Role>, StorageError> {
    let rows = tx
        .query_built(format!(
            "SELECT {COLUMNS} FROM roles r WHERE r.org_id = $1 AND r.id > $2 ORDER BY r.id LIMIT $3"
        ))
        .bind(org.0)
        .bind(after.map_or(uuid::Uuid::nil(), |r| r.0))
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// One role.
pub async fn get(tx: &mut Tx, org: OrgId, id: RoleId) -> Result<Option<Role>, StorageError> {
    let row = tx
        .query_built(format!("SELECT {COLUMNS} FROM roles r WHERE r.org_id = $1 AND r.id = $2"))
        .bind(org.0)
        .bind(id.0)
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// The roles that an account has, by name.
pub async fn of_account(tx: &mut Tx, org: OrgId, account: AccountId) -> Result<Vec<Role>, StorageError> {
    let rows = tx
        .query_built(format!(
            "SELECT {COLUMNS} FROM role_members h JOIN roles r ON r.org_id = h.org_id AND r.id = h.role_id \
             WHERE h.org_id = $1 AND h.account_id = $2 ORDER BY r.name"
        ))
        .bind(org.0)
        .bind(account.0)
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// Makes a role. [`StorageError::Exists`] if there is one of this name.
pub async fn create(
    tx: &mut Tx,
    org: OrgId,
    name: &str,
    grants: &Grants,
    now: Timestamp,
) -> Result<Role, StorageError> {
    let id = RoleId::random();
    tx.query(
        "INSERT INTO roles (id, org_id, name, grants, built_in, created_at) VALUES ($1, $2, $3, $4, 0, $5)",
    )
    .bind(id.0)
    .bind(org.0)
    .bind(name.to_owned())
    .bind(serde_json::to_string(grants).unwrap_or_default())
    .bind(now.as_micros())
    .execute()
    .await?;
    Ok(Role {
        id,
        name: name.to_owned(),
        grants: grants.clone(),
        built_in: false,
        created_at: now,
        members: 0,
    })
}

/// Renames a role and sets its grants; whether it was there. [`StorageError::Refused`] if it is built in.
pub async fn update(
    tx: &mut Tx,
    org: OrgId,
    id: RoleId,
    name: &str,
    grants: &Grants,
) -> Result<bool, StorageError> {
    let changed = tx
        .query("UPDATE roles SET name = $3, grants = $4 WHERE org_id = $1 AND id = $2")
        .bind(org.0)
        .bind(id.0)
        .bind(name.to_owned())
        .bind(serde_json::to_string(grants).unwrap_or_default())
        .execute()
        .await?;
    Ok(changed > 0)
}

/// Deletes a role; whether it was there. [`StorageError::Refused`] if it is built in or somebody has it.
pub async fn delete(tx: &mut Tx, org: OrgId, id: RoleId) -> Result<bool, StorageError> {
    let sql = "DELETE FROM roles WHERE org_id = $1 AND id = $2";
    Ok(tx.query(sql).bind(org.0).bind(id.0).execute().await? > 0)
}

fn read(row: &Row) -> Result<Role, StorageError> {
    Ok(Role {
        id: row.id(0)?,
        name: row.get(1)?,
        grants: row.json(2, "roles.grants")?,
        built_in: row.get::<i64>(3)? == 1,
        created_at: row.time(4)?,
        members: row.get::<i64>(5)?.unsigned_abs(),
    })
}
