//! Claiming due runs: a lease per run, in one short transaction. What must hold: a run has at most one lease; no more is
//! claimed than the caller has instances for; organizations take turns; a run beyond its workflow's concurrency is
//! parked, not spun on.

use std::collections::HashMap;
use std::sync::Arc;

use factotum_model::{
    AccountId, AccountKind, Authority, Digest, ErrorCode, Event, Grants, Initiator, InitiatorKind, OrgId,
    Principal, RunId, Timestamp, TriggerId, WorkflowId,
};
use uuid::Uuid;

use crate::cancel::Ended;
use crate::connection::{Row, Tx};
use crate::error::StorageError;
use crate::principal::{Keys, Live, maybe};
use crate::storage::Storage;

/// `ready.parked`: the organization is suspended.
pub(crate) const PARKED_ORG: i64 = 1;
/// `ready.parked`: the account is suspended.
pub(crate) const PARKED_ACCOUNT: i64 = 2;
/// `ready.parked`: the workflow is paused.
pub(crate) const PARKED_WORKFLOW: i64 = 4;
/// `ready.parked`: the workflow runs as often as it may.
pub(crate) const PARKED_CONCURRENCY: i64 = 8;

/// A run with its lease: what an attempt needs to know. Frozen but for `authority`, which was narrowed once more.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The run.
    pub run_id: RunId,
    /// Its organization.
    pub org_id: OrgId,
    /// Its workflow.
    pub workflow_id: WorkflowId,
    /// The workflow's version when the run was made.
    pub workflow_version: i64,
    /// The workflow's name.
    pub workflow: String,
    /// The component to run.
    pub digest: Digest,
    /// Whom it runs as.
    pub principal: Principal,
    /// What started it.
    pub initiator: Initiator,
    /// The trigger, if one did.
    pub trigger_id: Option<TriggerId>,
    /// The runs above it, the outermost first: each started the next.
    pub chain: Vec<RunId>,
    /// What it may do.
    pub authority: Authority,
    /// What came in.
    pub event: Arc<Event>,
    /// Which execution this is, from 1.
    pub attempt: u32,
    /// How many executions were lost with their node; they do not count against the retry policy.
    pub lost: u32,
    /// Fences the finish.
    pub epoch: i64,
    /// Whether the workflow limits how many runs go on at a time.
    pub limited: bool,
    /// When the run was accepted.
    pub created_at: Timestamp,
}

/// What a claim found.
#[derive(Debug, Default)]
pub struct Batch {
    /// The runs, with leases of this node.
    pub runs: Vec<Claimed>,
    /// Whether more may be due: claim again.
    pub more: bool,
    /// When the next run that is not due yet will be.
    pub next_due: Option<Timestamp>,
}

/// How many organizations one claim serves in turn.
const ORGANIZATIONS_PER_CLAIM: i64 = 64;

impl Storage {
    /// Claims up to `free` due runs. `after` is the organization served last, so that all take turns; it is moved on.
    pub async fn claim(&self, free: usize, after: &mut Option<OrgId>) -> Result<Batch, StorageError> {
        if free == 0 {
            return Ok(Batch::default());
        }
        let now = self.clock().now();
        let mut tx = self.read().await?;
        let mut organizations = due_organizations(&mut tx, now, after.unwrap_or(OrgId(Uuid::nil()))).await?;
        if organizations.is_empty() && after.is_some() {
            *after = None;
            organizations = due_organizations(&mut tx, now, OrgId(Uuid::nil())).await?;
        }
        if organizations.is_empty() {
            let next_due = next_due(&mut tx, now).await?;
            return Ok(Batch { next_due, ..Batch::default() });
        }
        drop(tx);
        let mut tx = self.write().await?;
        let share = free.div_ceil(organizations.len()).max(1);
        let mut ids = Vec::new();
        for org in &organizations {
            let want = share.min(free - ids.len());
            if want == 0 {
                break;
            }
            ids.extend(take_ready(&mut tx, *org, now, want).await?);
            *after = Some(*org);
        }
        let more = !ids.is_empty();
        let Leased { runs, ended } = lease(&mut tx, self, &ids, now).await?;
        tx.commit().await?;
        for (run, code) in ended {
            self.tell_cancelled(&[run], code);
        }
        Ok(Batch { runs, more, next_due: None })
    }
}

/// Organizations with runs that wait for their time alone, by a skip scan over the index: the cost grows with them, not
/// with their runs. Those after `$2`, in order.
macro_rules! waiting_organizations {
    () => {
        "WITH RECURSIVE o(org_id) AS (\
           SELECT (SELECT org_id FROM ready WHERE parked = 0 AND org_id > $2 ORDER BY org_id LIMIT 1) \
           UNION ALL \
           SELECT (SELECT r.org_id FROM ready r WHERE r.parked = 0 AND r.org_id > o.org_id ORDER BY r.org_id LIMIT 1) \
           FROM o WHERE o.org_id IS NOT NULL) "
    };
}

/// Organizations with due runs. The limit is outside the recursion, which goes on until enough of them have due ones.
async fn due_organizations(tx: &mut Tx, now: Timestamp, after: OrgId) -> Result<Vec<OrgId>, StorageError> {
    let rows = tx
        .query(concat!(
            waiting_organizations!(),
            "SELECT o.org_id FROM o WHERE o.org_id IS NOT NULL \
             AND EXISTS (SELECT 1 FROM ready d WHERE d.org_id = o.org_id AND d.parked = 0 AND d.due_at <= $1) LIMIT $3",
        ))
        .bind(now.as_micros())
        .bind(after.0)
        .bind(ORGANIZATIONS_PER_CLAIM)
        .fetch_all()
        .await?;
    rows.iter().map(|row| row.id(0)).collect()
}

async fn next_due(tx: &mut Tx, now: Timestamp) -> Result<Option<Timestamp>, StorageError> {
    let row = tx
        .query(concat!(
            waiting_organizations!(),
            "SELECT min((SELECT d.due_at FROM ready d WHERE d.org_id = o.org_id AND d.parked = 0 AND d.due_at > $1 \
             ORDER BY d.due_at LIMIT 1)) FROM o WHERE o.org_id IS NOT NULL",
        ))
        .bind(now.as_micros())
        .bind(Uuid::nil())
        .fetch_optional()
        .await?;
    row.map_or(Ok(None), |row| row.maybe_time(0))
}

async fn take_ready(
    tx: &mut Tx,
    org: OrgId,
    now: Timestamp,
    want: usize,
) -> Result<Vec<RunId>, StorageError> {
    let rows = tx
        .query(
            "WITH c AS MATERIALIZED (SELECT run_id FROM ready WHERE parked = 0 AND org_id = $1 AND due_at <= $2 \
             ORDER BY due_at, run_id LIMIT $3 /*SKIP*/) \
             DELETE FROM ready WHERE run_id IN (SELECT run_id FROM c) RETURNING run_id",
        )
        .bind(org.0)
        .bind(now.as_micros())
        .bind(i64::try_from(want).unwrap_or(i64::MAX))
        .fetch_all()
        .await?;
    rows.iter().map(|row| row.id(0)).collect()
}

/// What became of runs that were taken from `ready`.
struct Leased {
    runs: Vec<Claimed>,
    ended: Vec<(Ended, ErrorCode)>,
}

/// Turns runs that were taken from `ready` into leased ones. What may not run now goes back, parked or cancelled.
async fn lease(
    tx: &mut Tx,
    storage: &Storage,
    ids: &[RunId],
    now: Timestamp,
) -> Result<Leased, StorageError> {
    let mut live = Live::new(Keys::Seen);
    let mut running: HashMap<WorkflowId, i64> = HashMap::new();
    let mut claimed = Vec::new();
    let mut parked = Vec::new();
    let mut ended = Vec::new();
    let mut runs = read_runs(tx, ids).await?;
    // By workflow, so that two claims take the rows of limited ones in the same order; within one, the oldest first.
    runs.sort_by_key(|run| run.workflow_id);
    for mut run in runs {
        let parts = async {
            let account = live.account(tx, run.org_id, run.principal.id, now).await?.cloned();
            let workflow = live.workflow(tx, run.org_id, run.workflow_id).await?.cloned();
            Ok::<_, StorageError>(account.zip(workflow))
        };
        let Some((account, workflow)) = parts.await? else {
            ended.extend(crate::cancel::end_orphan(tx, &run, now).await?);
            continue;
        };
        let mut why = 0;
        why |= if workflow.org_suspended { PARKED_ORG } else { 0 };
        why |= if account.suspended { PARKED_ACCOUNT } else { 0 };
        why |= if workflow.paused { PARKED_WORKFLOW } else { 0 };
        run.limited = workflow.concurrency.is_some();
        if why != 0 && run.limited {
            // It cannot take its turn, for another reason than the limit: the turn is the next one's.
            crate::finish::unpark_next(tx, run.workflow_id, 1).await?;
        }
        if let Some(limit) = workflow.concurrency.filter(|_| why == 0) {
            let running = match running.entry(run.workflow_id) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(count_running(tx, run.workflow_id).await?)
                }
            };
            if *running >= limit {
                why |= PARKED_CONCURRENCY;
            } else {
                *running += 1;
            }
        }
        if why == 0 {
            run.authority = run.authority.narrowed_to(&account.grants).narrowed_to(&workflow.grants);
            run.attempt += 1;
            run.epoch = i64::from(run.attempt);
            claimed.push(run);
        } else {
            parked.push((run, why));
        }
    }
    tx.insert_rows(
        "INSERT INTO ready (run_id, org_id, workflow_id, account_id, due_at, parked) VALUES {rows}",
        6,
        &parked,
        |s, (run, why)| {
            s.bind(run.run_id.0)
                .bind(run.org_id.0)
                .bind(run.workflow_id.0)
                .bind(run.principal.id.0)
                .bind(now.as_micros())
                .bind(*why)
        },
    )
    .await?;
    claimed.sort_by_key(|run| run.run_id);
    insert_leases(tx, storage.node(), &claimed).await?;
    tx.insert_rows(
        "UPDATE runs SET state = 'running', attempt = v.column2, started_at = COALESCE(runs.started_at, v.column3), due_at = NULL \
         FROM (VALUES {rows}) AS v WHERE runs.id = v.column1",
        3,
        &claimed,
        |s, run| s.bind(run.run_id.0).bind(i64::from(run.attempt)).bind(now.as_micros()),
    )
    .await?;
    Ok(Leased { runs: claimed, ended })
}

/// How many runs of a workflow have leases; its row is locked, so that two nodes do not both take the last place.
async fn count_running(tx: &mut Tx, workflow: WorkflowId) -> Result<i64, StorageError> {
    tx.query("SELECT id FROM workflows WHERE id = $1 /*UPDATE*/").bind(workflow.0).fetch_optional().await?;
    let row = tx
        .query("SELECT count(*) FROM leases WHERE workflow_id = $1 AND limited = 1")
        .bind(workflow.0)
        .fetch_optional()
        .await?;
    row.map_or(Ok(0), |row| row.get(0))
}

pub(crate) async fn insert_leases(
    tx: &mut Tx,
    node: factotum_model::NodeId,
    runs: &[Claimed],
) -> Result<(), StorageError> {
    tx.insert_rows(
        "INSERT INTO leases (run_id, org_id, workflow_id, account_id, node_id, epoch, limited) VALUES {rows}",
        7,
        runs,
        |s, run| {
            s.bind(run.run_id.0)
                .bind(run.org_id.0)
                .bind(run.workflow_id.0)
                .bind(run.principal.id.0)
                .bind(node.0)
                .bind(run.epoch)
                .bind(i64::from(run.limited))
        },
    )
    .await
    .map(drop)
}

/// Whether this attempt still holds its lease; the lease stays until the transaction ends.
pub async fn holds(tx: &mut Tx, node: factotum_model::NodeId, run: &Claimed) -> Result<bool, StorageError> {
    let row = tx
        .query("SELECT run_id FROM leases WHERE run_id = $1 AND epoch = $2 AND node_id = $3 /*SHARE*/")
        .bind(run.run_id.0)
        .bind(run.epoch)
        .bind(node.0)
        .fetch_optional()
        .await?;
    Ok(row.is_some())
}

async fn read_runs(tx: &mut Tx, ids: &[RunId]) -> Result<Vec<Claimed>, StorageError> {
    let mut runs = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(tx.bulk_rows()) {
        let mut statement = tx.query_rows(
            "SELECT r.id, r.org_id, r.workflow_id, r.workflow_version, w.name, p.digest, r.account_id, r.principal_kind, \
             r.principal_name, r.initiator_kind, r.initiator_id, r.trigger_id, r.authority, r.attempt, r.lost, r.created_at, \
             e.id, e.received_at, e.input, e.payload, b.bytes, r.chain \
             FROM runs r JOIN workflows w ON w.id = r.workflow_id \
             JOIN workflow_versions v ON v.workflow_id = r.workflow_id AND v.version = r.workflow_version \
             JOIN plugins p ON p.id = v.plugin_id JOIN events e ON e.id = r.event_id \
             LEFT JOIN blobs b ON b.digest = e.payload_digest WHERE r.id IN (VALUES {rows}) ORDER BY r.id",
            1,
            chunk.len(),
        );
        for id in chunk {
            statement = statement.bind(id.0);
        }
        for row in statement.fetch_all().await? {
            runs.push(read_run(&row)?);
        }
    }
    Ok(runs)
}

fn read_run(row: &Row) -> Result<Claimed, StorageError> {
    let (kind, initiator): (String, String) = (row.get(7)?, row.get(9)?);
    let digest: Vec<u8> = row.get(5)?;
    let payload: Option<Vec<u8>> = row.get(19)?;
    let payload = match payload {
        Some(payload) => payload,
        None => row.get::<Option<Vec<u8>>>(20)?.unwrap_or_default(),
    };
    Ok(Claimed {
        run_id: row.id(0)?,
        org_id: row.id(1)?,
        workflow_id: row.id(2)?,
        workflow_version: row.get(3)?,
        workflow: row.get(4)?,
        digest: Digest::try_from(digest.as_slice())
            .map_err(|e| StorageError::damaged("plugins.digest", e))?,
        principal: Principal {
            id: row.id::<AccountId>(6)?,
            kind: AccountKind::from_word(&kind)
                .ok_or_else(|| StorageError::damaged("runs.principal_kind", kind))?,
            name: row.get(8)?,
        },
        initiator: Initiator {
            kind: InitiatorKind::from_word(&initiator)
                .ok_or_else(|| StorageError::damaged("runs.initiator_kind", initiator))?,
            id: row.get(10)?,
        },
        trigger_id: maybe(row.get(11)?),
        chain: crate::children::read_chain(row.get(21)?)?,
        authority: Authority::of(row.json::<Grants>(12, "runs.authority")?),
        attempt: u32::try_from(row.get::<i64>(13)?).unwrap_or(0),
        lost: u32::try_from(row.get::<i64>(14)?).unwrap_or(0),
        epoch: 0,
        limited: false,
        created_at: row.time(15)?,
        event: Arc::new(Event {
            id: row.id(16)?,
            received_at: row.time(17)?,
            input: row.json(18, "events.input")?,
            payload,
        }),
    })
}
