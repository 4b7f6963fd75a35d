//! Organizations. What must hold: with an organization its base service account is made, in the same transaction, by the database
//! itself; built-in roles too.

use factotum_model::{AccountId, Action, Grants, OrgId, Timestamp};
use uuid::Uuid;

use crate::connection::{Row, Tx};
use crate::error::StorageError;

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrgId,
    /// Its name, for display.
    pub name: String,
    /// Its base service account.
    pub base_account: AccountId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when nothing of it is dispatched.
    pub suspended_at: Option<Timestamp>,
}

/// Makes an organization, its base account and its built-in roles Admin, Editor and Viewer.
pub async fn create(tx: &mut Tx, name: &str, now: Timestamp) -> Result<Organization, StorageError> {
    let organization = Organization {
        id: OrgId::random(),
        name: name.to_owned(),
        base_account: AccountId::random(),
        created_at: now,
        suspended_at: None,
    };
    tx.query("INSERT INTO organizations (id, name, base_account_id, created_at) VALUES ($1, $2, $3, $4)")
        .bind(organization.id.0)
        .bind(organization.name.clone())
        .bind(organization.base_account.0)
        .bind(now.as_micros())
        .execute()
        .await?;
    for (name, grants) in [("Admin", Grants::all()), ("Editor", editor()), ("Viewer", viewer())] {
        tx.query("INSERT INTO roles (id, org_id, name, grants, built_in, created_at) VALUES ($1, $2, $3, $4, 1, $5)")
            .bind(Uuid::now_v7())
            .bind(organization.id.0)
            .bind(name)
            .bind(serde_json::to_string(&grants).unwrap_or_default())
            .bind(now.as_micros())
            .execute()
            .await?;
    }
    Ok(organization)
}

/// What the built-in role Editor allows: to build and run, not to administer.
pub fn editor() -> Grants {
    let whole = ["plugins", "workflows", "triggers", "partners", "runs", "events"];
    let mine = |a: &&Action| {
        let text = a.to_string();
        let resource = text.split(':').next().unwrap_or_default().to_owned();
        whole.contains(&resource.as_str())
            || a.is_capability()
            || **a == Action::SECRETS_CREATE
            || **a == Action::SECRETS_UPDATE
    };
    Action::ALL.iter().filter(mine).map(|a| a.grant()).collect()
}

/// What the built-in role Viewer allows: to read all but the audit trail and secrets.
pub fn viewer() -> Grants {
    let mine = |a: &&Action| {
        a.to_string().ends_with(":read")
            && ![Action::AUDIT_READ, Action::SECRETS_READ, Action::KV_READ].contains(a)
    };
    Action::ALL.iter().filter(mine).map(|a| a.grant()).collect()
}

/// One organization.
pub async fn get(tx: &mut Tx, id: OrgId) -> Result<Option<Organization>, StorageError> {
    let row = tx
        .query("SELECT id, name, base_account_id, created_at, suspended_at FROM organizations WHERE id = $1")
        .bind(id.0)
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// All organizations.
pub async fn list(tx: &mut Tx) -> Result<Vec<Organization>, StorageError> {
    let rows = tx
        .query("SELECT id, name, base_account_id, created_at, suspended_at FROM organizations ORDER BY id")
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// Whether an organization has a role of this name.
pub async fn has_role(tx: &mut Tx, id: OrgId, role: &str) -> Result<bool, StorageError> {
    let sql = "SELECT id FROM roles WHERE org_id = $1 AND name = $2";
    Ok(tx.query(sql).bind(id.0).bind(role.to_owned()).fetch_optional().await?.is_some())
}

/// The base service account of an organization that is there.
pub async fn base_account(tx: &mut Tx, id: OrgId) -> Result<AccountId, StorageError> {
    let row = tx
        .query("SELECT base_account_id FROM organizations WHERE id = $1")
        .bind(id.0)
        .fetch_optional()
        .await?;
    row.map_or_else(|| Err(StorageError::damaged("organizations", "missing")), |row| row.id(0))
}

fn read(row: &Row) -> Result<Organization, StorageError> {
    Ok(Organization {
        id: row.id(0)?,
        name: row.get(1)?,
        base_account: row.id(2)?,
        created_at: row.time(3)?,
        suspended_at: row.maybe_time(4)?,
    })
}
