//! The kill switch: nothing of a suspended account or organization is dispatched; queued work waits. What must hold: the
//! runs that wait are marked in the same transaction, so that no claim finds them; what comes up again is asked about its
//! workflow's limit anew, since places may have become free while it waited for two reasons.

use factotum_model::{AccountId, OrgId, Timestamp};

use crate::claim::{PARKED_ACCOUNT, PARKED_CONCURRENCY, PARKED_ORG};
use crate::connection::Tx;
use crate::error::StorageError;

/// Suspends an account; whether it was not suspended before.
pub async fn suspend_account(
    tx: &mut Tx,
    org: OrgId,
    account: AccountId,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let changed = tx
        .query(
            "INSERT INTO suspensions (account_id, org_id, suspended_at) SELECT id, org_id, $3 FROM accounts \
             WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL ON CONFLICT (account_id) DO NOTHING",
        )
        .bind(account.0)
        .bind(org.0)
        .bind(now.as_micros())
        .execute()
        .await?;
    tx.query(
        "UPDATE ready SET parked = parked | $2 WHERE account_id = $1 AND org_id = $3 AND parked & $2 = 0",
    )
    .bind(account.0)
    .bind(PARKED_ACCOUNT)
    .bind(org.0)
    .execute()
    .await?;
    Ok(changed > 0)
}

/// Ends an account's suspension; whether there was one.
pub async fn resume_account(tx: &mut Tx, account: AccountId) -> Result<bool, StorageError> {
    // First the row that whoever parks a run holds meanwhile, so that no parked run is overlooked.
    tx.query("SELECT id FROM accounts WHERE id = $1 /*UPDATE*/").bind(account.0).fetch_optional().await?;
    let changed = tx.query("DELETE FROM suspensions WHERE account_id = $1").bind(account.0).execute().await?;
    tx.query("UPDATE ready SET parked = (parked - $2) & $3 WHERE account_id = $1 AND parked <> 0 AND parked & $2 <> 0")
        .bind(account.0)
        .bind(PARKED_ACCOUNT)
        .bind(!PARKED_CONCURRENCY)
        .execute()
        .await?;
    Ok(changed > 0)
}

/// Suspends an organization; whether it was not suspended before.
pub async fn suspend_org(tx: &mut Tx, org: OrgId, now: Timestamp) -> Result<bool, StorageError> {
    // The waiting runs first, as a claim takes them; what comes in meanwhile is parked when it is claimed.
    tx.query("UPDATE ready SET parked = parked | $2 WHERE org_id = $1 AND parked & $2 = 0")
        .bind(org.0)
        .bind(PARKED_ORG)
        .execute()
        .await?;
    let changed = tx
        .query("UPDATE organizations SET suspended_at = $2 WHERE id = $1 AND suspended_at IS NULL")
        .bind(org.0)
        .bind(now.as_micros())
        .execute()
        .await?;
    Ok(changed > 0)
}

/// Ends an organization's suspension; whether there was one.
pub async fn resume_org(tx: &mut Tx, org: OrgId) -> Result<bool, StorageError> {
    let changed = tx
        .query("UPDATE organizations SET suspended_at = NULL WHERE id = $1 AND suspended_at IS NOT NULL")
        .bind(org.0)
        .execute()
        .await?;
    tx.query(
        "UPDATE ready SET parked = (parked - $2) & $3 WHERE org_id = $1 AND parked <> 0 AND parked & $2 <> 0",
    )
    .bind(org.0)
    .bind(PARKED_ORG)
    .bind(!PARKED_CONCURRENCY)
    .execute()
    .await?;
    Ok(changed > 0)
}
