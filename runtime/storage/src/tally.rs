//! What triggers took and refused, gathered in memory: counts, and refusals and handshakes beyond the first of a kind. What must hold: the
//! first one of a kind is in the audit trail before its answer; a flood of them adds one entry a minute, with their number.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use factotum_model::account::BASE_ACCOUNT_NAME;
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::{AccountId, AccountKind, InitiatorKind, OrgId, Principal, TriggerId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::accept::Origin;
use crate::audit_entries;
use crate::error::StorageError;
use crate::storage::Storage;
use crate::triggers::{self, Counts};

/// How often it is written down.
const FLUSH: Duration = Duration::from_secs(1);
/// For how long refusals of a kind are counted together.
const TOGETHER: Duration = Duration::from_mins(1);

type Kind = (TriggerId, &'static str);

/// The trigger that refused or answered something, as its entries name it.
#[derive(Debug, Clone)]
pub struct Refuser {
    /// Which.
    pub id: TriggerId,
    /// Of what kind.
    pub kind: InitiatorKind,
    /// Its organization.
    pub org_id: OrgId,
    /// The organization's base account, which its runs have.
    pub base_account: AccountId,
    /// The name of its workflow.
    pub workflow: String,
}

/// What there can be a flood of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Something was refused.
    Refused,
    /// A sender that asked before it delivers was answered.
    Answered,
}

impl Told {
    const fn row(self) -> (&'static str, AuditOutcome) {
        match self {
            Self::Refused => ("event.reject", AuditOutcome::Denied),
            Self::Answered => ("event.handshake", AuditOutcome::Ok),
        }
    }
}

/// What there was of one kind since the last entry about it.
#[derive(Debug)]
struct Flood {
    since: Instant,
    more: u64,
    told: Told,
    refuser: Refuser,
}

/// What is gathered.
#[derive(Debug, Default)]
pub struct Tally {
    counts: Mutex<HashMap<TriggerId, Counts>>,
    floods: Mutex<HashMap<Kind, Flood>>,
}

impl Tally {
    /// A delivery was taken.
    pub fn accepted(&self, trigger: TriggerId) {
        self.add(trigger, |counts| counts.accepted += 1);
    }

    /// A delivery was one that is known.
    pub fn duplicate(&self, trigger: TriggerId) {
        self.add(trigger, |counts| counts.duplicates += 1);
    }

    /// A delivery was refused, which is on the record already.
    pub fn rejected(&self, trigger: TriggerId) {
        self.add(trigger, |counts| counts.rejected += 1);
    }

    fn add(&self, trigger: TriggerId, add: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        add(counts.entry(trigger).or_default());
    }

    /// Counts a refusal, and gives the entry to commit if it is the first with its code for a while.
    pub fn refused(
        &self,
        storage: &Storage,
        refuser: Refuser,
        (code, refusal): (&'static str, &dyn Display),
        origin: &Origin,
    ) -> Option<AuditEntry> {
        self.add(refuser.id, |counts| counts.rejected += 1);
        self.told(storage, refuser, Told::Refused, (code, refusal), origin)
    }

    /// Counts the answer to a handshake, and gives the entry to commit before it if it is the first with this code for a while: whoever
    /// knows the address can send them.
    pub fn answered(
        &self,
        storage: &Storage,
        refuser: Refuser,
        (code, what): (&'static str, &dyn Display),
        origin: &Origin,
    ) -> Option<AuditEntry> {
        self.told(storage, refuser, Told::Answered, (code, what), origin)
    }

    /// The entry about the first one with this code was not committed: the next one gives it again.
    pub fn untold(&self, trigger: TriggerId, code: &'static str) {
        self.floods.lock().unwrap_or_else(PoisonError::into_inner).remove(&(trigger, code));
    }

    fn told(
        &self,
        storage: &Storage,
        refuser: Refuser,
        told: Told,
        (code, what): (&'static str, &dyn Display),
        origin: &Origin,
    ) -> Option<AuditEntry> {
        let id = refuser.id;
        let mut floods = self.floods.lock().unwrap_or_else(PoisonError::into_inner);
        let flood = floods.get_mut(&(id, code)).filter(|flood| flood.since.elapsed() < TOGETHER);
        if let Some(flood) = flood {
            flood.more += 1;
            return None;
        }
        // What an older flood has left is told with this entry.
        let flood = Flood { since: Instant::now(), more: 0, told, refuser: refuser.clone() };
        let more = floods.insert((id, code), flood).map_or(0, |old| old.more);
        drop(floods);
        let mut reason = format!("{code}: {what}");
        if more > 0 {
            reason = format!("{reason} (and {more} more like this before)");
        }
        let mut entry = entry(storage, &refuser, told, reason);
        entry.ip = origin.ip;
        entry.user_agent.clone_from(&origin.user_agent);
        entry.request_id = origin.request_id;
        Some(entry)
    }

    /// Writes down what was gathered, each second and at the end. `beside` is done as often.
    pub async fn keep(&self, storage: &Storage, stop: CancellationToken, mut beside: impl FnMut()) {
        let mut stopped = false;
        while !stopped {
            tokio::select! {
                () = stop.cancelled() => stopped = true,
                () = tokio::time::sleep(FLUSH) => {}
            }
            beside();
            if let Err(error) = self.flush(storage, stopped).await {
                tracing::warn!(%error, "what triggers took and refused is not written down yet");
            }
        }
    }

    /// Writes down what was gathered; on failure it stays gathered.
    async fn flush(&self, storage: &Storage, all: bool) -> Result<(), StorageError> {
        let counts: Vec<(TriggerId, Counts)> =
            self.counts.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
        let told = self.over(all);
        if counts.is_empty() && told.is_empty() {
            return Ok(());
        }
        let entries: Vec<AuditEntry> = told
            .iter()
            .map(|((_, code), flood)| {
                let reason = format!("{code}: {} more like this", flood.more);
                entry(storage, &flood.refuser, flood.told, reason)
            })
            .collect();
        let written = async {
            let mut tx = storage.write().await?;
            triggers::count(&mut tx, &counts).await?;
            audit_entries::append(&mut tx, &entries).await?;
            tx.commit().await
        };
        let outcome = written.await;
        if outcome.is_err() {
            self.put_back(counts, told);
        }
        outcome
    }

    /// Takes out the kinds whose time is over, and gives those of which there were more than the first.
    fn over(&self, all: bool) -> Vec<(Kind, Flood)> {
        let mut floods = self.floods.lock().unwrap_or_else(PoisonError::into_inner);
        floods
            .extract_if(|_, flood| all || flood.since.elapsed() >= TOGETHER)
            .filter(|(_, flood)| flood.more > 0)
            .collect()
    }

    fn put_back(&self, counts: Vec<(TriggerId, Counts)>, told: Vec<(Kind, Flood)>) {
        for (trigger, back) in counts {
            self.add(trigger, |counts| {
                counts.accepted += back.accepted;
                counts.rejected += back.rejected;
                counts.duplicates += back.duplicates;
            });
        }
        let mut floods = self.floods.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, flood) in told {
            let more = flood.more;
            floods.entry(kind).and_modify(|newer| newer.more += more).or_insert(flood);
        }
    }
}

/// An entry about what a trigger refused or answered.
fn entry(storage: &Storage, refuser: &Refuser, told: Told, reason: String) -> AuditEntry {
    let (action, outcome) = told.row();
    let actor =
        Principal { id: refuser.base_account, kind: AccountKind::Base, name: BASE_ACCOUNT_NAME.to_owned() };
    let initiator = AuditInitiator { kind: refuser.kind, trigger_id: Some(refuser.id), external_ref: None };
    let now = storage.clock().now();
    let mut entry = AuditEntry::new(refuser.org_id, now, action, outcome, actor, initiator);
    entry.reason = Some(reason);
    entry.workflow = Some(refuser.workflow.clone());
    entry.targets = vec![Target::new("trigger", refuser.id)];
    entry
}
