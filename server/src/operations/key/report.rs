//! Everything that one key did, for the day it leaks. What must hold: it is bounded however much that is, it covers keys that were revoked
//! or rotated out, and who asks for it is on the record before the answer.

use factotum_model::audit::{AuditEntry, AuditOutcome, Target};
use factotum_model::{Action, OrgId};
use factotum_storage::Tx;
use factotum_storage::api_keys::ApiKey;
use factotum_storage::audit_entries::{self, AuditFilter};
use factotum_storage::audit_search::report::{Activity, activity};

use super::find;
use super::read::last_used;
use crate::operations::{Caller, OperationError, Services};

/// How many entries of a kind are given one by one, the newest.
pub const MAX_ENTRIES: u32 = 50;

/// What is known of a key.
#[derive(Debug)]
pub struct KeyReport {
    /// The key.
    pub key: ApiKey,
    /// What its account did, counted.
    pub activity: Activity,
    /// Runs that it started or repeated: the newest entries.
    pub runs: Vec<AuditEntry>,
    /// What it was refused: the newest.
    pub denied: Vec<AuditEntry>,
    /// What was done to the key itself: made, rotated, revoked, tried.
    pub history: Vec<AuditEntry>,
}

/// The report.
pub async fn report(services: &Services, caller: &Caller, id: &str) -> Result<KeyReport, OperationError> {
    let target = Target::new("api_key", id);
    caller.allowed(services, "api_key.report", Action::AUDIT_READ, None, Some(target)).await?;
    let mut tx = services.storage.read().await?;
    let mut key = find(&mut tx, caller.org_id, id).await?;
    last_used(services, &mut key);
    let activity = activity(&mut tx, caller.org_id, key.account_id).await?;
    let of_account = AuditFilter { account: Some(key.account_id), ..AuditFilter::default() };
    let started = AuditFilter {
        action: Some("workflow.run".into()),
        outcome: Some(AuditOutcome::Ok),
        ..of_account.clone()
    };
    let runs = newest(&mut tx, caller.org_id, &started).await?;
    let denied = AuditFilter { outcome: Some(AuditOutcome::Denied), ..of_account };
    let denied = newest(&mut tx, caller.org_id, &denied).await?;
    let history = history(&mut tx, caller.org_id, &key).await?;
    drop(tx);
    let mut entry = caller.entry(services.now(), "api_key.report", AuditOutcome::Ok);
    entry.permission = Some(Action::AUDIT_READ.to_string());
    entry.targets = vec![Target::named("api_key", key.id, &key.nickname)];
    services.storage.journal().record(entry).await?;
    Ok(KeyReport { key, activity, runs, denied, history })
}

/// A rotation stands under the new key, and names the old one among what it changed.
async fn history(tx: &mut Tx, org: OrgId, key: &ApiKey) -> Result<Vec<AuditEntry>, OperationError> {
    let id = key.id.to_string();
    let done_to = AuditFilter { target: Some(id.clone()), ..AuditFilter::default() };
    let mut all = newest(tx, org, &done_to).await?;
    if key.rotated_at.is_some() {
        let replaced =
            AuditFilter { action: Some("api_key.rotate".into()), text: Some(id), ..AuditFilter::default() };
        all.extend(newest(tx, org, &replaced).await?);
    }
    all.sort_by_key(|entry| std::cmp::Reverse(entry.id));
    all.dedup_by(|a, b| a.id == b.id);
    all.truncate(MAX_ENTRIES as usize);
    Ok(all)
}

async fn newest(tx: &mut Tx, org: OrgId, filter: &AuditFilter) -> Result<Vec<AuditEntry>, OperationError> {
    Ok(audit_entries::list(tx, org, filter, None, MAX_ENTRIES).await?)
}
