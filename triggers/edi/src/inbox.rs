//! All that comes in by EDI. What must hold: an answer comes after the commit; of a delivery with several interchanges each is committed for itself, so that one
//! that is sent again finds those that were taken.

use factotum_model::InterchangeId;
use factotum_storage::Storage;
use factotum_storage::tally::Tally;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accept::{Place, Unwritten, Written};
use crate::door::{self, Arrival, Door};
use crate::outcome::{Taken, Told};
use crate::plan::{Plan, plan};
use crate::read::{self, Read, Unreadable};
use crate::refusal::Refusal;

/// From how many bytes on a delivery is read beside the others, and one at a time.
const LARGE_BYTES: usize = 1 << 20;
/// How often an interchange is decided about anew because another was faster.
const MAX_TRIES: u32 = 8;

/// All EDI triggers of a database.
#[derive(Debug)]
pub struct Inbox {
    pub(crate) storage: Storage,
    tally: Tally,
    /// Taken by one large delivery at a time: its documents as JSON are several times its size.
    large: Mutex<()>,
    tasks: TaskTracker,
}

impl Inbox {
    /// The triggers of a database. [`Inbox::tally`] must run beside it.
    pub fn over(storage: Storage) -> Self {
        Self { storage, tally: Tally::default(), large: Mutex::default(), tasks: TaskTracker::new() }
    }

    /// Writes down counts and the number of refusals, each second and at the end.
    pub async fn tally(&self, stop: CancellationToken) {
        self.tally.keep(&self.storage, stop, || {}).await;
    }

    /// The trigger with this token.
    pub async fn door(&self, token: &str) -> Result<Door, Refusal> {
        door::find(&self.storage, token).await
    }

    /// Takes what came in at a door.
    pub async fn take(&self, door: &Door, bytes: Vec<u8>, arrival: &Arrival) -> Result<Taken, Refusal> {
        let taken = self.take_all(door, bytes, arrival).await;
        if let Err(refusal) = &taken {
            self.refuse(door, refusal, arrival).await;
        }
        taken
    }

    async fn take_all(&self, door: &Door, bytes: Vec<u8>, arrival: &Arrival) -> Result<Taken, Refusal> {
        if door.paused {
            return Err(Refusal::Paused);
        }
        let large = bytes.len() > LARGE_BYTES;
        let _turn = if large { Some(self.large.lock().await) } else { None };
        let all = if large {
            let reading = self.tasks.spawn_blocking(move || read::all(bytes));
            reading.await.map_err(|_| Refusal::Internal)?
        } else {
            read::all(bytes)
        };
        let all = match all {
            Ok(all) => all,
            Err((bytes, unreadable)) => return self.keep(door, &bytes, unreadable, arrival).await,
        };
        let mut taken = Taken::default();
        for one in &all {
            taken.told.push(self.take_one(door, one, arrival).await?);
        }
        // Where nothing was agreed that would say it, the answer itself must.
        if taken.acknowledgement().is_none()
            && let Some((offset, words)) = taken.told.iter().find_map(|told| told.fault.clone())
        {
            return Err(Refusal::Rejected { offset, words });
        }
        Ok(taken)
    }

    async fn take_one(&self, door: &Door, read: &Read, arrival: &Arrival) -> Result<Told, Refusal> {
        for _ in 0..MAX_TRIES {
            match self.try_one(door, read, arrival).await {
                Ok(Some(written)) => {
                    self.count(door, &written);
                    return Ok(written.told);
                }
                Ok(None) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Err(Refusal::Unavailable)
    }

    /// Once; none if another transaction was faster.
    async fn try_one(&self, door: &Door, read: &Read, arrival: &Arrival) -> Result<Option<Written>, Refusal> {
        let mut tx = self.storage.read().await?;
        let decided = plan(&self.storage, &mut tx, (door.org_id, Some(door)), read).await?;
        drop(tx);
        let place = self.place(door, arrival);
        let mut tx = self.storage.write().await?;
        let written = match &decided {
            Plan::Take(take) => place.take(&mut tx, read, take).await,
            Plan::Repeat(first) => place.repeat(&mut tx, read, first).await,
            Plan::Quarantine(code, words) => place
                .quarantine(&mut tx, read, (*code, words.as_str()))
                .await
                .map(|told| Written { told, triggers: Vec::new() }),
        };
        match committed(tx, written).await {
            Ok(written) => {
                if !written.triggers.is_empty() {
                    self.storage.runs_are_due();
                }
                Ok(Some(written))
            }
            Err(Unwritten::Again) => Ok(None),
            Err(Unwritten::Refused(refusal)) => Err(refusal),
        }
    }

    async fn keep(
        &self,
        door: &Door,
        bytes: &[u8],
        unreadable: Unreadable,
        arrival: &Arrival,
    ) -> Result<Taken, Refusal> {
        if !bytes.is_empty() {
            let mut tx = self.storage.write().await?;
            let kept = self.place(door, arrival).quarantine_bytes(&mut tx, bytes, &unreadable).await;
            match committed(tx, kept).await {
                Ok(_) => self.tally.rejected(door.trigger),
                // The same bytes at the same time: they are kept.
                Err(Unwritten::Again) => {}
                Err(Unwritten::Refused(refusal)) => return Err(refusal),
            }
        }
        Err(Refusal::Unreadable { offset: unreadable.offset, words: unreadable.words })
    }

    fn place<'a>(&'a self, door: &Door, arrival: &'a Arrival) -> Place<'a> {
        Place {
            storage: &self.storage,
            org: door.org_id,
            base_account: door.base_account,
            door: Some(door.trigger),
            arrival,
            id: InterchangeId::random(),
            quarantined: None,
        }
    }

    pub(crate) fn count(&self, door: &Door, written: &Written) {
        use factotum_model::edi::State;
        for trigger in &written.triggers {
            self.tally.accepted(*trigger);
        }
        match written.told.state {
            State::Duplicate => self.tally.duplicate(door.trigger),
            State::Rejected | State::Partial | State::Quarantined => self.tally.rejected(door.trigger),
            State::Accepted | State::Discarded => {}
        }
    }

    /// Counts a refusal and puts it on the record. The first of a kind is committed before the sender hears of it.
    async fn refuse(&self, door: &Door, refusal: &Refusal, arrival: &Arrival) {
        if !refusal.is_the_senders() {
            return;
        }
        let said = (refusal.row().1, refusal as &dyn std::fmt::Display);
        if let Some(entry) = self.tally.refused(&self.storage, door.refuser(), said, &arrival.origin)
            && let Err(error) = self.storage.journal().record(entry).await
        {
            tracing::error!(%error, trigger = %door.trigger, "a refusal could not be put on the record");
        }
    }
}

/// Commits what was written; what collided with another transaction is written again.
async fn committed<T>(tx: factotum_storage::Tx, written: Result<T, Unwritten>) -> Result<T, Unwritten> {
    use factotum_storage::StorageError;
    let written = written?;
    match tx.commit().await {
        Ok(()) => Ok(written),
        Err(StorageError::Conflict(_)) => Err(Unwritten::Again),
        Err(error) => Err(error.into()),
    }
}
