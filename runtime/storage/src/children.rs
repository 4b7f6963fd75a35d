//! Runs that runs start. What must hold: a child begins only while its parent's attempt holds its lease, with no more than the
//! parent may do; the same call of a parent has one child, however often the parent is executed; depth and number are bounded.

use std::collections::HashMap;
use std::sync::Arc;

use factotum_model::run::{MAX_DEPTH, MAX_DESCENDANTS};
use factotum_model::{Action, Denied, Digest, NodeId, RunId, authorize};

use crate::accept::{AcceptError, Accepted, EventSource, NewRun};
use crate::claim::{self, Claimed};
use crate::connection::Tx;
use crate::error::StorageError;
use crate::principal::LiveAccount;

/// The attempt that starts a child.
#[derive(Debug, Clone)]
pub struct Parent {
    /// It, with its lease.
    pub run: Arc<Claimed>,
    /// Which of its calls this is.
    pub call: Call,
    /// The child's workflow, as the guest named it.
    pub workflow: String,
}

/// How a parent's call is known again when the parent is executed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// The nth without key, from 1: the same place in the program, as long as that does the same again.
    Numbered(u64),
    /// By the key that the guest gave it.
    Keyed(String),
}

impl Call {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Numbered(number) => format!("call:{number}"),
            // PostgreSQL stores no U+0000.
            Self::Keyed(key) => format!("key:{}", key.replace('\0', "\u{FFFD}")),
        }
    }
}

/// Why a run may not start a child.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChildRefusal {
    /// The attempt no longer holds its run: cancelled, revoked, or taken over.
    #[error("this attempt no longer holds its run")]
    ParentGone,
    /// The parent may not run this workflow.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Too many runs stand above it.
    #[error(
        "{MAX_DEPTH} runs stand above this one already, each started by the one before: it may start no other"
    )]
    TooDeep,
    /// Too many runs were started below the outermost one.
    #[error("{MAX_DESCENDANTS} runs were started below the run that came first: no more may be")]
    TooMany,
    /// An earlier attempt did something else in the place of this call.
    #[error(
        "{call} stands for the run of `{workflow}` that an earlier attempt started, but this is another {what}; where the order of calls or a payload may change between attempts, give each call a key of its own"
    )]
    Changed {
        /// The call, in words.
        call: String,
        /// The workflow of the child that it stands for.
        workflow: String,
        /// What is another: workflow or payload.
        what: &'static str,
    },
}

/// A child as its parent knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    run: RunId,
    workflow: String,
    payload: Digest,
}

impl Known {
    /// The child, if this call is the one that it stands for.
    fn fits(self, parent: &Parent, payload: Digest) -> Result<RunId, ChildRefusal> {
        let same_workflow = self.workflow == parent.workflow;
        if same_workflow && (self.payload == payload || matches!(parent.call, Call::Keyed(_))) {
            return Ok(self.run);
        }
        let call = match &parent.call {
            Call::Numbered(number) => format!("call number {number}"),
            Call::Keyed(key) => format!("the key `{key}`"),
        };
        let what = if same_workflow { "payload" } else { "workflow" };
        Err(ChildRefusal::Changed { call, workflow: self.workflow, what })
    }
}

/// The child that an earlier attempt's call started, if this call was made before.
pub async fn started(
    tx: &mut Tx,
    parent: &Parent,
    payload: &[u8],
) -> Result<Option<Result<RunId, ChildRefusal>>, StorageError> {
    let known = find(tx, parent).await?;
    Ok(known.map(|known| known.fits(parent, Digest::of(payload))))
}

async fn find(tx: &mut Tx, parent: &Parent) -> Result<Option<Known>, StorageError> {
    let row = tx
        .query("SELECT run_id, workflow, payload_digest FROM child_runs WHERE parent_id = $1 AND call = $2")
        .bind(parent.run.run_id.0)
        .bind(parent.call.text())
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(None) };
    let payload: Vec<u8> = row.get(2)?;
    let payload = Digest::try_from(payload.as_slice())
        .map_err(|e| StorageError::damaged("child_runs.payload_digest", e))?;
    Ok(Some(Known { run: row.id(0)?, workflow: row.get(1)?, payload }))
}

/// Whether a run is a child of this parent.
pub async fn is_child(tx: &mut Tx, parent: RunId, run: RunId) -> Result<bool, StorageError> {
    let row = tx
        .query("SELECT run_id FROM child_runs WHERE run_id = $1 AND parent_id = $2")
        .bind(run.0)
        .bind(parent.0)
        .fetch_optional()
        .await?;
    Ok(row.is_some())
}

/// Why the parent may not start this child now. Asked after its account's rows are taken, and takes the lease: as a revocation
/// goes. If nothing stands against it, the lease stays until the transaction ends.
pub(crate) async fn refusal(
    tx: &mut Tx,
    node: NodeId,
    parent: &Parent,
    account: &LiveAccount,
    workflow: &str,
) -> Result<Option<ChildRefusal>, StorageError> {
    // What the parent was claimed with, within what its account may do now.
    let authority = parent.run.authority.narrowed_to(&account.grants);
    if let Err(denied) = authorize(&authority, Action::WORKFLOWS_RUN, Some(workflow)) {
        return Ok(Some(denied.into()));
    }
    if parent.run.chain.len() >= MAX_DEPTH {
        return Ok(Some(ChildRefusal::TooDeep));
    }
    let held = claim::holds(tx, node, &parent.run).await?;
    Ok((!held).then_some(ChildRefusal::ParentGone))
}

/// Writes down which child this call starts; the child itself is stored by the caller, in the same transaction. The parent's
/// lease is held, and a guest makes one call at a time, so nobody else writes this row.
pub(crate) async fn admit(
    tx: &mut Tx,
    parent: &Parent,
    new: &NewRun,
) -> Result<Result<Accepted, AcceptError>, StorageError> {
    let payload = match &new.event {
        EventSource::New { payload, .. } | EventSource::Kept { payload, .. } => Digest::of(payload),
        EventSource::Stored(event) => Digest::of(&event.payload),
    };
    if let Some(known) = find(tx, parent).await? {
        return Ok(known.fits(parent, payload).map(Accepted::Duplicate).map_err(AcceptError::from));
    }
    let root = parent.run.chain.first().copied().unwrap_or(parent.run.run_id);
    let counted = tx
        .query(
            "INSERT INTO run_trees (root_id, runs) VALUES ($1, 1) \
             ON CONFLICT (root_id) DO UPDATE SET runs = run_trees.runs + 1 WHERE run_trees.runs < $2 RETURNING runs",
        )
        .bind(root.0)
        .bind(MAX_DESCENDANTS)
        .fetch_optional()
        .await?;
    if counted.is_none() {
        return Ok(Err(ChildRefusal::TooMany.into()));
    }
    tx.query("INSERT INTO child_runs (parent_id, call, run_id, workflow, payload_digest) VALUES ($1, $2, $3, $4, $5)")
        .bind(parent.run.run_id.0)
        .bind(parent.call.text())
        .bind(new.run_id.0)
        .bind(parent.workflow.clone())
        .bind(payload.0.to_vec())
        .execute()
        .await?;
    Ok(Ok(Accepted::New(new.run_id)))
}

/// The runs above a child of this run.
pub(crate) fn chain_below(run: &Claimed) -> Vec<RunId> {
    run.chain.iter().copied().chain([run.run_id]).collect()
}

/// A chain as it is stored; nothing for a run that no run started.
pub(crate) fn chain_text(chain: &[RunId]) -> Option<String> {
    (!chain.is_empty()).then(|| serde_json::to_string(chain).unwrap_or_default())
}

/// A chain as it was stored.
pub(crate) fn read_chain(text: Option<String>) -> Result<Vec<RunId>, StorageError> {
    text.map_or(Ok(Vec::new()), |text| {
        serde_json::from_str(&text).map_err(|e| StorageError::damaged("runs.chain", e))
    })
}

/// The chains of those of these runs that have one.
pub(crate) async fn chains(tx: &mut Tx, runs: &[RunId]) -> Result<HashMap<RunId, Vec<RunId>>, StorageError> {
    let mut chains = HashMap::new();
    for some in runs.chunks(tx.bulk_rows()) {
        let mut statement = tx.query_rows(
            "SELECT r.id, r.chain FROM (VALUES {rows}) AS v JOIN runs r ON r.id = v.column1 WHERE r.chain IS NOT NULL",
            1,
            some.len(),
        );
        for run in some {
            statement = statement.bind(run.0);
        }
        for row in statement.fetch_all().await? {
            chains.insert(row.id(0)?, read_chain(row.get(1)?)?);
        }
    }
    Ok(chains)
}
