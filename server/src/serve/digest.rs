//! Counts the ends of runs beside the audit trail, for the overview. What must hold: it blocks nothing for longer than one short transaction; what it fails at is
//! tried again; and it may stop at any moment, since a step counts when it is whole.

use std::time::Duration;

use factotum_storage::{Storage, StorageError, audit_digest};
use tokio_util::sync::CancellationToken;

/// How often it looks.
const ROUND: Duration = Duration::from_secs(1);
/// How long it rests between two steps of a trail that is far ahead: others want the database too.
const BREATH: Duration = Duration::from_millis(20);
/// After how many rounds it forgets what is past its time: about an hour.
const FORGETS_EVERY: u32 = 3_600;

/// Rounds until the stop.
pub async fn run(storage: Storage, stop: CancellationToken) {
    let (mut more, mut rounds) = (false, 0);
    loop {
        let pause = if more { BREATH } else { ROUND };
        let round = async {
            tokio::time::sleep(pause).await;
            one(&storage, rounds).await
        };
        more = tokio::select! {
            () = stop.cancelled() => return,
            more = round => more.unwrap_or_else(|error| {
                tracing::warn!(%error, "ends of runs could not be counted for the overview; tried again");
                false
            }),
        };
        rounds = (rounds + 1) % FORGETS_EVERY;
    }
}

async fn one(storage: &Storage, rounds: u32) -> Result<bool, StorageError> {
    let more = audit_digest::round(storage).await?;
    if rounds == 0 {
        audit_digest::forget(storage, storage.clock().now()).await?;
    }
    Ok(more)
}
