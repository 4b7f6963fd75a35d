//! The task that removes what is past its time of the audit trail, once an hour. What must hold: it never blocks an action for longer than one
//! short transaction; a failure is logged and tried again; two nodes may do it at once.

use std::sync::Arc;
use std::time::Duration;

use factotum_storage::{StorageError, organizations};
use tokio_util::sync::CancellationToken;

use crate::operations::{Services, audit};

/// How often it looks.
const EVERY: Duration = Duration::from_hours(1);
/// How soon it looks first: the sealer comes before it.
const AT_FIRST: Duration = Duration::from_secs(5);

/// Removes what is older than `age`, until the stop.
pub async fn run(services: Arc<Services>, age: Duration, stop: CancellationToken) {
    let mut wait = AT_FIRST;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => wait = EVERY,
        }
        tokio::select! {
            () = stop.cancelled() => return,
            done = round(&services, age) => {
                if let Err(error) = done {
                    tracing::error!(%error, "the audit trail's past could not be removed; tried again in an hour");
                }
            }
        }
    }
}

async fn round(services: &Services, age: Duration) -> Result<(), StorageError> {
    let mut tx = services.storage.read().await?;
    let all = organizations::list(&mut tx).await?;
    drop(tx);
    for org in all {
        match audit::retain(&services.storage, &org, age).await {
            Ok(0) => {}
            Ok(entries) => {
                tracing::info!(org = %org.id, entries, "removed what was past its time of the audit trail");
            }
            // Another log may be whole.
            Err(error @ StorageError::Damaged { .. }) => {
                tracing::error!(%error, org = %org.id, "nothing is removed of this audit trail");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
