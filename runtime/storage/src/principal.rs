//! What an account may do now, and whether a workflow may run as it now: read inside the transaction that relies on it.
//! What must hold: a revoked or expired key, a deleted account or a deleted workflow yields no run, whatever any cache
//! says.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use factotum_model::{
    AccountId, AccountKind, Digest, Grants, KeyId, OrgId, Principal, Timestamp, TriggerId, WorkflowId,
};
use uuid::Uuid;

use crate::connection::Tx;
use crate::error::StorageError;

/// An account as it is now.
#[derive(Debug, Clone)]
pub(crate) struct LiveAccount {
    pub(crate) principal: Principal,
    pub(crate) grants: Grants,
    pub(crate) suspended: bool,
}

/// A workflow as it is now.
#[derive(Debug, Clone)]
pub(crate) struct LiveWorkflow {
    pub(crate) name: String,
    pub(crate) version: i64,
    pub(crate) grants: Grants,
    pub(crate) concurrency: Option<i64>,
    pub(crate) digest: Digest,
    pub(crate) paused: bool,
    pub(crate) org_suspended: bool,
}

/// A trigger as it is now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LiveTrigger {
    pub(crate) paused: bool,
}

/// What one transaction has looked up: each thing once, under the organization that asked for it.
pub(crate) struct Live {
    keys: Keys,
    accounts: HashMap<(OrgId, AccountId), Option<LiveAccount>>,
    workflows: HashMap<(OrgId, WorkflowId), Option<LiveWorkflow>>,
    triggers: HashMap<(WorkflowId, TriggerId), Option<LiveTrigger>>,
}

/// How the rows that a principal's grants stand in are read: a key's, or a member's roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// A revocation waits until this transaction ends.
    Held,
    /// As it is. Enough for a claim: it holds rows of `ready` already, for which a revocation waits that holds the key's, so
    /// it must not wait for the key's row; and that revocation finds the lease right after.
    Seen,
}

impl Live {
    pub(crate) fn new(keys: Keys) -> Self {
        Self { keys, accounts: HashMap::new(), workflows: HashMap::new(), triggers: HashMap::new() }
    }

    /// The account, if it may act now.
    pub(crate) async fn account(
        &mut self,
        tx: &mut Tx,
        org: OrgId,
        id: AccountId,
        now: Timestamp,
    ) -> Result<Option<&LiveAccount>, StorageError> {
        let found = match self.accounts.entry((org, id)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(live_account(tx, org, id, now, self.keys).await?),
        };
        Ok(found.as_ref())
    }

    /// The workflow, if it is there.
    pub(crate) async fn workflow(
        &mut self,
        tx: &mut Tx,
        org: OrgId,
        id: WorkflowId,
    ) -> Result<Option<&LiveWorkflow>, StorageError> {
        let found = match self.workflows.entry((org, id)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(live_workflow(tx, org, id).await?),
        };
        Ok(found.as_ref())
    }

    /// Reads many triggers at once: a batch of schedules has another one for each run.
    pub(crate) async fn triggers(
        &mut self,
        tx: &mut Tx,
        wanted: impl Iterator<Item = (WorkflowId, TriggerId)>,
    ) -> Result<(), StorageError> {
        let wanted: std::collections::BTreeSet<_> =
            wanted.filter(|pair| !self.triggers.contains_key(pair)).collect();
        if wanted.len() < 2 {
            return Ok(());
        }
        let wanted: Vec<_> = wanted.into_iter().collect();
        let rows = tx
            .insert_rows(
                "SELECT t.workflow_id, t.id, t.paused_at FROM (VALUES {rows}) AS v CROSS JOIN triggers t \
                 WHERE t.id = v.column1 AND t.deleted_at IS NULL",
                1,
                &wanted,
                |s, (_, id)| s.bind(id.0),
            )
            .await?;
        self.triggers.extend(wanted.into_iter().map(|pair| (pair, None)));
        for row in &rows {
            let found = LiveTrigger { paused: row.get::<Option<i64>>(2)?.is_some() };
            // One of another workflow is none of those that were asked for.
            if let Some(trigger) = self.triggers.get_mut(&(row.id(0)?, row.id(1)?)) {
                *trigger = Some(found);
            }
        }
        Ok(())
    }

    /// The trigger, if it is there and belongs to the workflow.
    pub(crate) async fn trigger(
        &mut self,
        tx: &mut Tx,
        workflow: WorkflowId,
        id: TriggerId,
    ) -> Result<Option<LiveTrigger>, StorageError> {
        if let Some(found) = self.triggers.get(&(workflow, id)) {
            return Ok(*found);
        }
        let row = tx
            .query("SELECT paused_at FROM triggers WHERE id = $1 AND workflow_id = $2 AND deleted_at IS NULL")
            .bind(id.0)
            .bind(workflow.0)
            .fetch_optional()
            .await?;
        let found = row.map(|row| row.get::<Option<i64>>(0)).transpose()?;
        let found = found.map(|paused| LiveTrigger { paused: paused.is_some() });
        self.triggers.insert((workflow, id), found);
        Ok(found)
    }
}

/// The grants an account holds now; `None` if it may not act: deleted, revoked, expired, of another organization.
pub(crate) async fn live_account(
    tx: &mut Tx,
    org: OrgId,
    id: AccountId,
    now: Timestamp,
    keys: Keys,
) -> Result<Option<LiveAccount>, StorageError> {
    let row = tx
        .query(
            "SELECT a.kind, a.name, s.suspended_at FROM accounts a LEFT JOIN suspensions s ON s.account_id = a.id \
             WHERE a.id = $1 AND a.org_id = $2 AND a.deleted_at IS NULL",
        )
        .bind(id.0)
        .bind(org.0)
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(None) };
    let word: String = row.get(0)?;
    let kind = AccountKind::from_word(&word).ok_or_else(|| StorageError::damaged("accounts.kind", word))?;
    let principal = Principal { id, kind, name: row.get(1)? };
    let suspended = row.get::<Option<i64>>(2)?.is_some() && still_suspended(tx, id).await?;
    let grants = match kind {
        AccountKind::Base => Grants::all(),
        AccountKind::Member => member_grants(tx, org, id, keys).await?,
        AccountKind::ApiKey => {
            let sql = match keys {
                Keys::Held => {
                    "SELECT grants, expires_at FROM api_keys WHERE account_id = $1 AND revoked_at IS NULL /*SHARE*/"
                }
                Keys::Seen => {
                    "SELECT grants, expires_at FROM api_keys WHERE account_id = $1 AND revoked_at IS NULL"
                }
            };
            let row = tx.query(sql).bind(id.0).fetch_optional().await?;
            let Some(row) = row else { return Ok(None) };
            if row.maybe_time(1)?.is_some_and(|at| at <= now) {
                return Ok(None);
            }
            row.json(0, "api_keys.grants")?
        }
    };
    Ok(Some(LiveAccount { principal, grants, suspended }))
}

/// Whether an account that was seen suspended is so until this transaction ends. Whoever resumes it takes the account's row
/// before looking for what waits, so a run that is parked on this answer is found. The row is not taken where nothing is
/// suspended: that would cost each accept a write.
async fn still_suspended(tx: &mut Tx, id: AccountId) -> Result<bool, StorageError> {
    tx.query("SELECT id FROM accounts WHERE id = $1 /*SHARE*/").bind(id.0).fetch_optional().await?;
    let row = tx
        .query("SELECT suspended_at FROM suspensions WHERE account_id = $1")
        .bind(id.0)
        .fetch_optional()
        .await?;
    Ok(row.is_some())
}

/// What a member's roles add up to. Held, no role is taken away or narrowed until this transaction ends.
pub(crate) async fn member_grants(
    tx: &mut Tx,
    org: OrgId,
    id: AccountId,
    keys: Keys,
) -> Result<Grants, StorageError> {
    let rows = tx
        .query(match keys {
            Keys::Held => {
                "SELECT r.grants FROM role_members m JOIN roles r ON r.org_id = m.org_id AND r.id = m.role_id \
                 WHERE m.org_id = $1 AND m.account_id = $2 /*SHARE*/"
            }
            Keys::Seen => {
                "SELECT r.grants FROM role_members m JOIN roles r ON r.org_id = m.org_id AND r.id = m.role_id \
                 WHERE m.org_id = $1 AND m.account_id = $2"
            }
        })
        .bind(org.0)
        .bind(id.0)
        .fetch_all()
        .await?;
    let mut grants = Grants::none();
    for row in rows {
        grants = grants.union(&row.json(0, "roles.grants")?);
    }
    Ok(grants)
}

async fn live_workflow(
    tx: &mut Tx,
    org: OrgId,
    id: WorkflowId,
) -> Result<Option<LiveWorkflow>, StorageError> {
    let row = tx
        .query(
            "SELECT w.name, w.version, v.grants, v.concurrency, p.digest, w.paused_at, o.suspended_at \
             FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id AND v.version = w.version \
             JOIN plugins p ON p.id = v.plugin_id JOIN organizations o ON o.id = w.org_id \
             WHERE w.id = $1 AND w.org_id = $2 AND w.deleted_at IS NULL",
        )
        .bind(id.0)
        .bind(org.0)
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(None) };
    let digest: Vec<u8> = row.get(4)?;
    let (mut paused, mut org_suspended) =
        (row.get::<Option<i64>>(5)?.is_some(), row.get::<Option<i64>>(6)?.is_some());
    if paused || org_suspended {
        // As in `still_suspended`: what is parked on this answer must be found by whoever resumes.
        let row = tx
            .query(
                "SELECT w.paused_at, o.suspended_at FROM workflows w JOIN organizations o ON o.id = w.org_id \
                 WHERE w.id = $1 /*SHARE*/",
            )
            .bind(id.0)
            .fetch_optional()
            .await?
            .ok_or_else(|| StorageError::damaged("workflows", "a row vanished"))?;
        paused = row.get::<Option<i64>>(0)?.is_some();
        org_suspended = row.get::<Option<i64>>(1)?.is_some();
    }
    Ok(Some(LiveWorkflow {
        name: row.get(0)?,
        version: row.get(1)?,
        grants: row.json(2, "workflow_versions.grants")?,
        concurrency: row.get(3)?,
        digest: Digest::try_from(digest.as_slice())
            .map_err(|e| StorageError::damaged("plugins.digest", e))?,
        paused,
        org_suspended,
    }))
}

/// Who holds a key's secret, as the API needs it to answer a request.
#[derive(Debug, Clone)]
pub struct KeyHolder {
    /// The key.
    pub key_id: KeyId,
    /// Its first characters.
    pub prefix: String,
    /// Its organization.
    pub org_id: OrgId,
    /// Its service account.
    pub principal: Principal,
    /// What it may do.
    pub grants: Grants,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// The networks it may be used from, as CIDR texts; empty means any.
    pub allowed_networks: Vec<String>,
}

/// A uuid of an optional column.
pub(crate) fn maybe<T: From<Uuid>>(id: Option<Uuid>) -> Option<T> {
    id.map(T::from)
}
