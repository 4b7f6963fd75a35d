//! Accepting: event, run, what is due and the audit entry, in the journal's transaction. What must hold: nothing is
//! acknowledged before its commit; a repeated delivery is answered with its first run; principal, initiator and
//! authority are decided here, from what the database says now, and frozen.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Credential, Target};
use factotum_model::{
    AccountId, Authority, Digest, Event, EventId, EventInput, Initiator, InitiatorKind, NodeId, OrgId,
    Principal, RequestId, RunId, Timestamp, TriggerId, WorkflowId,
};

use crate::children::{self, ChildRefusal, Parent};
use crate::claim::{self, Claimed, PARKED_ACCOUNT, PARKED_ORG, PARKED_WORKFLOW};
use crate::connection::Tx;
use crate::error::StorageError;
use crate::journal::{Handoff, Seat};
use crate::principal::{Keys, Live, LiveAccount, LiveWorkflow};
use crate::storage::Shared;

/// Payloads above this many bytes stand in `blobs`, so that the events' table stays quick to read.
pub const MAX_INLINE_PAYLOAD_BYTES: usize = 64 << 10;

/// What is to be run, as a listener or an API call hands it in.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The run's id, made by the caller so that it can watch the run before it begins.
    pub run_id: RunId,
    /// Whose.
    pub org_id: OrgId,
    /// Which workflow.
    pub workflow_id: WorkflowId,
    /// Whom it runs as: the base account for a trigger, the key's account for an API call.
    pub account_id: AccountId,
    /// What started it.
    pub initiator: Initiator,
    /// The trigger, if one did; checked again in the transaction.
    pub trigger_id: Option<TriggerId>,
    /// The attempt that starts it, if one does.
    pub parent: Option<Parent>,
    /// The key that an API call came with.
    pub credential: Option<Credential>,
    /// How a repeated delivery is recognised.
    pub dedup: Option<DedupKey>,
    /// What came in.
    pub event: EventSource,
    /// The run that this one repeats.
    pub replay_of: Option<RunId>,
    /// Not before this time; `None` is at once.
    pub due_at: Option<Timestamp>,
    /// Where the request came from, for the audit trail.
    pub origin: Origin,
}

/// Where a run's event comes from.
#[derive(Debug, Clone)]
pub enum EventSource {
    /// It is new, and stored with the run.
    New {
        /// What the listener learned.
        input: EventInput,
        /// The bytes as they came.
        payload: Vec<u8>,
    },
    /// It is stored already: a replay.
    Stored(Arc<Event>),
    /// It is new and stored, and starts nothing: mail of machines.
    Kept {
        /// What the listener learned.
        input: EventInput,
        /// The bytes as they came.
        payload: Vec<u8>,
        /// Why it starts nothing, for the audit trail.
        reason: String,
    },
}

/// Names a delivery within its trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DedupKey {
    /// The sender's name for it.
    pub key: String,
    /// Until when it is remembered.
    pub expires_at: Timestamp,
}

/// Where a request came from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// What the client says it is.
    pub user_agent: Option<String>,
    /// Our name for the request.
    pub request_id: Option<RequestId>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// Committed as a run of its own.
    New(RunId),
    /// The delivery was seen before: this is its run.
    Duplicate(RunId),
}

impl Accepted {
    /// The run, new or old.
    pub const fn run_id(self) -> RunId {
        match self {
            Self::New(id) | Self::Duplicate(id) => id,
        }
    }
}

/// Why nothing was accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The workflow is gone.
    #[error("the workflow no longer exists")]
    WorkflowGone,
    /// The trigger is gone.
    #[error("the trigger no longer exists")]
    TriggerGone,
    /// The trigger is paused.
    #[error("the trigger is paused")]
    TriggerPaused,
    /// The account may no longer act: its key was revoked or has expired.
    #[error("the account was revoked")]
    AccountRevoked,
    /// The run that starts it may not.
    #[error(transparent)]
    Child(#[from] ChildRefusal),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What [`write`] wrote.
pub(crate) struct Outcome {
    pub(crate) answers: Vec<Result<Accepted, AcceptError>>,
    pub(crate) seated: Vec<(Box<dyn Seat>, Claimed)>,
    /// Whether a run without seat is due.
    pub(crate) due: bool,
}

/// A run ready to be stored.
struct Row<'a> {
    new: &'a NewRun,
    claimed: Claimed,
    terms: Arc<Terms>,
    seat: Option<Box<dyn Seat>>,
    digest: Option<Digest>,
}

impl Row<'_> {
    /// Whether its event is only stored.
    const fn is_kept(&self) -> bool {
        matches!(self.new.event, EventSource::Kept { .. })
    }
}

/// What an account's runs of a workflow are made with: worked out once per batch, since a flood is of one kind.
struct Terms {
    principal: Principal,
    workflow: LiveWorkflow,
    authority: Authority,
    /// As it is stored.
    authority_text: String,
    /// What the workflow declares and the authority lacks, as it is stored.
    missing_text: String,
    parked: i64,
}

impl Terms {
    /// Within what the parent may do, if a run starts it.
    fn of(account: &LiveAccount, workflow: LiveWorkflow, parent: Option<&Authority>) -> Self {
        let above = parent.map_or_else(
            || Authority::of(account.grants.clone()),
            |parent| parent.narrowed_to(&account.grants),
        );
        let authority = above.narrowed_to(&workflow.grants);
        let missing: Vec<String> =
            workflow.grants.missing_from(authority.grants()).map(ToString::to_string).collect();
        let mut parked = 0;
        parked |= if workflow.org_suspended { PARKED_ORG } else { 0 };
        parked |= if account.suspended { PARKED_ACCOUNT } else { 0 };
        parked |= if workflow.paused { PARKED_WORKFLOW } else { 0 };
        Self {
            principal: account.principal.clone(),
            authority_text: serde_json::to_string(&authority).unwrap_or_default(),
            missing_text: serde_json::to_string(&missing).unwrap_or_default(),
            workflow,
            authority,
            parked,
        }
    }
}

/// What a batch has looked up and worked out so far.
struct Known {
    live: Live,
    terms: HashMap<(OrgId, WorkflowId, AccountId), Arc<Terms>>,
}

pub(crate) async fn write(
    tx: &mut Tx,
    shared: &Shared,
    handoff: Option<&dyn Handoff>,
    runs: &[&NewRun],
    entries: &mut Vec<AuditEntry>,
) -> Result<Outcome, StorageError> {
    let now = shared.clock.now();
    let mut known = Known { live: Live::new(Keys::Held), terms: HashMap::new() };
    let triggers = runs.iter().filter_map(|new| Some((new.workflow_id, new.trigger_id?)));
    known.live.triggers(tx, triggers).await?;
    let mut answers: Vec<Option<Result<Accepted, AcceptError>>> = Vec::with_capacity(runs.len());
    let mut prepared = Vec::with_capacity(runs.len());
    for new in runs {
        match prepare(tx, shared.node, &mut known, new, now).await? {
            Ok(row) => {
                prepared.push((answers.len(), row));
                answers.push(None);
            }
            Err(refusal) => answers.push(Some(Err(refusal))),
        }
    }
    let deliveries = prepared.iter().map(|(_, row)| row.new);
    let firsts = crate::dedup_keys::remember(tx, deliveries, now).await?;
    let mut rows = Vec::with_capacity(prepared.len());
    for (index, row) in prepared {
        if let Some(parent) = &row.new.parent {
            let answer = children::admit(tx, parent, row.new).await?;
            if matches!(answer, Ok(Accepted::New(_))) {
                rows.push(row);
            }
            answers[index] = Some(answer);
            continue;
        }
        match firsts.of(row.new) {
            Some(first) if first.run != row.new.run_id => {
                entries.push(accept_entry(&row, now, Some(first.run)));
                answers[index] = Some(Ok(Accepted::Duplicate(first.run)));
            }
            // Handed in again after an answer that was lost: it is committed already.
            Some(first) if !first.is_new => answers[index] = Some(Ok(Accepted::New(first.run))),
            _ => {
                answers[index] = Some(Ok(Accepted::New(row.new.run_id)));
                rows.push(row);
            }
        }
    }
    for row in &mut rows {
        let at_once =
            row.terms.parked == 0 && !row.claimed.limited && row.new.due_at.is_none() && !row.is_kept();
        row.seat = handoff.filter(|_| at_once).and_then(Handoff::seat);
        if row.seat.is_some() {
            row.claimed.attempt = 1;
            row.claimed.epoch = 1;
        }
        entries.push(accept_entry(row, now, None));
    }
    store(tx, shared, &rows, now).await?;
    let due = rows.iter().any(|row| row.seat.is_none() && !row.is_kept());
    let seated = rows.into_iter().filter_map(|row| row.seat.map(|seat| (seat, row.claimed))).collect();
    let answers = answers.into_iter().map(|a| a.unwrap_or(Err(AcceptError::WorkflowGone))).collect();
    Ok(Outcome { answers, seated, due })
}

async fn prepare<'a>(
    tx: &mut Tx,
    node: NodeId,
    known: &mut Known,
    new: &'a NewRun,
    now: Timestamp,
) -> Result<Result<Row<'a>, AcceptError>, StorageError> {
    if let Some(trigger) = new.trigger_id {
        match known.live.trigger(tx, new.workflow_id, trigger).await? {
            None => return Ok(Err(AcceptError::TriggerGone)),
            Some(trigger) if trigger.paused => return Ok(Err(AcceptError::TriggerPaused)),
            Some(_) => {}
        }
    }
    let key = (new.org_id, new.workflow_id, new.account_id);
    let kept = known.terms.get(&key).filter(|_| new.parent.is_none());
    let terms = if let Some(terms) = kept {
        Arc::clone(terms)
    } else {
        let Some(workflow) = known.live.workflow(tx, new.org_id, new.workflow_id).await?.cloned() else {
            return Ok(Err(AcceptError::WorkflowGone));
        };
        let Some(account) = known.live.account(tx, new.org_id, new.account_id, now).await? else {
            return Ok(Err(AcceptError::AccountRevoked));
        };
        if let Some(parent) = &new.parent {
            if let Some(refusal) = children::refusal(tx, node, parent, account, &workflow.name).await? {
                return Ok(Err(refusal.into()));
            }
            Arc::new(Terms::of(account, workflow, Some(&parent.run.authority)))
        } else {
            let terms = Arc::new(Terms::of(account, workflow, None));
            known.terms.insert(key, Arc::clone(&terms));
            terms
        }
    };
    let (event, digest) = match &new.event {
        EventSource::New { input, payload } | EventSource::Kept { input, payload, .. } => {
            let event = Event {
                id: EventId::random(),
                received_at: now,
                input: input.clone(),
                payload: payload.clone(),
            };
            let digest = (payload.len() > MAX_INLINE_PAYLOAD_BYTES).then(|| Digest::of(payload));
            (Arc::new(event), digest)
        }
        EventSource::Stored(event) => (Arc::clone(event), None),
    };
    Ok(Ok(Row {
        claimed: Claimed {
            run_id: new.run_id,
            org_id: new.org_id,
            workflow_id: new.workflow_id,
            workflow_version: terms.workflow.version,
            workflow: terms.workflow.name.clone(),
            digest: terms.workflow.digest,
            principal: terms.principal.clone(),
            initiator: new.initiator.clone(),
            trigger_id: new.trigger_id,
            chain: new.parent.as_ref().map_or_else(Vec::new, |p| children::chain_below(&p.run)),
            authority: terms.authority.clone(),
            event,
            attempt: 0,
            lost: 0,
            epoch: 0,
            limited: terms.workflow.concurrency.is_some(),
            created_at: now,
        },
        new,
        terms,
        seat: None,
        digest,
    }))
}

async fn store(tx: &mut Tx, shared: &Shared, rows: &[Row<'_>], now: Timestamp) -> Result<(), StorageError> {
    let fresh: Vec<&Row<'_>> =
        rows.iter().filter(|r| !matches!(r.new.event, EventSource::Stored(_))).collect();
    let runs: Vec<&Row<'_>> = rows.iter().filter(|r| !r.is_kept()).collect();
    for row in &fresh {
        if let Some(digest) = row.digest {
            crate::blobs::put(tx, digest, &row.claimed.event.payload, now).await?;
        }
    }
    tx.insert_rows(
        "INSERT INTO events (id, org_id, trigger_id, received_at, input, payload, payload_digest) VALUES {rows}",
        7,
        &fresh,
        |s, row| {
            let event = &row.claimed.event;
            s.bind(event.id.0)
                .bind(row.new.org_id.0)
                .bind(row.new.trigger_id.map(|t| t.0))
                .bind(event.received_at.as_micros())
                .bind(serde_json::to_string(&event.input).unwrap_or_default())
                .bind(row.digest.is_none().then(|| event.payload.clone()))
                .bind(row.digest.map(|d| d.0.to_vec()))
        },
    )
    .await?;
    tx.insert_rows(
        "INSERT INTO runs (id, org_id, workflow_id, workflow_version, event_id, account_id, principal_kind, principal_name, initiator_kind, initiator_id, trigger_id, authority, missing_grants, replay_of, state, attempt, created_at, started_at, due_at, chain) VALUES {rows}",
        20,
        &runs,
        |s, row| {
            let run = &row.claimed;
            let running = row.seat.is_some();
            s.bind(run.run_id.0)
                .bind(run.org_id.0)
                .bind(run.workflow_id.0)
                .bind(run.workflow_version)
                .bind(run.event.id.0)
                .bind(run.principal.id.0)
                .bind(run.principal.kind.as_str())
                .bind(run.principal.name.clone())
                .bind(run.initiator.kind.as_str())
                .bind(run.initiator.id.clone())
                .bind(run.trigger_id.map(|t| t.0))
                .bind(row.terms.authority_text.clone())
                .bind(row.terms.missing_text.clone())
                .bind(row.new.replay_of.map(|r| r.0))
                .bind(if running { "running" } else { "queued" })
                .bind(i64::from(running))
                .bind(now.as_micros())
                .bind(running.then_some(now.as_micros()))
                .bind(row.new.due_at.map(Timestamp::as_micros))
                .bind(children::chain_text(&run.chain))
        },
    )
    .await?;
    let replayed: Vec<RunId> = rows.iter().filter_map(|row| row.new.replay_of).collect();
    crate::dead_letters::replayed(tx, replayed, now).await?;
    let queued: Vec<&Row<'_>> = runs.into_iter().filter(|r| r.seat.is_none()).collect();
    tx.insert_rows(
        "INSERT INTO ready (run_id, org_id, workflow_id, account_id, due_at, parked) VALUES {rows}",
        6,
        &queued,
        |s, row| {
            s.bind(row.new.run_id.0)
                .bind(row.new.org_id.0)
                .bind(row.new.workflow_id.0)
                .bind(row.new.account_id.0)
                .bind(row.new.due_at.unwrap_or(now).as_micros())
                .bind(row.terms.parked)
        },
    )
    .await?;
    let leased: Vec<Claimed> = rows.iter().filter(|r| r.seat.is_some()).map(|r| r.claimed.clone()).collect();
    claim::insert_leases(tx, shared.node, &leased).await
}

fn accept_entry(row: &Row<'_>, now: Timestamp, duplicate_of: Option<RunId>) -> AuditEntry {
    let new = row.new;
    let run = &row.claimed;
    let initiator = AuditInitiator {
        kind: new.initiator.kind,
        trigger_id: new.trigger_id,
        external_ref: new
            .dedup
            .as_ref()
            .filter(|_| new.initiator.kind != InitiatorKind::Schedule)
            .map(|d| d.key.clone()),
    };
    let action = match (duplicate_of, new.replay_of, new.trigger_id) {
        (Some(_), _, _) => "event.duplicate",
        (None, Some(_), _) => "run.replay",
        (None, None, Some(_)) if row.is_kept() => "event.keep",
        (None, None, Some(_)) => "event.accept",
        (None, None, None) => "workflow.run",
    };
    let mut entry =
        AuditEntry::new(new.org_id, now, action, AuditOutcome::Ok, run.principal.clone(), initiator);
    // An event that is only kept has no run.
    entry.run_id = Some(duplicate_of.unwrap_or(run.run_id)).filter(|_| !row.is_kept());
    entry.reason = said(&new.event);
    entry.chain.clone_from(&run.chain);
    entry.workflow = Some(run.workflow.clone());
    entry.plugin_digest = Some(run.digest);
    entry.credential.clone_from(&new.credential);
    entry.ip = new.origin.ip;
    entry.user_agent.clone_from(&new.origin.user_agent);
    entry.request_id = new.origin.request_id;
    entry.targets = vec![match new.replay_of {
        Some(original) => Target::new("run", original),
        None if row.is_kept() && duplicate_of.is_none() => Target::new("event", run.event.id),
        None => Target::named("workflow", new.workflow_id, run.workflow.clone()),
    }];
    if new.trigger_id.is_none() {
        entry.permission = Some(if new.replay_of.is_some() {
            "runs:replay".to_owned()
        } else {
            format!("workflows:run:{}", run.workflow)
        });
    }
    entry
}

/// What the audit trail says of a mail: the proofs of its sender, and why it starts nothing if it doesn't.
fn said(event: &EventSource) -> Option<String> {
    let (EventSource::New { input, .. } | EventSource::Kept { input, .. }) = event else { return None };
    let EventInput::Email(email) = input else { return None };
    let proofs = &email.verdicts;
    let verdicts = format!(
        "spf {}, dkim {}, dmarc {}",
        proofs.spf.as_str(),
        proofs.dkim.as_str(),
        proofs.dmarc.as_str()
    );
    Some(match event {
        EventSource::Kept { reason, .. } => format!("{reason}; {verdicts}"),
        _ => verdicts,
    })
}
