//! Letting an interchange out of the quarantine. What must hold: it goes the way of every other, by the partners and triggers that there are now; what still
//! belongs to nobody stays.

use factotum_model::AccountId;
use factotum_model::edi::State;
use factotum_storage::Tx;
use factotum_storage::accept::Origin;
use factotum_storage::edi::interchanges::Interchange;

use crate::accept::{Place, Unwritten};
use crate::door::Arrival;
use crate::inbox::Inbox;
use crate::outcome::Told;
use crate::plan::{Plan, plan};
use crate::read;
use crate::refusal::Refusal;

impl Inbox {
    /// Takes an interchange that is in quarantine, within the transaction of whoever lets it out. After the commit [`Inbox::released`] is to be called.
    pub async fn release(
        &self,
        tx: &mut Tx,
        kept: (&Interchange, Vec<u8>),
        base_account: AccountId,
        origin: &Origin,
    ) -> Result<Told, Refusal> {
        let (record, bytes) = kept;
        if record.state != State::Quarantined {
            return Err(Refusal::NotQuarantined);
        }
        let mut all = read::all(bytes).map_err(|(_, e)| Refusal::StaysQuarantined(e.words))?;
        let (Some(read), true) = (all.pop(), all.is_empty()) else {
            let words = "it holds several interchanges; its sender is to send them again".to_owned();
            return Err(Refusal::StaysQuarantined(words));
        };
        let arrival = Arrival { transport: transport(&record.transport), origin: origin.clone() };
        let place = Place {
            storage: &self.storage,
            org: record.org_id,
            base_account,
            door: record.trigger_id,
            arrival: &arrival,
            id: record.id,
            quarantined: Some(record.received_at),
        };
        let written = match plan(&self.storage, tx, (record.org_id, None), &read).await? {
            Plan::Quarantine(_, words) => return Err(Refusal::StaysQuarantined(words)),
            Plan::Take(take) => place.take(tx, &read, &take).await,
            Plan::Repeat(first) => place.repeat(tx, &read, &first).await,
        };
        match written {
            Ok(written) => Ok(written.told),
            Err(Unwritten::Again) => Err(Refusal::Unavailable),
            Err(Unwritten::Refused(refusal)) => Err(refusal),
        }
    }

    /// What was let out is committed.
    pub fn released(&self) {
        self.storage.runs_are_due();
    }
}

/// The transport that is stored, as the word that it always is.
fn transport(stored: &str) -> &'static str {
    ["http", "directory", "as2", "sftp", "email"].into_iter().find(|word| *word == stored).unwrap_or("http")
}
