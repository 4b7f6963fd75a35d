//! The loop of one stream: what is sealed and not confirmed goes out, batch by batch, each organization in its turn. What must hold: the cursor moves
//! after the receiver has the batch; a failure is tried again, with pauses that grow, for as long as it takes; it waits in no transaction.

use std::sync::Arc;
use std::time::{Duration, Instant};

use factotum_storage::audit_streams::{self, Position};
use factotum_storage::{StorageError, audit_sealed};
use tokio_util::sync::CancellationToken;

use super::Stream;
use super::sink::{Batch, SinkError};
use crate::operations::Services;

/// How often it looks for new entries.
const ROUND: Duration = Duration::from_millis(500);
/// How many entries are in a batch at the most.
const BATCH: u32 = 500;
/// From which size on a batch takes no further entry, in bytes, as far as their details tell.
const BATCH_BYTES: usize = 1 << 20;
/// How long a node may stream before it has to say again that it does: longer than any delivery may take.
const LEASE: Duration = Duration::from_secs(20);
/// How long before its end the lease is renewed.
const RENEWED_BEFORE: Duration = Duration::from_secs(12);
/// The pauses after failures.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error("the database: {0}")]
    Storage(#[from] StorageError),
}

enum Round {
    /// There may be more at once.
    More,
    /// All is delivered.
    Idle,
    /// Another node streams.
    Elsewhere,
}

/// Until when this node streams.
struct Lease(Option<Instant>);

pub(super) async fn run(mut stream: Stream, services: Arc<Services>, stop: CancellationToken) {
    let mut lease = Lease(None);
    let mut pause = FIRST_PAUSE;
    let mut failing = false;
    loop {
        let rounded = tokio::select! {
            () = stop.cancelled() => break,
            rounded = round(&mut stream, &services, &mut lease) => rounded,
        };
        let wait = match rounded {
            Ok(done) => {
                if std::mem::take(&mut failing) {
                    tracing::info!(stream = stream.name, "the audit trail is streamed again");
                }
                pause = FIRST_PAUSE;
                match done {
                    Round::More => Duration::ZERO,
                    Round::Idle | Round::Elsewhere => ROUND,
                }
            }
            Err(error) => {
                failing = true;
                services.metrics.audit_streams.failed(&stream.name);
                let retry_ms = pause.as_millis() as u64;
                tracing::warn!(stream = stream.name, %error, retry_ms, "the audit trail is not streamed; tried again");
                let wait = pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
                wait
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(wait) => {}
        }
    }
    if lease.0.is_some()
        && let Err(error) = give_back(&stream, &services).await
    {
        tracing::debug!(stream = stream.name, %error, "the lease of a stream runs out by itself");
    }
}

async fn give_back(stream: &Stream, services: &Services) -> Result<(), StorageError> {
    let mut tx = services.storage.write().await?;
    audit_streams::release(&mut tx, &stream.name, services.storage.node()).await?;
    tx.commit().await
}

async fn round(stream: &mut Stream, services: &Services, lease: &mut Lease) -> Result<Round, Failure> {
    let mut tx = services.storage.read().await?;
    let alone = !audit_streams::is_shared(&tx);
    let pending = audit_streams::pending(&mut tx, &stream.name).await?;
    drop(tx);
    let scope = stream.scope();
    let mut more = false;
    for position in pending.into_iter().filter(|position| scope.covers(position)) {
        if !alone && !lease.held(&stream.name, services).await? {
            return Ok(Round::Elsewhere);
        }
        more |= batch(stream, services, &position).await?;
    }
    Ok(if more { Round::More } else { Round::Idle })
}

impl Lease {
    async fn held(&mut self, stream: &str, services: &Services) -> Result<bool, StorageError> {
        if self.0.is_some_and(|until| Instant::now() + RENEWED_BEFORE < until) {
            return Ok(true);
        }
        let until = Instant::now() + LEASE;
        let mut tx = services.storage.write().await?;
        let held = audit_streams::lease(&mut tx, stream, services.storage.node(), LEASE).await?;
        tx.commit().await?;
        self.0 = held.then_some(until);
        Ok(held)
    }
}

/// Delivers what comes next in an organization; whether there is more.
async fn batch(stream: &mut Stream, services: &Services, position: &Position) -> Result<bool, Failure> {
    let org_id = position.org_id;
    let mut tx = services.storage.read().await?;
    let range = audit_sealed::range(&mut tx, org_id, position.next, BATCH).await?;
    drop(tx);
    let full = range.next >= position.next + u64::from(BATCH);
    let (mut entries, mut next) = (range.entries, range.next);
    let mut bytes = 0;
    let fitting = entries.iter().take_while(|sealed| {
        let fits = bytes < BATCH_BYTES;
        bytes += stream.form.line(&sealed.entry).len();
        fits
    });
    let fitting = fitting.count();
    if let Some(first_left) = entries.get(fitting) {
        next = first_left.index;
        entries.truncate(fitting);
    }
    let cut = next < range.next;
    let count = entries.len() as u64;
    if !entries.is_empty() {
        let batch = Batch { org_id, entries, form: stream.form, now: services.now() };
        stream.sink.deliver(&batch).await?;
    }
    let mut tx = services.storage.write().await?;
    let now = services.now();
    let moved = audit_streams::advance(&mut tx, &stream.name, org_id, (position.next, next), now).await?;
    tx.commit().await?;
    if moved {
        services.metrics.audit_streams.delivered(&stream.name, count);
    } else {
        tracing::warn!(stream = stream.name, org = %org_id, "another node streamed the same entries meanwhile: they arrive twice");
    }
    Ok(full || cut)
}
