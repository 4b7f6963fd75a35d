//! Runs as the API shows them. What must hold: nothing is read across organizations.

use factotum_model::{
    AccountId, AccountKind, Digest, ErrorCode, EventId, Initiator, InitiatorKind, OrgId, Principal, RunId,
    RunState, Timestamp, TriggerId, WorkflowId,
};

pub use crate::cancel::{Ended, cancel_account, cancel_of_trigger, cancel_run, state_of};
use crate::connection::{Row, Tx};
use crate::error::StorageError;
use crate::principal::maybe;
pub use crate::run_search::{RunFilter, Searched, list, search};

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Whose.
    pub org_id: OrgId,
    /// Its workflow.
    pub workflow_id: WorkflowId,
    /// That workflow's name.
    pub workflow: String,
    /// The version it was accepted with.
    pub workflow_version: i64,
    /// The component.
    pub plugin_digest: Digest,
    /// Which contract that fulfils.
    pub plugin_world: String,
    /// What came in.
    pub event_id: EventId,
    /// Whom it runs as.
    pub principal: Principal,
    /// What started it.
    pub initiator: Initiator,
    /// The trigger, if one did.
    pub trigger_id: Option<TriggerId>,
    /// The runs above it, the outermost first.
    pub chain: Vec<RunId>,
    /// What it may do, as a JSON list of grants.
    pub authority: Vec<String>,
    /// What its workflow declares and it lacks.
    pub missing_grants: Vec<String>,
    /// The run that it repeats.
    pub replay_of: Option<RunId>,
    /// Where it stands.
    pub state: RunState,
    /// Executions so far.
    pub attempt: u32,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its first attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When it is due, if it waits for a time.
    pub due_at: Option<Timestamp>,
    /// Its output as JSON text.
    pub output: Option<String>,
    /// Its last error.
    pub error: Option<(ErrorCode, String)>,
    /// What its last attempt used, as a JSON object.
    pub usage: Option<String>,
    /// When somebody replayed or dismissed it, if it ended dead.
    pub handled_at: Option<Timestamp>,
}

pub(crate) const SELECT: &str = "SELECT r.id, r.org_id, r.workflow_id, w.name, r.workflow_version, p.digest, r.event_id, r.account_id, r.principal_kind, \
    r.principal_name, r.initiator_kind, r.initiator_id, r.trigger_id, r.authority, r.missing_grants, r.replay_of, r.state, r.attempt, \
    r.created_at, r.started_at, r.finished_at, r.due_at, r.output, r.error_code, r.error_message, r.usage, r.chain, r.handled_at, p.world \
    FROM runs r JOIN workflows w ON w.id = r.workflow_id \
    JOIN workflow_versions v ON v.workflow_id = r.workflow_id AND v.version = r.workflow_version JOIN plugins p ON p.id = v.plugin_id";

/// One run.
pub async fn get(tx: &mut Tx, org: OrgId, id: RunId) -> Result<Option<Run>, StorageError> {
    let row = tx
        .query_built(format!("{SELECT} WHERE r.org_id = $1 AND r.id = $2"))
        .bind(org.0)
        .bind(id.0)
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// The newest runs that repeat this one, at most `limit`.
pub async fn replays(tx: &mut Tx, org: OrgId, of: RunId, limit: u32) -> Result<Vec<Run>, StorageError> {
    let rows = tx
        .query_built(format!(
            "{SELECT} WHERE r.org_id = $1 AND r.replay_of = $2 AND r.replay_of IS NOT NULL ORDER BY r.id DESC LIMIT $3"
        ))
        .bind(org.0)
        .bind(of.0)
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// The newest runs of a workflow, which is of the organization that asks.
pub async fn of_workflow(tx: &mut Tx, workflow: WorkflowId, limit: u32) -> Result<Vec<Run>, StorageError> {
    // By `runs_of_workflow`, whatever the organization's number of runs.
    let rows = tx
        .query_built(format!("{SELECT} WHERE r.workflow_id = $1 ORDER BY r.id DESC LIMIT $2"))
        .bind(workflow.0)
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// The logs of a run's attempts from this one on, oldest first, each as a JSON list of lines.
pub async fn logs(tx: &mut Tx, id: RunId, from: u32) -> Result<Vec<(u32, String)>, StorageError> {
    let rows = tx
        .query("SELECT attempt, lines FROM run_logs WHERE run_id = $1 AND attempt >= $2 ORDER BY attempt")
        .bind(id.0)
        .bind(i64::from(from))
        .fetch_all()
        .await?;
    rows.iter().map(|row| Ok((u32::try_from(row.get::<i64>(0)?).unwrap_or(0), row.get(1)?))).collect()
}

/// How many runs of a trigger have not ended.
pub async fn unfinished_of_trigger(tx: &mut Tx, org: OrgId, trigger: TriggerId) -> Result<u64, StorageError> {
    let row = tx
        .query(
            "SELECT count(*) FROM runs r WHERE r.org_id = $1 AND r.trigger_id = $2 AND r.id IN \
             (SELECT run_id FROM ready WHERE org_id = $1 UNION SELECT run_id FROM leases WHERE org_id = $1)",
        )
        .bind(org.0)
        .bind(trigger.0)
        .fetch_optional()
        .await?;
    row.map_or(Ok(0), |row| Ok(u64::try_from(row.get::<i64>(0)?).unwrap_or(0)))
}

/// The runs of an account that have not ended, counted up to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfinished {
    /// Those that wait, for whatever.
    pub waiting: u64,
    /// Those that a node is running.
    pub running: u64,
}

/// How many runs of an account have not ended; no more than `limit` of each are counted.
pub async fn unfinished_of_account(
    tx: &mut Tx,
    org: OrgId,
    account: AccountId,
    limit: u32,
) -> Result<Unfinished, StorageError> {
    let row = tx
        .query(
            "SELECT (SELECT count(*) FROM (SELECT run_id FROM ready WHERE account_id = $2 AND org_id = $1 LIMIT $3) AS w), \
             (SELECT count(*) FROM (SELECT run_id FROM leases WHERE account_id = $2 AND org_id = $1 LIMIT $3) AS l)",
        )
        .bind(org.0)
        .bind(account.0)
        .bind(i64::from(limit))
        .fetch_optional()
        .await?;
    let count = |column| match &row {
        Some(row) => Ok(row.get::<i64>(column)?.unsigned_abs()),
        None => Ok::<_, StorageError>(0),
    };
    Ok(Unfinished { waiting: count(0)?, running: count(1)? })
}

/// How many runs are due and wait, and how many are leased: for metrics.
pub async fn backlog(tx: &mut Tx) -> Result<(u64, u64), StorageError> {
    let row = tx
        .query("SELECT (SELECT count(*) FROM ready), (SELECT count(*) FROM leases)")
        .fetch_optional()
        .await?;
    row.map_or(Ok((0, 0)), |row| {
        Ok((u64::try_from(row.get::<i64>(0)?).unwrap_or(0), u64::try_from(row.get::<i64>(1)?).unwrap_or(0)))
    })
}

pub(crate) fn read(row: &Row) -> Result<Run, StorageError> {
    let (kind, initiator, state): (String, String, String) = (row.get(8)?, row.get(10)?, row.get(16)?);
    let digest: Vec<u8> = row.get(5)?;
    let code: Option<String> = row.get(23)?;
    let message: Option<String> = row.get(24)?;
    let error = match code {
        Some(code) => Some((
            ErrorCode::from_word(&code).ok_or_else(|| StorageError::damaged("runs.error_code", code))?,
            message.unwrap_or_default(),
        )),
        None => None,
    };
    Ok(Run {
        id: row.id(0)?,
        org_id: row.id(1)?,
        workflow_id: row.id(2)?,
        workflow: row.get(3)?,
        workflow_version: row.get(4)?,
        plugin_digest: Digest::try_from(digest.as_slice())
            .map_err(|e| StorageError::damaged("plugins.digest", e))?,
        plugin_world: row.get(28)?,
        event_id: row.id(6)?,
        principal: Principal {
            id: row.id(7)?,
            kind: AccountKind::from_word(&kind)
                .ok_or_else(|| StorageError::damaged("runs.principal_kind", kind))?,
            name: row.get(9)?,
        },
        initiator: Initiator {
            kind: InitiatorKind::from_word(&initiator)
                .ok_or_else(|| StorageError::damaged("runs.initiator_kind", initiator))?,
            id: row.get(11)?,
        },
        trigger_id: maybe(row.get(12)?),
        chain: crate::children::read_chain(row.get(26)?)?,
        authority: row.json(13, "runs.authority")?,
        missing_grants: row.json(14, "runs.missing_grants")?,
        replay_of: maybe(row.get(15)?),
        state: RunState::from_word(&state).ok_or_else(|| StorageError::damaged("runs.state", state))?,
        attempt: u32::try_from(row.get::<i64>(17)?).unwrap_or(0),
        created_at: row.time(18)?,
        started_at: row.maybe_time(19)?,
        finished_at: row.maybe_time(20)?,
        due_at: row.maybe_time(21)?,
        output: row.get(22)?,
        error,
        usage: row.get(25)?,
        handled_at: row.maybe_time(27)?,
    })
}
