//! Views of the audit trail that people saved: filters under a name, each person's own in an organization. What must hold: names are unique per person; there are
//! no more than [`MOST`] of one person.

use factotum_model::{AccountId, OrgId, Timestamp};

use crate::connection::Tx;
use crate::error::StorageError;

/// How many one person may have in an organization.
pub const MOST: usize = 50;

/// A saved view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedView {
    /// What its owner calls it.
    pub name: String,
    /// The filters, as the query of a URL.
    pub query: String,
}

/// What came of saving one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is there.
    Done,
    /// There is one with this name.
    NameTaken,
    /// There are [`MOST`] already.
    TooMany,
}

/// Saves one.
pub async fn create(
    tx: &mut Tx,
    org: OrgId,
    account: AccountId,
    view: &SavedView,
    now: Timestamp,
) -> Result<Saved, StorageError> {
    // One after another, so that two at once do not make one too many.
    tx.query("SELECT id FROM accounts WHERE org_id = $1 AND id = $2 /*UPDATE*/")
        .bind(org.0)
        .bind(account.0)
        .fetch_optional()
        .await?;
    let all = list(tx, org, account).await?;
    if all.iter().any(|other| other.name == view.name) {
        return Ok(Saved::NameTaken);
    }
    if all.len() >= MOST {
        return Ok(Saved::TooMany);
    }
    tx.query(
        "INSERT INTO saved_views (org_id, account_id, name, query, created_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(org.0)
    .bind(account.0)
    .bind(view.name.clone())
    .bind(view.query.clone())
    .bind(now.as_micros())
    .execute()
    .await?;
    Ok(Saved::Done)
}

/// Those of one person, by name.
pub async fn list(tx: &mut Tx, org: OrgId, account: AccountId) -> Result<Vec<SavedView>, StorageError> {
    let rows = tx
        .query("SELECT name, query FROM saved_views WHERE org_id = $1 AND account_id = $2 ORDER BY name LIMIT $3")
        .bind(org.0)
        .bind(account.0)
        .bind(MOST as i64)
        .fetch_all()
        .await?;
    rows.iter().map(|row| Ok(SavedView { name: row.get(0)?, query: row.get(1)? })).collect()
}

/// Deletes one; whether it was there.
pub async fn delete(tx: &mut Tx, org: OrgId, account: AccountId, name: &str) -> Result<bool, StorageError> {
    let gone = tx
        .query("DELETE FROM saved_views WHERE org_id = $1 AND account_id = $2 AND name = $3")
        .bind(org.0)
        .bind(account.0)
        .bind(name.to_owned())
        .execute()
        .await?;
    Ok(gone > 0)
}
