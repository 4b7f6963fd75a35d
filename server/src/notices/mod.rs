//! Notices: who is told that workflows fail, and that they work again. One task gathers what there is to tell into one message per recipient, and sends what waits.
//! What must hold: everything is in the database, so that any node goes on where another stopped; a message is on the record before it leaves and after; a recipient that
//! cannot be reached is tried again, with pauses that grow, for a bounded time.

mod compose;
mod letter;
mod metrics;
mod post;
mod send;

use std::sync::Arc;
use std::time::Duration;

use factotum_storage::{StorageError, notices, workflow_failures};
use tokio_util::sync::CancellationToken;

use crate::operations::Services;

pub use letter::{summary, text_of};
pub use metrics::NoticeMetrics;
pub use post::{SECRET_PREFIX, fresh_secret};

/// How often it looks.
const ROUND: Duration = Duration::from_secs(1);
/// After how many rounds it looks for workflows that go on failing, and for what can be forgotten.
const SELDOM: u32 = 60;

/// Rounds until the stop; what is being sent then is sent to its end, which is bounded.
pub async fn run(services: Arc<Services>, stop: CancellationToken) {
    let mut rounds = 0;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ROUND) => {}
        }
        if let Err(error) = round(&services, &stop, rounds == 0).await {
            tracing::warn!(%error, "notices about workflows could not be looked after; tried again");
        }
        rounds = (rounds + 1) % SELDOM;
    }
}

async fn round(services: &Arc<Services>, stop: &CancellationToken, seldom: bool) -> Result<(), StorageError> {
    if seldom {
        let mut tx = services.storage.write().await?;
        workflow_failures::sweep(&mut tx, services.now()).await?;
        notices::sweep(&mut tx, services.now()).await?;
        tx.commit().await?;
    }
    let mut tx = services.storage.read().await?;
    let orgs = workflow_failures::organizations(&mut tx, seldom).await?;
    drop(tx);
    for org in orgs {
        if let Err(error) = compose::compose(services, org).await {
            tracing::warn!(%error, %org, "what there is to tell of workflows could not be gathered; tried again");
        }
    }
    send::due(services, stop).await
}
