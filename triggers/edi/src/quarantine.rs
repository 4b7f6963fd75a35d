//! What belongs to nobody known, or cannot be read: kept with its bytes until somebody decides. What must hold: the same bytes are kept once; a flood fills no
//! disk, as so much is kept and then refused.

use factotum_model::Digest;
use factotum_model::edi::State;
use factotum_storage::edi::interchanges::{self, Interchange};
use factotum_storage::{Tx, audit_entries};
use serde_json::json;

use crate::accept::{Place, Unwritten};
use crate::entry;
use crate::outcome::Told;
use crate::read::{Read, Unreadable};
use crate::refusal::Refusal;

/// How many interchanges of an organization may be in quarantine.
pub(crate) const MAX_QUARANTINED: u32 = 1_000;

impl Place<'_> {
    /// Keeps an interchange aside, for this reason.
    pub(crate) async fn quarantine(
        &self,
        tx: &mut Tx,
        read: &Read,
        (code, words): (&str, &str),
    ) -> Result<Told, Unwritten> {
        let record =
            Interchange { reason: Some(format!("{code}: {words}")), ..self.record(read, State::Quarantined) };
        self.keep(tx, record, &read.bytes).await
    }

    /// Keeps bytes aside that are no interchange.
    pub(crate) async fn quarantine_bytes(
        &self,
        tx: &mut Tx,
        bytes: &[u8],
        unreadable: &Unreadable,
    ) -> Result<Told, Unwritten> {
        let record = Interchange {
            id: self.id,
            org_id: self.org,
            received_at: self.storage.clock().now(),
            transport: self.arrival.transport.to_owned(),
            trigger_id: self.door,
            standard: None,
            state: State::Quarantined,
            partner: None,
            sender: None,
            receiver: None,
            control: None,
            test: false,
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            sets: 0,
            accepted: 0,
            // Its words may quote what came, which the audit trail does not.
            reason: Some(format!("unreadable: at byte {}", unreadable.offset)),
            report: json!({"unreadable": {"offset": unreadable.offset, "message": unreadable.words}}),
            acknowledgement: None,
            acknowledged: false,
            first_id: None,
            settled_at: None,
        };
        self.keep(tx, record, bytes).await
    }

    async fn keep(&self, tx: &mut Tx, record: Interchange, bytes: &[u8]) -> Result<Told, Unwritten> {
        let told = |id| Told {
            id,
            state: State::Quarantined,
            standard: record.standard,
            acknowledgement: None,
            runs: Vec::new(),
            fault: None,
        };
        let (known, count) = interchanges::quarantined(tx, self.org, record.digest, MAX_QUARANTINED).await?;
        if let Some(known) = known {
            return Ok(told(known));
        }
        if count >= MAX_QUARANTINED {
            return Err(Unwritten::Refused(Refusal::QuarantineFull));
        }
        interchanges::insert(tx, &record, bytes).await?;
        let whose = (self.base_account, &self.arrival.origin);
        let entries: Vec<_> = entry::about(&record, whose, false, record.received_at).into_iter().collect();
        audit_entries::append(tx, &entries).await?;
        Ok(told(self.id))
    }
}
