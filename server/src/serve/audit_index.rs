//! Indexes the audit trail, beside everything else. What must hold: it blocks no action; what it fails at is tried again; and it may stop at any
//! moment, since a block counts when it is whole.

use std::time::Duration;

use factotum_storage::Storage;
use factotum_storage::audit_search::index;
use tokio_util::sync::CancellationToken;

/// How often it looks.
const ROUND: Duration = Duration::from_secs(1);

/// Rounds until the stop. What is not indexed then is so after the next start, and found all the same.
pub async fn run(storage: Storage, stop: CancellationToken) {
    let mut made = 0;
    loop {
        // After a long load, or the first start with this version, there are many blocks to make: then without a pause.
        let pause = if made > 0 { Duration::ZERO } else { ROUND };
        let round = async {
            tokio::time::sleep(pause).await;
            index::round(&storage).await
        };
        made = tokio::select! {
            () = stop.cancelled() => return,
            made = round => made.unwrap_or_else(|error| {
                tracing::warn!(%error, "the audit trail could not be indexed; tried again");
                0
            }),
        };
    }
}
