//! Who belongs to an organization, and with which roles. What must hold: changes of members and roles take turns, so that two of them cannot
//! together do what neither could alone: leave an organization without an Admin.

use factotum_model::{AccountId, Grants, OrgId, PersonId, RoleId, Timestamp};

use crate::connection::Tx;
use crate::dialect;
use crate::error::StorageError;

/// Waits until no other transaction changes this organization's members or roles, and keeps others waiting until this one ends. It comes
/// first in the transaction: whoever waits here holds no row that the other needs.
pub async fn take_turn(tx: &mut Tx, org: OrgId) -> Result<(), StorageError> {
    let Some(sql) = dialect::turn(tx.backend()) else { return Ok(()) };
    // The random half of the id. Two organizations that share it wait for each other, no more.
    let number = org.0.as_u64_pair().1 as i64;
    tx.query(sql).bind(number).execute().await.map(drop)
}

/// The members whose roles add up to `*:*`: there must always be one.
pub async fn admins(tx: &mut Tx, org: OrgId) -> Result<Vec<AccountId>, StorageError> {
    let rows = tx
        .query(
            "SELECT m.account_id, r.grants FROM role_members m JOIN roles r ON r.org_id = m.org_id AND r.id = m.role_id \
             JOIN accounts a ON a.id = m.account_id AND a.deleted_at IS NULL \
             WHERE m.org_id = $1 AND r.grants LIKE '%*:*%' ORDER BY m.account_id",
        )
        .bind(org.0)
        .fetch_all()
        .await?;
    let mut admins = Vec::new();
    for row in rows {
        // No two grants make a third: whoever may do everything has one role that says so.
        if row.json::<Grants>(1, "roles.grants")?.cover(&Grants::all()) {
            admins.push(row.id(0)?);
        }
    }
    admins.dedup();
    Ok(admins)
}

/// Makes a person a member of an organization. [`StorageError::Exists`] or [`StorageError::Refused`] if they are one.
pub async fn create(
    tx: &mut Tx,
    org: OrgId,
    person: PersonId,
    name: &str,
    roles: &[RoleId],
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
    for role in roles {
        give(tx, org, account, *role).await?;
    }
    Ok(account)
}

/// Sets a member's roles. [`StorageError::Refused`] if the account is no member's or a role is another organization's.
pub async fn set_roles(
    tx: &mut Tx,
    org: OrgId,
    account: AccountId,
    roles: &[RoleId],
) -> Result<(), StorageError> {
    let rows = tx
        .query("SELECT role_id FROM role_members WHERE org_id = $1 AND account_id = $2")
        .bind(org.0)
        .bind(account.0)
        .fetch_all()
        .await?;
    let had: Vec<RoleId> = rows.iter().map(|row| row.id(0)).collect::<Result<_, _>>()?;
    for role in had.iter().filter(|role| !roles.contains(role)) {
        tx.query("DELETE FROM role_members WHERE org_id = $1 AND account_id = $2 AND role_id = $3")
            .bind(org.0)
            .bind(account.0)
            .bind(role.0)
            .execute()
            .await?;
    }
    for role in roles.iter().filter(|role| !had.contains(role)) {
        give(tx, org, account, *role).await?;
    }
    Ok(())
}

async fn give(tx: &mut Tx, org: OrgId, account: AccountId, role: RoleId) -> Result<(), StorageError> {
    tx.query("INSERT INTO role_members (org_id, role_id, account_id) VALUES ($1, $2, $3)")
        .bind(org.0)
        .bind(role.0)
        .bind(account.0)
        .execute()
        .await
        .map(drop)
}

/// Removes a member: the account becomes a tombstone, and the database ends its sessions and roles. Whether it was there. The caller cancels
/// its runs with [`crate::runs::cancel_account`].
pub async fn remove(
    tx: &mut Tx,
    org: OrgId,
    account: AccountId,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let changed = tx
        .query("UPDATE accounts SET deleted_at = $3 WHERE org_id = $1 AND id = $2 AND kind = 'member' AND deleted_at IS NULL")
        .bind(org.0)
        .bind(account.0)
        .bind(now.as_micros())
        .execute()
        .await?;
    Ok(changed > 0)
}
