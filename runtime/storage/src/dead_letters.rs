//! Dead letters: runs that ended dead and that nobody has replayed or dismissed. What must hold: a run leaves them once, in the transaction of what
//! somebody does about it.

use factotum_model::{OrgId, RunId, Timestamp};

use crate::connection::Tx;
use crate::error::StorageError;

/// Takes a dead letter away without running it again. Whether it was one.
pub async fn dismiss(tx: &mut Tx, org: OrgId, run: RunId, now: Timestamp) -> Result<bool, StorageError> {
    let changed = tx
        .query(
            "UPDATE runs SET handled_at = $3 WHERE id = $1 AND org_id = $2 AND state = 'dead' AND handled_at IS NULL",
        )
        .bind(run.0)
        .bind(org.0)
        .bind(now.as_micros())
        .execute()
        .await?;
    Ok(changed > 0)
}

/// Takes those of these runs away that are dead letters, as each is being replayed.
pub(crate) async fn replayed(tx: &mut Tx, mut runs: Vec<RunId>, now: Timestamp) -> Result<(), StorageError> {
    // In order, so that two batches lock their rows alike.
    runs.sort_unstable();
    for run in runs {
        tx.query("UPDATE runs SET handled_at = $2 WHERE id = $1 AND state = 'dead' AND handled_at IS NULL")
            .bind(run.0)
            .bind(now.as_micros())
            .execute()
            .await?;
    }
    Ok(())
}
