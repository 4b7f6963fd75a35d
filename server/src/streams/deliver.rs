//! The loop of one stream: what is sealed and not confirmed goes out, piece by piece, each organization in its turn. What must hold: the cursor moves
//! after the receiver has the piece; a failure is tried again, with pauses that grow, for as long as it takes; it waits in no transaction.

use std::sync::Arc;
use std::time::{Duration, Instant};

use factotum_storage::StorageError;
use factotum_storage::audit_streams::{self, Position};
use tokio_util::sync::CancellationToken;

use super::sink::SinkError;
use super::{Outlet, Stream};
use crate::operations::Services;

/// How often it looks for new entries.
const ROUND: Duration = Duration::from_millis(500);
/// How long a node may stream before it has to say again that it does: longer than any delivery may take.
const LEASE: Duration = Duration::from_secs(20);
/// How long before its end the lease is renewed.
const RENEWED_BEFORE: Duration = Duration::from_secs(12);
/// The pauses after failures.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why a round ended before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error("the database: {0}")]
    Storage(#[from] StorageError),
}

/// What the receiver has now of an organization.
pub(super) struct Delivered {
    /// The first leaf that it does not have.
    pub next: u64,
    /// How many entries, or checkpoints, it got.
    pub count: u64,
    /// Whether there may be more at once.
    pub more: bool,
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
        more |= one(stream, services, &position).await?;
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
async fn one(stream: &mut Stream, services: &Services, position: &Position) -> Result<bool, Failure> {
    let delivered = match &mut stream.sends {
        Outlet::Entries(entries) => entries.deliver(services, position).await?,
        Outlet::Checkpoints(checkpoints) => match checkpoints.deliver(services, position).await? {
            Some(delivered) => delivered,
            None => return Ok(false),
        },
    };
    let mut tx = services.storage.write().await?;
    let (from_to, now) = ((position.next, delivered.next), services.now());
    let moved = audit_streams::advance(&mut tx, &stream.name, position.org_id, from_to, now).await?;
    tx.commit().await?;
    if moved {
        services.metrics.audit_streams.delivered(&stream.name, delivered.count);
    } else {
        tracing::warn!(stream = stream.name, org = %position.org_id, "another node streamed the same meanwhile: it arrives twice");
    }
    Ok(delivered.more)
}
