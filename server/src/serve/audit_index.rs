//! Indexes the audit trail, beside everything else. What must hold: it blocks no action, and takes a fraction of the processor; what it fails at is tried again; and it may stop at any
//! moment, since a block counts when it is whole.

use factotum_storage::Storage;
use factotum_storage::audit_search::index;
use tokio_util::sync::CancellationToken;

/// Rounds until the stop. What is not indexed then is so after the next start, and found all the same.
pub async fn run(storage: Storage, stop: CancellationToken) {
    let mut pause = index::FIRST_PAUSE;
    loop {
        let round = async {
            tokio::time::sleep(pause).await;
            index::round(&storage).await
        };
        pause = tokio::select! {
            () = stop.cancelled() => return,
            done = round => done.map_or_else(|error| {
                tracing::warn!(%error, "the audit trail could not be indexed; tried again");
                index::FIRST_PAUSE
            }, |round| round.pause),
        };
    }
}
