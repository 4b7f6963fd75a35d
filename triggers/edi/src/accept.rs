//! The transaction that takes an interchange: its record, its control numbers, its events and runs, its acknowledgement and the audit entries. What must hold: all
//! of it or nothing; who was slower writes nothing, and decides anew by what is there then.

use std::time::Duration;

use factotum_edi_codec::Severity;
use factotum_model::edi::State;
use factotum_model::{AccountId, InterchangeId, OrgId, RunId, Timestamp, TriggerId};
use factotum_storage::accept::{AcceptError, Accepted};
use factotum_storage::audit_entries;
use factotum_storage::edi::interchanges::{self, Interchange};
use factotum_storage::edi::{controls, numbers, partners};
use factotum_storage::{Storage, StorageError, Tx};
use serde_json::{Value, json};

use crate::door::Arrival;
use crate::outcome::Told;
use crate::plan::Take;
use crate::read::Read;
use crate::refusal::Refusal;
use crate::{acknowledge, entry, runs};

const DAY: Duration = Duration::from_hours(24);

/// Where and as what an interchange is written down.
pub(crate) struct Place<'a> {
    pub(crate) storage: &'a Storage,
    pub(crate) org: OrgId,
    pub(crate) base_account: AccountId,
    pub(crate) door: Option<TriggerId>,
    pub(crate) arrival: &'a Arrival,
    /// Its id, and whether it is in quarantine under it.
    pub(crate) id: InterchangeId,
    pub(crate) quarantined: Option<Timestamp>,
}

/// What was written, to be told after the commit.
pub(crate) struct Written {
    pub(crate) told: Told,
    /// The triggers of the runs, in order.
    pub(crate) triggers: Vec<TriggerId>,
}

/// Why nothing was written.
pub(crate) enum Unwritten {
    /// Another transaction was faster.
    Again,
    /// It is refused.
    Refused(Refusal),
}

impl From<StorageError> for Unwritten {
    fn from(error: StorageError) -> Self {
        match error {
            // The same numbers, or the same bytes in quarantine, at the same time.
            StorageError::Conflict(_) | StorageError::Exists { .. } => Self::Again,
            error => Self::Refused(error.into()),
        }
    }
}

impl From<AcceptError> for Unwritten {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Storage(error) => error.into(),
            // Deleted a moment ago: it gets nothing of the next try.
            AcceptError::TriggerGone | AcceptError::WorkflowGone => Self::Again,
            error => Self::Refused(error.into()),
        }
    }
}

impl Place<'_> {
    fn now(&self) -> Timestamp {
        self.storage.clock().now()
    }

    /// What is known of every interchange, whatever becomes of it.
    pub(crate) fn record(&self, read: &Read, state: State) -> Interchange {
        let now = self.now();
        Interchange {
            id: self.id,
            org_id: self.org,
            received_at: self.quarantined.unwrap_or(now),
            transport: self.arrival.transport.to_owned(),
            trigger_id: self.door,
            standard: read.standard(),
            state,
            partner: None,
            sender: Some(read.sender()),
            receiver: Some(read.receiver()),
            control: Some(read.interchange.control.clone()),
            test: read.interchange.test,
            digest: read.digest,
            size: read.bytes.len() as u64,
            sets: read.interchange.groups.iter().map(|group| group.received).sum(),
            accepted: 0,
            reason: None,
            report: json!({"interchange": read.interchange}),
            acknowledgement: None,
            acknowledged: false,
            first_id: None,
            settled_at: self.quarantined.map(|_| now),
        }
    }

    /// Writes the record: a new one, or what became of one in quarantine.
    pub(crate) async fn put(&self, tx: &mut Tx, record: &Interchange, bytes: &[u8]) -> Result<(), Unwritten> {
        if self.quarantined.is_none() {
            interchanges::insert(tx, record, bytes).await?;
        } else if !interchanges::settle(tx, record).await? {
            return Err(Unwritten::Refused(Refusal::NotQuarantined));
        }
        Ok(())
    }

    /// Takes an interchange.
    pub(crate) async fn take(&self, tx: &mut Tx, read: &Read, take: &Take) -> Result<Written, Unwritten> {
        let (now, partner) = (self.now(), &take.partner);
        // What was agreed may have changed since it was read.
        let current = partners::get(tx, self.org, partner.id).await?;
        if current.is_none_or(|current| current.updated_at != partner.updated_at) {
            return Err(Unwritten::Again);
        }
        let until = now.plus(DAY * partner.spec.window_days);
        if !controls::claim(tx, (partner.id, self.id), &take.controls, until, now).await? {
            return Err(Unwritten::Again);
        }
        let starts = runs::all(self.id, read, take, &self.arrival.origin);
        let (new, places): (Vec<_>, Vec<_>) = starts.into_iter().unzip();
        let mut entries = Vec::new();
        for answer in self.storage.accept_within(tx, &new, &mut entries).await? {
            answer.map(Accepted::run_id)?;
        }
        let acknowledgement = match acknowledge::kind(&take.interchange, &partner.spec) {
            Some(kind) => {
                let number = numbers::next(tx, partner.id, standard(read)).await?;
                acknowledge::make(&take.interchange, &partner.spec, kind, number, now)
            }
            None => None,
        };
        let (sets, accepted) = take.counts();
        let run_ids: Vec<RunId> = new.iter().map(|run| run.run_id).collect();
        let record = Interchange {
            partner: Some((partner.id, partner.spec.name.clone())),
            sets,
            accepted: if take.state == State::Rejected { 0 } else { accepted },
            reason: reason(take),
            report: json!({"interchange": take.interchange, "runs": started(&new, &places)}),
            acknowledgement: acknowledgement.clone(),
            first_id: take.repeats,
            ..self.record(read, take.state)
        };
        self.put(tx, &record, &read.bytes).await?;
        for own in &mut entries {
            own.initiator.external_ref = entry::external_ref(&record);
        }
        let whose = (self.base_account, &self.arrival.origin);
        entries.extend(entry::about(&record, whose, !run_ids.is_empty(), now));
        audit_entries::append(tx, &entries).await?;
        let fault = (take.state == State::Rejected).then(|| take.fault()).flatten();
        Ok(Written {
            triggers: new.iter().filter_map(|run| run.trigger_id).collect(),
            told: Told {
                id: self.id,
                state: take.state,
                standard: read.standard(),
                acknowledgement,
                runs: run_ids,
                fault,
            },
        })
    }

    /// Writes down that an interchange came again: its sender gets the first one's acknowledgement.
    pub(crate) async fn repeat(
        &self,
        tx: &mut Tx,
        read: &Read,
        first: &Interchange,
    ) -> Result<Written, Unwritten> {
        let record = Interchange {
            partner: first.partner.clone(),
            accepted: 0,
            reason: Some(format!("duplicate: it came before, as {}", first.id)),
            acknowledgement: first.acknowledgement.clone(),
            first_id: Some(first.id),
            ..self.record(read, State::Duplicate)
        };
        self.put(tx, &record, &read.bytes).await?;
        let whose = (self.base_account, &self.arrival.origin);
        let entries: Vec<_> = entry::about(&record, whose, false, self.now()).into_iter().collect();
        audit_entries::append(tx, &entries).await?;
        Ok(Written {
            triggers: Vec::new(),
            told: Told {
                id: self.id,
                state: State::Duplicate,
                standard: read.standard(),
                acknowledgement: record.acknowledgement,
                runs: Vec::new(),
                fault: None,
            },
        })
    }
}

/// Only what has partners is taken, and partners have one of these two.
fn standard(read: &Read) -> factotum_model::edi::Standard {
    read.standard().unwrap_or(factotum_model::edi::Standard::X12)
}

/// Which run is about which sets.
fn started(runs: &[factotum_storage::accept::NewRun], places: &[Vec<(usize, usize)>]) -> Value {
    let each = runs
        .iter()
        .zip(places)
        .map(|(run, sets)| json!({"run": run.run_id, "trigger": run.trigger_id, "sets": sets}));
    each.collect()
}

/// Why not all of it was taken, for lists and the audit trail: codes and places, nothing of what a document says.
fn reason(take: &Take) -> Option<String> {
    let (sets, accepted) = take.counts();
    let first = take.interchange.all_findings().find(|found| found.severity == Severity::Error);
    let place = first.map(|found| format!("{} at byte {}", found.code, found.offset));
    match take.state {
        State::Rejected => Some(format!("rejected: {}", place.unwrap_or_default())),
        State::Partial => {
            let refused = sets - accepted;
            Some(format!(
                "partial: {refused} of {sets} sets refused, the first: {}",
                place.unwrap_or_default()
            ))
        }
        _ if take.repeats.is_some() => {
            Some("flagged: its control numbers came before, with other bytes".to_owned())
        }
        _ => None,
    }
}
