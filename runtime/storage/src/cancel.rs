//! Ending runs from outside: a cancel, a revoked account, a run whose account or workflow is gone. What must hold: the run's lease
//! goes in the same transaction, so whatever still runs can no longer finish; each ended run has its audit entry.

use std::collections::BTreeMap;

use factotum_model::audit::{AuditEntry, AuditOutcome};
use factotum_model::{
    AccountId, AccountKind, ErrorCode, OrgId, RunId, RunState, Timestamp, TriggerId, WorkflowId,
};
use uuid::Uuid;

use crate::claim::Claimed;
use crate::connection::Tx;
use crate::error::StorageError;
use crate::runs;
use crate::signals::{self, Signal};
use crate::storage::Storage;
use crate::watch::Settled;

/// A run that [`cancel_run`] or [`cancel_account`] ended; tell the watchers after the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub run_id: RunId,
    /// Whether an attempt was going on.
    pub was_running: bool,
}

impl Storage {
    /// Tells who waits in this process that runs were cancelled; call it after the commit.
    pub fn tell_cancelled(&self, ended: &[Ended], code: ErrorCode) {
        for run in ended {
            self.watch().settled(run.run_id, || Settled {
                state: RunState::Cancelled,
                output: None,
                is_http: false,
                error: Some((code, message(code).to_owned())),
            });
        }
    }
}

const fn message(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Revoked => "the API key that it ran as was revoked",
        _ => "cancelled",
    }
}

/// Cancels one run in whatever state it is. `None` if it has ended already or is not there.
pub async fn cancel_run(
    tx: &mut Tx,
    org: OrgId,
    run: RunId,
    now: Timestamp,
) -> Result<Option<Ended>, StorageError> {
    let ended = end(tx, org, &[run], ErrorCode::Cancelled, now).await?;
    Ok(ended.into_iter().next())
}

/// Cancels all that runs or waits under an account that was revoked; the entries name the account as it was.
pub async fn cancel_account(
    tx: &mut Tx,
    org: OrgId,
    account: AccountId,
    entry: impl Fn(RunId) -> AuditEntry,
    now: Timestamp,
) -> Result<Vec<Ended>, StorageError> {
    let rows = tx
        .query("SELECT run_id FROM ready WHERE account_id = $1 UNION SELECT run_id FROM leases WHERE account_id = $1")
        .bind(account.0)
        .fetch_all()
        .await?;
    let ids: Vec<RunId> = rows.iter().map(|row| row.id(0)).collect::<Result<_, _>>()?;
    let ended = end(tx, org, &ids, ErrorCode::Revoked, now).await?;
    signals::send(tx, Signal::AccountRevoked(account), now).await?;
    let ids: Vec<RunId> = ended.iter().map(|e| e.run_id).collect();
    let mut chains = crate::children::chains(tx, &ids).await?;
    let entries: Vec<_> = ids
        .into_iter()
        .map(|id| AuditEntry { chain: chains.remove(&id).unwrap_or_default(), ..entry(id) })
        .collect();
    crate::audit_entries::append(tx, &entries).await?;
    Ok(ended)
}

/// Cancels what an attempt of a trigger is under way for and, if asked, what waits of it.
pub async fn cancel_of_trigger(
    tx: &mut Tx,
    (org, trigger): (OrgId, TriggerId),
    waiting_too: bool,
    entry: impl Fn(RunId) -> AuditEntry,
    now: Timestamp,
) -> Result<Vec<Ended>, StorageError> {
    let sql = if waiting_too {
        "SELECT l.run_id FROM leases l JOIN runs r ON r.id = l.run_id WHERE l.org_id = $1 AND r.trigger_id = $2 \
         UNION SELECT y.run_id FROM ready y JOIN runs r ON r.id = y.run_id WHERE y.org_id = $1 AND r.trigger_id = $2"
    } else {
        "SELECT l.run_id FROM leases l JOIN runs r ON r.id = l.run_id WHERE l.org_id = $1 AND r.trigger_id = $2"
    };
    let rows = tx.query(sql).bind(org.0).bind(trigger.0).fetch_all().await?;
    let mut ids: Vec<RunId> = rows.iter().map(|row| row.id(0)).collect::<Result<_, _>>()?;
    ids.sort_unstable();
    let ended = end(tx, org, &ids, ErrorCode::Cancelled, now).await?;
    let entries: Vec<_> = ended.iter().map(|ended| entry(ended.run_id)).collect();
    crate::audit_entries::append(tx, &entries).await?;
    Ok(ended)
}

/// How often a run that is about to end is looked for: each move between `ready` and `leases` may hide it once.
const MOVES: usize = 3;

async fn delete(tx: &mut Tx, sql: &'static str, org: OrgId, run: RunId) -> Result<bool, StorageError> {
    Ok(tx.query(sql).bind(run.0).bind(org.0).execute().await? > 0)
}

async fn end(
    tx: &mut Tx,
    org: OrgId,
    ids: &[RunId],
    code: ErrorCode,
    now: Timestamp,
) -> Result<Vec<Ended>, StorageError> {
    let mut ended = Vec::new();
    // Who gives up a place, or a turn to take one, passes it on; after all rows are taken, and in order, as claims do.
    let mut places: BTreeMap<WorkflowId, i64> = BTreeMap::new();
    for id in ids {
        // The rows of what is due and leased go first: who holds them is who may change the run. A claim or a finish may
        // move the run from one to the other while this waits for it, so it looks more than once.
        let (mut queued, mut leased) = (false, false);
        for _ in 0..MOVES {
            queued = delete(tx, "DELETE FROM ready WHERE run_id = $1 AND org_id = $2", org, *id).await?;
            leased = delete(tx, "DELETE FROM leases WHERE run_id = $1 AND org_id = $2", org, *id).await?;
            if queued || leased {
                break;
            }
        }
        let changed = tx
            .query(
                "UPDATE runs SET state = 'cancelled', finished_at = $3, due_at = NULL, error_code = $4, error_message = $5 \
                 WHERE id = $1 AND org_id = $2 AND state IN ('queued', 'running', 'waiting') RETURNING workflow_id",
            )
            .bind(id.0)
            .bind(org.0)
            .bind(now.as_micros())
            .bind(code.as_str())
            .bind(message(code))
            .fetch_optional()
            .await?;
        debug_assert!(changed.is_some() || !queued, "a due run has not ended");
        if let Some(row) = changed {
            ended.push(Ended { run_id: *id, was_running: leased });
            *places.entry(row.id(0)?).or_default() += 1;
        }
        if leased {
            signals::send(tx, Signal::RunCancelled(*id), now).await?;
        }
    }
    for (workflow, free) in places {
        crate::finish::unpark_next(tx, workflow, free).await?;
    }
    Ok(ended)
}

/// Ends a run that came up for a claim, but whose account or workflow is gone; the watchers are to be told so after the
/// commit.
pub(crate) async fn end_orphan(
    tx: &mut Tx,
    run: &Claimed,
    now: Timestamp,
) -> Result<Option<(Ended, ErrorCode)>, StorageError> {
    let code =
        if run.principal.kind == AccountKind::ApiKey { ErrorCode::Revoked } else { ErrorCode::Cancelled };
    let Some(ended) = end(tx, run.org_id, &[run.run_id], code, now).await?.into_iter().next() else {
        return Ok(None);
    };
    let mut entry = crate::finish::run_entry(run, now, "run.cancel", AuditOutcome::Ok);
    entry.reason = Some(format!("{}: its account or workflow no longer exists", code.as_str()));
    crate::audit_entries::append(tx, &[entry]).await?;
    Ok(Some((ended, code)))
}

/// Of these runs, those that still have a lease of this node.
pub(crate) async fn still_leased(tx: &mut Tx, node: Uuid) -> Result<Vec<RunId>, StorageError> {
    let rows = tx.query("SELECT run_id FROM leases WHERE node_id = $1").bind(node).fetch_all().await?;
    rows.iter().map(|row| row.id(0)).collect()
}

/// Whether a run is there, for an answer that tells "ended already" from "not found".
pub async fn state_of(tx: &mut Tx, org: OrgId, run: RunId) -> Result<Option<RunState>, StorageError> {
    Ok(runs::get(tx, org, run).await?.map(|r| r.state))
}
