//! Firings that wait, on their way into the database. What must hold: one that is taken out was committed before, so a crash between the two finds it again, and its
//! dedup key makes it harmless; one in turn goes when no run of its trigger goes on.

use std::collections::HashMap;

use factotum_model::TriggerId;
use factotum_storage::accept::{AcceptError, Accepted};
use factotum_storage::schedule_queue::{self, Queued};
use factotum_storage::schedules::{self, Armed};
use factotum_storage::triggers::{self, Counts};
use factotum_storage::{Storage, StorageError};
use tokio::task::JoinSet;

use crate::firing;
use crate::read::Texts;

/// How many are released at a time.
const BATCH: u32 = 256;

/// What a look at the queue found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing waits.
    Empty,
    /// What waits waits on.
    Waiting,
    /// Some were released; there may be more.
    Released,
}

/// Releases what may go. `own` says which triggers are this node's to look after.
pub(crate) async fn release(
    storage: &Storage,
    texts: &mut Texts,
    own: impl Fn(&Queued) -> bool,
) -> Result<Look, StorageError> {
    let mut tx = storage.read().await?;
    if schedule_queue::is_empty(&mut tx).await? {
        return Ok(Look::Empty);
    }
    let ready: Vec<Queued> = schedule_queue::ready(&mut tx, BATCH).await?.into_iter().filter(own).collect();
    let mut ids: Vec<TriggerId> = ready.iter().map(|queued| queued.trigger_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let armed = schedules::load(&mut tx, &ids).await?;
    drop(tx);
    if ready.is_empty() {
        return Ok(Look::Waiting);
    }
    accept(storage, texts, ready, &armed).await
}

async fn accept(
    storage: &Storage,
    texts: &mut Texts,
    ready: Vec<Queued>,
    armed: &HashMap<TriggerId, Armed>,
) -> Result<Look, StorageError> {
    let mut accepts = JoinSet::new();
    let mut done = Vec::new();
    for queued in ready {
        let Some(armed) = armed.get(&queued.trigger_id) else {
            done.push((queued, None));
            continue;
        };
        let window_s = texts.read(&armed.config).map_or(0, |read| read.config.missed.window_s);
        let now = storage.clock().now();
        let run = firing::run(
            armed,
            queued.nominal_at,
            firing::remembered(queued.cause, queued.nominal_at, now, window_s),
        );
        let storage = storage.clone();
        accepts.spawn(async move { (queued, storage.journal().accept(run).await) });
    }
    while let Some(joined) = accepts.join_next().await {
        let Ok((queued, outcome)) = joined else {
            tracing::error!("a waiting firing's task ended unexpectedly; it is found again at the next look");
            continue;
        };
        match outcome {
            Ok(Accepted::New(_)) => done.push((queued, Some(Counts { accepted: 1, ..Counts::default() }))),
            Ok(Accepted::Duplicate(_)) => {
                done.push((queued, Some(Counts { duplicates: 1, ..Counts::default() })));
            }
            Err(AcceptError::TriggerGone | AcceptError::WorkflowGone) => done.push((queued, None)),
            // It was paused meanwhile, or the database is away: it stays.
            Err(error) => {
                tracing::debug!(%error, trigger = %queued.trigger_id, "a waiting firing was not taken; it stays");
            }
        }
    }
    if done.is_empty() {
        return Ok(Look::Waiting);
    }
    let counts: Vec<_> =
        done.iter().filter_map(|(queued, counts)| Some((queued.trigger_id, (*counts)?))).collect();
    let gone: Vec<Queued> = done.iter().map(|(queued, _)| *queued).collect();
    let mut tx = storage.write().await?;
    schedule_queue::remove(&mut tx, &gone).await?;
    triggers::count(&mut tx, &counts).await?;
    tx.commit().await?;
    Ok(Look::Released)
}
