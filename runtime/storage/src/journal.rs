//! The group commit: accepts, finishes and denials that arrive while the last commit is in flight are written together, in one
//! transaction. What must hold: whoever hands something in is answered after its own commit; one bad item fails alone; the
//! queue is bounded, and a full one is an answer, not a wait.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use factotum_model::audit::AuditEntry;
use tokio::sync::{mpsc, oneshot};

use crate::accept::{self, AcceptError, Accepted, NewRun};
use crate::claim::Claimed;
use crate::error::StorageError;
use crate::finish::{self, Finished};
use crate::storage::Shared;

/// How many items may wait for their commit; more are refused with [`StorageError::Saturated`].
pub const MAX_WAITING: usize = 8_192;
/// How many items one transaction takes.
pub const MAX_BATCH: usize = 256;
/// How often a batch is written again after it collided with another transaction.
const MAX_TRIES: u32 = 3;

/// Gives accepted runs straight to free instances of this node.
pub trait Handoff: Send + Sync {
    /// A free instance, if there is one and no older run waits for it.
    fn seat(&self) -> Option<Box<dyn Seat>>;
    /// Runs have become due that got no seat.
    fn wake(&self);
}

/// A free instance, kept for one run. Dropped unused, it is free again.
pub trait Seat: Send + Sync {
    /// Starts the run on it; its lease is committed.
    fn take(self: Box<Self>, run: Claimed);
}

/// The way into the group commit.
pub struct Journal {
    sender: mpsc::Sender<Item>,
    closed: tokio_util::sync::CancellationToken,
    handoff: Arc<OnceLock<Arc<dyn Handoff>>>,
}

pub(crate) struct Queue {
    receiver: mpsc::Receiver<Item>,
    closed: tokio_util::sync::CancellationToken,
    handoff: Arc<OnceLock<Arc<dyn Handoff>>>,
}

/// What became of each of the runs handed in together, in their order.
pub type Answers = Vec<Result<Accepted, AcceptError>>;

pub(crate) enum Item {
    Accept(Box<NewRun>, oneshot::Sender<Result<Accepted, AcceptError>>),
    AcceptAll(Vec<NewRun>, oneshot::Sender<Result<Answers, StorageError>>),
    Finish(Box<Finished>, oneshot::Sender<Result<bool, StorageError>>),
    Record(Box<AuditEntry>, oneshot::Sender<Result<(), StorageError>>),
}

impl Journal {
    pub(crate) fn channel() -> (Self, Queue) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let closed = tokio_util::sync::CancellationToken::new();
        let handoff = Arc::new(OnceLock::new());
        let journal = Self { sender, closed: closed.clone(), handoff: Arc::clone(&handoff) };
        (journal, Queue { receiver, closed, handoff })
    }

    pub(crate) fn set_handoff(&self, handoff: Arc<dyn Handoff>) {
        // A second one would change nothing: the first dispatcher of a process is its only one.
        let _ = self.handoff.set(handoff);
    }

    /// Runs without seat were committed elsewhere.
    pub(crate) fn wake(&self) {
        if let Some(handoff) = self.handoff.get() {
            handoff.wake();
        }
    }

    /// Takes nothing more; what waits is still committed.
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }

    /// Commits an event with its run. The answer comes after the commit.
    pub async fn accept(&self, run: NewRun) -> Result<Accepted, AcceptError> {
        let (reply, answer) = oneshot::channel();
        self.hand_in(Item::Accept(Box::new(run), reply))?;
        answer.await.map_err(|_| StorageError::Closed)?
    }

    /// Commits several events with their runs in one transaction: all of them, but for those that are refused, or none.
    pub async fn accept_all(&self, runs: Vec<NewRun>) -> Result<Answers, StorageError> {
        let (reply, answer) = oneshot::channel();
        self.hand_in(Item::AcceptAll(runs, reply))?;
        answer.await.map_err(|_| StorageError::Closed)?
    }

    /// Commits an attempt's end. False if the lease was lost, and nothing was written.
    pub async fn finish(&self, finished: Finished) -> Result<bool, StorageError> {
        let (reply, answer) = oneshot::channel();
        self.hand_in(Item::Finish(Box::new(finished), reply))?;
        answer.await.map_err(|_| StorageError::Closed)?
    }

    /// Commits an audit entry on its own: a denial, a rejected delivery.
    pub async fn record(&self, entry: AuditEntry) -> Result<(), StorageError> {
        let (reply, answer) = oneshot::channel();
        self.hand_in(Item::Record(Box::new(entry), reply))?;
        answer.await.map_err(|_| StorageError::Closed)?
    }

    /// How many items wait for their commit.
    pub fn waiting(&self) -> usize {
        MAX_WAITING - self.sender.capacity()
    }

    fn hand_in(&self, item: Item) -> Result<(), StorageError> {
        if self.closed.is_cancelled() {
            return Err(StorageError::Closed);
        }
        self.sender.try_send(item).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => StorageError::Saturated,
            mpsc::error::TrySendError::Closed(_) => StorageError::Closed,
        })
    }
}

/// The task behind the journal: ends when it is closed and empty.
pub(crate) async fn run(shared: Arc<Shared>, mut queue: Queue) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    loop {
        let received = tokio::select! {
            biased;
            n = queue.receiver.recv_many(&mut batch, MAX_BATCH) => n,
            () = queue.closed.cancelled() => {
                queue.receiver.close();
                queue.receiver.recv_many(&mut batch, MAX_BATCH).await
            }
        };
        if received == 0 {
            return;
        }
        let handoff = queue.handoff.get().map(AsRef::as_ref);
        commit(&shared, handoff, std::mem::take(&mut batch)).await;
        batch.reserve(MAX_BATCH);
    }
}

/// Writes a batch; again if it collided with another transaction; each item on its own if one of them is at fault.
async fn commit(shared: &Shared, handoff: Option<&dyn Handoff>, batch: Vec<Item>) {
    let mut rest = VecDeque::from([(batch, 0)]);
    while let Some((items, tries)) = rest.pop_front() {
        match write(shared, handoff, &items).await {
            Ok(written) => written.answer(shared, handoff, items),
            Err(StorageError::Conflict(_)) if tries < MAX_TRIES => rest.push_back((items, tries + 1)),
            Err(error) if items.len() > 1 && !matches!(error, StorageError::Unavailable(_)) => {
                tracing::warn!(%error, items = items.len(), "a group commit failed; its items are written one by one");
                rest.extend(items.into_iter().map(|item| (vec![item], 0)));
            }
            Err(error) => refuse(items, error),
        }
    }
}

/// What a transaction wrote, to be told after its commit.
struct Written {
    accepts: VecDeque<Result<Accepted, AcceptError>>,
    seated: Vec<(Box<dyn Seat>, Claimed)>,
    finishes: VecDeque<bool>,
    due: bool,
}

async fn write(
    shared: &Shared,
    handoff: Option<&dyn Handoff>,
    items: &[Item],
) -> Result<Written, StorageError> {
    let mut finishes = Vec::new();
    let mut accepts = Vec::new();
    let mut entries = Vec::new();
    for item in items {
        match item {
            Item::Finish(finished, _) => finishes.push(finished.as_ref()),
            Item::Accept(run, _) => accepts.push(run.as_ref()),
            Item::AcceptAll(runs, _) => accepts.extend(runs),
            Item::Record(entry, _) => entries.push(entry.as_ref().clone()),
        }
    }
    let mut tx = shared.write().await?;
    let mut due = false;
    // Accepts before ends, as a revocation goes: it takes the key's row, then the leases of the key's runs.
    let (accepted, seated) = if accepts.is_empty() {
        (Vec::new(), Vec::new())
    } else {
        let outcome = accept::write(&mut tx, shared, handoff, &accepts, &mut entries).await?;
        due |= outcome.due;
        (outcome.answers, outcome.seated)
    };
    let finished = if finishes.is_empty() {
        Vec::new()
    } else {
        let outcome = finish::write(&mut tx, shared, &finishes, &mut entries).await?;
        due |= outcome.due;
        outcome.held
    };
    crate::audit_entries::append(&mut tx, &entries).await?;
    tx.commit().await?;
    Ok(Written { accepts: accepted.into(), seated, finishes: finished.into(), due })
}

impl Written {
    fn answer(mut self, shared: &Shared, handoff: Option<&dyn Handoff>, items: Vec<Item>) {
        for (seat, run) in self.seated {
            seat.take(run);
        }
        // Before the answers, so that who was answered can rely on it.
        if let Some(handoff) = handoff.filter(|_| self.due) {
            handoff.wake();
        }
        for item in items {
            // A sender that went away needs no answer: what it handed in is committed all the same.
            match item {
                Item::Accept(_, reply) => {
                    let _ = reply.send(self.accepts.pop_front().unwrap_or(Err(StorageError::Closed.into())));
                }
                Item::AcceptAll(runs, reply) => {
                    let _ =
                        reply.send(Ok(self.accepts.drain(..runs.len().min(self.accepts.len())).collect()));
                }
                Item::Finish(finished, reply) => {
                    let held = self.finishes.pop_front().unwrap_or(false);
                    if held {
                        finished.tell(&shared.watch);
                    }
                    let _ = reply.send(Ok(held));
                }
                Item::Record(_, reply) => {
                    let _ = reply.send(Ok(()));
                }
            }
        }
    }
}

fn refuse(items: Vec<Item>, error: StorageError) {
    let mut error = Some(error);
    // The first gets the error itself; the others of a batch that the database was lost to, one of the same kind.
    let mut next = || error.take().unwrap_or(StorageError::Unavailable(sqlx::Error::PoolTimedOut));
    for item in items {
        match item {
            Item::Accept(_, reply) => {
                let _ = reply.send(Err(next().into()));
            }
            Item::AcceptAll(_, reply) => {
                let _ = reply.send(Err(next()));
            }
            Item::Finish(_, reply) => {
                let _ = reply.send(Err(next()));
            }
            Item::Record(_, reply) => {
                let _ = reply.send(Err(next()));
            }
        }
    }
}
