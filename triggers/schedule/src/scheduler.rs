//! The task that fires schedules: it keeps the next minute in memory, waits, fires, and moves each schedule on. What must hold:
//! a firing that was seen to be due is tried until the database took it; a schedule that is late is not forgotten, its
//! policy decides; no step of the clock is slept through.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use factotum_model::{NodeId, Timestamp, TriggerId};
use factotum_storage::accept::AcceptError;
use factotum_storage::schedule_queue::{self, Queued};
use factotum_storage::schedules::{Due, Step};
use factotum_storage::{Backend, Storage, StorageError, audit_entries, nodes, schedules, triggers};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::firing::Firing;
use crate::lag::Lag;
use crate::plan::{self, Plan};
use crate::queue::{self, Look};
use crate::read::Texts;
use crate::turn;
use crate::wheel::Wheel;

/// How far ahead schedules are kept in memory.
const HORIZON: Duration = Duration::from_mins(1);
/// The most schedules kept there; of more, the earliest.
const MAX_ARMED: u32 = 200_000;
/// How often the next minute is read anew, on one node and on several.
const REFRESH: Duration = Duration::from_secs(20);
const REFRESH_AMONG_NODES: Duration = Duration::from_secs(5);
/// The longest sleep: the clock may be set meanwhile.
const NAP: Duration = Duration::from_secs(1);
/// How many schedules are decided and moved on in one transaction.
const BATCH: usize = 1_024;
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// How often is looked for firings that wait, while some do and while none does.
const LOOK: Duration = Duration::from_millis(200);
const LOOK_IDLE: Duration = Duration::from_secs(2);
/// A firing that waits is this node's to look after when the node that is first in turn let it lie for so long.
const LET_LIE: Duration = Duration::from_secs(5);
/// Nodes not heard of for this long do not count.
const SILENT: Duration = Duration::from_secs(10);

/// Fires the schedules of a database.
#[derive(Debug)]
pub struct Scheduler {
    storage: Storage,
    changed: Notify,
    lag: Arc<Lag>,
    /// How many schedules are in memory, and one more; 0 before they were read.
    armed: AtomicUsize,
}

/// A schedule whose time has come.
#[derive(Debug)]
struct Item {
    due: Due,
    noticed: Timestamp,
    not_before: Instant,
    plan: Option<Plan>,
}

/// What the task knows between two rounds.
#[derive(Debug)]
struct State {
    wheel: Wheel,
    pending: VecDeque<Item>,
    /// Fired, and moved on while the next ones are fired.
    fired: Vec<Item>,
    nodes: Vec<NodeId>,
    horizon: Timestamp,
    read_again: Instant,
    look_again: Instant,
    texts: Texts,
}

impl Scheduler {
    /// The scheduler of a database; [`Scheduler::run`] sets it going.
    pub fn over(storage: Storage) -> Self {
        Self { storage, changed: Notify::new(), lag: Arc::default(), armed: AtomicUsize::new(0) }
    }

    /// How late firings of this node are committed.
    pub fn lag(&self) -> &Lag {
        &self.lag
    }

    /// How many schedules of the next minute are in memory; `None` before they were read.
    pub fn armed(&self) -> Option<usize> {
        self.armed.load(Ordering::Relaxed).checked_sub(1)
    }

    /// A schedule was made, changed or resumed on this node: look at once.
    pub fn changed(&self) {
        self.changed.notify_one();
    }

    /// Fires until it is stopped. What was begun is brought to an end first.
    pub async fn run(&self, stop: CancellationToken) {
        let mut state = State {
            wheel: Wheel::default(),
            pending: VecDeque::new(),
            fired: Vec::new(),
            nodes: Vec::new(),
            horizon: self.storage.clock().now(),
            read_again: Instant::now(),
            look_again: Instant::now(),
            texts: Texts::default(),
        };
        while !stop.is_cancelled() || !state.fired.is_empty() {
            if stop.is_cancelled() {
                self.fire(&mut state, Vec::new()).await;
                continue;
            }
            if state.read_again <= Instant::now() {
                self.read_ahead(&mut state).await;
            }
            if state.look_again <= Instant::now() {
                self.look_at_queue(&mut state).await;
            }
            self.notice(&mut state);
            let batch = ripe(&mut state.pending);
            if batch.is_empty() && state.fired.is_empty() {
                let nap = self.nap(&state);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.changed.notified() => {
                        state.read_again = Instant::now();
                        state.look_again = Instant::now();
                    }
                    () = tokio::time::sleep(nap) => {}
                }
            } else {
                self.fire(&mut state, batch).await;
            }
        }
    }

    /// Reads the next minute into memory. What is being fired stays out of it.
    async fn read_ahead(&self, state: &mut State) {
        let now = self.storage.clock().now();
        let several = self.storage.backend() == Backend::Postgres;
        let read = async {
            let mut tx = self.storage.read().await?;
            let due = schedules::due(&mut tx, now.plus(HORIZON), MAX_ARMED).await?;
            let nodes = if several { nodes::list(&mut tx).await? } else { Vec::new() };
            Ok::<_, StorageError>((due, nodes))
        };
        match read.await {
            Ok((due, nodes)) => {
                let underway = state.pending.iter().chain(&state.fired);
                let busy: HashSet<TriggerId> = underway.map(|item| item.due.trigger_id).collect();
                state.nodes = alive(&nodes);
                state.horizon = match due.last() {
                    Some(last) if due.len() == MAX_ARMED as usize => last.next_at,
                    _ => now.plus(HORIZON),
                };
                state.wheel.clear();
                for due in due.into_iter().filter(|due| !busy.contains(&due.trigger_id)) {
                    state.wheel.put(due);
                }
                self.armed.store(state.wheel.len() + 1, Ordering::Relaxed);
                state.read_again = Instant::now() + if several { REFRESH_AMONG_NODES } else { REFRESH };
            }
            Err(error) => {
                tracing::warn!(%error, "the schedules of the next minute cannot be read; those known go on");
                state.read_again = Instant::now() + PAUSE;
            }
        }
    }

    /// Releases firings that wait, where nothing holds them back any more.
    async fn look_at_queue(&self, state: &mut State) {
        let (now, own, nodes) = (self.storage.clock().now(), self.storage.node(), state.nodes.clone());
        let mine = move |queued: &Queued| {
            turn::wait(&nodes, own, queued.trigger_id).is_zero() || now.since(queued.queued_at) > LET_LIE
        };
        let after = match queue::release(&self.storage, &mut state.texts, mine).await {
            Ok(Look::Empty) => LOOK_IDLE,
            Ok(Look::Waiting) => LOOK,
            // What was released may be one of many; one in turn has to end first.
            Ok(Look::Released) => Duration::from_millis(20),
            Err(error) => {
                tracing::warn!(%error, "firings that wait cannot be looked at; tried again");
                PAUSE
            }
        };
        state.look_again = Instant::now() + after;
    }

    /// Takes up what has become due, with the time at which that was seen.
    fn notice(&self, state: &mut State) {
        let now = self.storage.clock().now();
        while let Some(due) = state.wheel.take(now) {
            let wait = turn::wait(&state.nodes, self.storage.node(), due.trigger_id);
            state.pending.push_back(Item {
                due,
                noticed: now,
                not_before: Instant::now() + wait,
                plan: None,
            });
        }
    }

    fn nap(&self, state: &State) -> Duration {
        let now = self.storage.clock().now();
        let until_due = state.wheel.next().map_or(NAP, |at| at.since(now));
        let until = |at: Instant| at.saturating_duration_since(Instant::now());
        let until_ripe = state.pending.iter().map(|item| until(item.not_before)).min().unwrap_or(NAP);
        until_due.min(until_ripe).min(until(state.read_again)).min(until(state.look_again)).min(NAP)
    }

    /// Decides and accepts; moves on what was accepted the time before. What fails is kept, with what was decided, and tried again.
    async fn fire(&self, state: &mut State, batch: Vec<Item>) {
        let moving = std::mem::take(&mut state.fired);
        let ((fired, failed), moved) =
            tokio::join!(self.take(&mut state.texts, batch), self.move_on(&moving));
        state.fired = fired;
        put_off(state, failed);
        match moved {
            Ok((moved, queued)) => {
                if queued {
                    state.look_again = Instant::now();
                }
                for due in moved.into_iter().filter(|due| due.next_at <= state.horizon) {
                    state.wheel.put(due);
                }
            }
            Err(error) => {
                tracing::warn!(%error, schedules = moving.len(), "fired schedules are not moved on yet; tried again");
                put_off(state, moving);
            }
        }
    }

    /// Decides and accepts. Gives those that can move on, and those that failed.
    async fn take(&self, texts: &mut Texts, mut batch: Vec<Item>) -> (Vec<Item>, Vec<Item>) {
        if batch.is_empty() {
            return (Vec::new(), Vec::new());
        }
        if let Err(error) = self.decide(texts, &mut batch).await {
            tracing::warn!(%error, schedules = batch.len(), "due schedules cannot be read; they are tried again");
            return (Vec::new(), batch);
        }
        self.accept(batch).await
    }

    /// One reading for all of them; what overlaps asks for itself.
    async fn decide(&self, texts: &mut Texts, batch: &mut [Item]) -> Result<(), StorageError> {
        let mut tx = self.storage.read().await?;
        let ids: Vec<TriggerId> =
            batch.iter().filter(|item| item.plan.is_none()).map(|item| item.due.trigger_id).collect();
        let armed = schedules::load(&mut tx, &ids).await?;
        for item in batch.iter_mut().filter(|item| item.plan.is_none()) {
            let armed = armed.get(&item.due.trigger_id);
            let read = armed.map_or_else(|| Err(String::new()), |armed| texts.read(&armed.config));
            item.plan = Some(plan::plan(&mut tx, item.due, item.noticed, armed, read).await?);
        }
        Ok(())
    }

    /// Accepts the firings of all schedules side by side, so that the group commit takes them together. Gives those that
    /// can move on, and those that failed.
    async fn accept(&self, batch: Vec<Item>) -> (Vec<Item>, Vec<Item>) {
        let (mut moving, mut failed) = (Vec::new(), Vec::new());
        let mut accepts = JoinSet::new();
        for mut item in batch {
            match item.plan.take() {
                None | Some(Plan::Done) => {}
                Some(plan @ Plan::Move { .. }) => moving.push(Item { plan: Some(plan), ..item }),
                Some(Plan::Fire(mut firing)) => {
                    let (storage, lag) = (self.storage.clone(), Arc::clone(&self.lag));
                    accepts.spawn(async move {
                        let outcome = firing.accept(&storage, &lag).await;
                        (item, firing, outcome)
                    });
                }
            }
        }
        while let Some(joined) = accepts.join_next().await {
            let Ok((item, firing, outcome)) = joined else {
                tracing::error!("a firing's task ended unexpectedly; it is found again at the next reading");
                continue;
            };
            let plan = match &outcome {
                Ok(()) => None,
                Err(refused) => after_refusal(refused, &firing, &item.due),
            };
            match (outcome, plan) {
                (_, Some(plan)) => moving.push(Item { plan: Some(plan), ..item }),
                (Ok(()), None) => moving.push(Item { plan: Some(Plan::Fire(firing)), ..item }),
                (Err(error), None) => {
                    let trigger = item.due.trigger_id;
                    tracing::warn!(%error, %trigger, "a firing was not taken; it is tried again");
                    failed.push(Item { plan: Some(Plan::Fire(firing)), ..item });
                }
            }
        }
        (moving, failed)
    }

    /// Moves schedules on, in one transaction. Gives those that stand at a new time, and whether firings wait now.
    async fn move_on(&self, moving: &[Item]) -> Result<(Vec<Due>, bool), StorageError> {
        if moving.is_empty() {
            return Ok((Vec::new(), false));
        }
        let now = self.storage.clock().now();
        let step = |item: &Item| match &item.plan {
            Some(Plan::Move { to, decided_at }) => Some(Step {
                trigger_id: item.due.trigger_id,
                from: item.due.next_at,
                to: *to,
                decided_at: *decided_at,
            }),
            Some(Plan::Fire(firing)) => Some(firing.step(&item.due)),
            Some(Plan::Done) | None => None,
        };
        let steps: Vec<Option<Step>> = moving.iter().map(step).collect();
        let (mut counts, mut entries, mut queued) = (Vec::new(), Vec::new(), Vec::new());
        let mut tx = self.storage.write().await?;
        let moved = schedules::advance(&mut tx, &steps.iter().flatten().copied().collect::<Vec<_>>()).await?;
        for item in moving {
            let Some(Plan::Fire(firing)) = &item.plan else { continue };
            counts.extend(firing.accepted());
            // Another node that fired the same has moved it already, and has written what was left out.
            if moved.contains(&item.due.trigger_id) {
                counts.extend(firing.refused());
                entries.extend(firing.entries(now));
                queued.extend(firing.queued(now));
            }
        }
        schedule_queue::add(&mut tx, &queued).await?;
        triggers::count(&mut tx, &counts).await?;
        audit_entries::append(&mut tx, &entries).await?;
        tx.commit().await?;
        let on = moving.iter().zip(&steps).filter_map(|(item, step)| {
            let step = step.filter(|step| moved.contains(&step.trigger_id))?;
            Some(Due { next_at: step.to?, decided_at: step.decided_at, ..item.due })
        });
        Ok((on.collect(), !queued.is_empty()))
    }
}

/// The nodes heard of lately, as against the one heard of last: on their common clock, the database's.
fn alive(nodes: &[nodes::Node]) -> Vec<NodeId> {
    let latest = nodes.iter().map(|node| node.heartbeat_at).max().unwrap_or(Timestamp::from_micros(0));
    nodes.iter().filter(|node| latest.since(node.heartbeat_at) < SILENT).map(|node| node.id).collect()
}

/// What a refusal for good means for the schedule; `None` if the firing is to be tried again.
fn after_refusal(refused: &AcceptError, firing: &Firing, due: &Due) -> Option<Plan> {
    let decided_at = due.decided_at;
    match refused {
        AcceptError::TriggerGone | AcceptError::WorkflowGone => Some(Plan::Move { to: None, decided_at }),
        // Resuming decides about it.
        AcceptError::TriggerPaused => Some(Plan::Move { to: firing.next(), decided_at }),
        AcceptError::AccountRevoked | AcceptError::Child(_) | AcceptError::Storage(_) => None,
    }
}

/// Takes out what may be fired now, the oldest first.
fn ripe(pending: &mut VecDeque<Item>) -> Vec<Item> {
    let now = Instant::now();
    let mut batch = Vec::new();
    for _ in 0..pending.len() {
        let Some(item) = pending.pop_front() else { break };
        if batch.len() < BATCH && item.not_before <= now {
            batch.push(item);
        } else {
            pending.push_back(item);
        }
    }
    batch
}

fn put_off(state: &mut State, items: Vec<Item>) {
    let not_before = Instant::now() + PAUSE;
    state.pending.extend(items.into_iter().map(|item| Item { not_before, ..item }));
}
