//! What triggers took and refused, gathered in memory: counts, and refusals beyond the first of a kind. What must hold: the
//! first refusal of a kind is in the audit trail before its answer; a flood of them adds one entry a minute, with their number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use factotum_model::account::BASE_ACCOUNT_NAME;
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::{AccountKind, InitiatorKind, Principal, TriggerId};
use factotum_storage::accept::Origin;
use factotum_storage::triggers::{self, Counts};
use factotum_storage::{Storage, StorageError};
use tokio::time::Instant;

use crate::known::Known;
use crate::refusal::Refusal;

/// For how long refusals of a kind are counted together.
pub(crate) const TOGETHER: Duration = Duration::from_mins(1);

type Kind = (TriggerId, &'static str);

/// Refusals of one kind since the last entry about them.
#[derive(Debug)]
struct Flood {
    since: Instant,
    more: u64,
    known: Arc<Known>,
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Mutex<HashMap<TriggerId, Counts>>,
    floods: Mutex<HashMap<Kind, Flood>>,
}

impl Tally {
    pub(crate) fn accepted(&self, trigger: TriggerId) {
        self.add(trigger, |counts| counts.accepted += 1);
    }

    pub(crate) fn duplicate(&self, trigger: TriggerId) {
        self.add(trigger, |counts| counts.duplicates += 1);
    }

    fn add(&self, trigger: TriggerId, add: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        add(counts.entry(trigger).or_default());
    }

    /// Counts a refusal, and gives the entry to commit if it is the first of its kind for a while.
    pub(crate) fn refused(
        &self,
        storage: &Storage,
        known: &Arc<Known>,
        refusal: &Refusal,
        origin: &Origin,
    ) -> Option<AuditEntry> {
        self.add(known.id, |counts| counts.rejected += 1);
        let code = refusal.row().2;
        let mut floods = self.floods.lock().unwrap_or_else(PoisonError::into_inner);
        let flood = floods.get_mut(&(known.id, code)).filter(|flood| flood.since.elapsed() < TOGETHER);
        if let Some(flood) = flood {
            flood.more += 1;
            return None;
        }
        // What an older flood has left is told with this entry.
        let known = Arc::clone(known);
        let flood = Flood { since: Instant::now(), more: 0, known: Arc::clone(&known) };
        let more = floods.insert((known.id, code), flood).map_or(0, |old| old.more);
        drop(floods);
        let mut reason = format!("{code}: {refusal}");
        if more > 0 {
            reason = format!("{reason} (and {more} more like this before)");
        }
        let mut entry = entry(storage, &known, reason);
        entry.ip = origin.ip;
        entry.user_agent.clone_from(&origin.user_agent);
        entry.request_id = origin.request_id;
        Some(entry)
    }

    /// Writes down what was gathered; on failure it stays gathered.
    pub(crate) async fn flush(&self, storage: &Storage, all: bool) -> Result<(), StorageError> {
        let counts: Vec<(TriggerId, Counts)> =
            self.counts.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
        let told = self.over(all);
        if counts.is_empty() && told.is_empty() {
            return Ok(());
        }
        let entries: Vec<AuditEntry> = told
            .iter()
            .map(|((_, code), flood)| {
                entry(storage, &flood.known, format!("{code}: {} more like this", flood.more))
            })
            .collect();
        let written = async {
            let mut tx = storage.write().await?;
            triggers::count(&mut tx, &counts).await?;
            factotum_storage::audit_entries::append(&mut tx, &entries).await?;
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

/// An entry about a trigger's refusals.
fn entry(storage: &Storage, known: &Known, reason: String) -> AuditEntry {
    let actor =
        Principal { id: known.base_account, kind: AccountKind::Base, name: BASE_ACCOUNT_NAME.to_owned() };
    let initiator =
        AuditInitiator { kind: InitiatorKind::Email, trigger_id: Some(known.id), external_ref: None };
    let now = storage.clock().now();
    let mut entry =
        AuditEntry::new(known.org_id, now, "event.reject", AuditOutcome::Denied, actor, initiator);
    entry.reason = Some(reason);
    entry.workflow = Some(known.workflow.clone());
    entry.targets = vec![Target::new("trigger", known.id)];
    entry
}
