//! How many runs go on and wait in an organization now. What must hold: each number is counted up to a bound and no further, over the narrow tables of what is
//! leased and due, never over runs.

use factotum_model::{OrgId, Timestamp};

use crate::connection::Tx;
use crate::error::StorageError;

/// Up to where is counted: more is "1000+".
pub const MOST: u64 = 1_000;

/// How many there are now, each at most one more than [`MOST`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunsNow {
    /// Attempts under way.
    pub running: u64,
    /// Due, and not begun.
    pub due: u64,
    /// To be tried again later.
    pub later: u64,
    /// Held back: by a pause, a suspension, or a workflow's limit of concurrency.
    pub held: u64,
    /// Dead letters.
    pub dead: u64,
}

/// Counts them.
pub async fn count(tx: &mut Tx, org: OrgId, now: Timestamp) -> Result<RunsNow, StorageError> {
    let row = tx
        .query(
            "SELECT \
             (SELECT count(*) FROM (SELECT 1 FROM leases WHERE org_id = $1 LIMIT $3) AS a), \
             (SELECT count(*) FROM (SELECT 1 FROM ready WHERE parked = 0 AND org_id = $1 AND due_at <= $2 LIMIT $3) AS b), \
             (SELECT count(*) FROM (SELECT 1 FROM ready WHERE parked = 0 AND org_id = $1 AND due_at > $2 LIMIT $3) AS c), \
             (SELECT count(*) FROM (SELECT 1 FROM workflows w CROSS JOIN ready r WHERE w.org_id = $1 AND r.workflow_id = w.id AND r.parked <> 0 LIMIT $3) AS d), \
             (SELECT count(*) FROM (SELECT 1 FROM runs WHERE org_id = $1 AND state = 'dead' AND handled_at IS NULL LIMIT $3) AS e)",
        )
        .bind(org.0)
        .bind(now.as_micros())
        .bind(MOST as i64 + 1)
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(RunsNow::default()) };
    let number = |column| row.get::<i64>(column).map(i64::unsigned_abs);
    Ok(RunsNow {
        running: number(0)?,
        due: number(1)?,
        later: number(2)?,
        held: number(3)?,
        dead: number(4)?,
    })
}
