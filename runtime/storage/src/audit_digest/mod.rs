//! What is told of runs at a glance: how many ended how, and how long they took, by workflow and time; triggers whose runs fail one after another;
//! intents without an outcome; and how workflows do whose runs fail. Made beside the audit trail, in the order in which it is sealed, so that neither an accept nor a finish pays for
//! it. What must hold: each entry counts exactly once, as the transaction that counts it moves the organization's cursor from where it stood; what is
//! read of it is bounded by time and number of workflows, never by the number of runs.

mod marks;
pub mod runs;
pub mod scale;
mod walk;

use std::collections::BTreeMap;

use factotum_model::{OrgId, Timestamp};

use crate::connection::Tx;
use crate::error::StorageError;
use crate::organizations;
use crate::storage::Storage;
use crate::workflow_failures;

pub use marks::{Failing, failing, unknown_intents};
use runs::Span;
use walk::Walked;

/// How many leaves are looked at in one step.
const STEP: u32 = 1_000;
/// Leaves without anything to count are passed over without a write, until there are so many.
const PASSED_OVER: u64 = 500;

/// Goes one step on in the trail of each organization; whether there may be more at once.
pub async fn round(storage: &Storage) -> Result<bool, StorageError> {
    let mut tx = storage.read().await?;
    let all = organizations::list(&mut tx).await?;
    drop(tx);
    let mut more = false;
    for org in all {
        more |= step(storage, org.id).await?;
    }
    Ok(more)
}

async fn step(storage: &Storage, org: OrgId) -> Result<bool, StorageError> {
    let mut tx = storage.read().await?;
    let from = next(&mut tx, org).await?;
    let walked = walk::walk(&mut tx, org, from, STEP).await?;
    drop(tx);
    let passed = walked.next - from;
    if passed == 0 || (walked.is_empty() && passed < PASSED_OVER) {
        return Ok(false);
    }
    let mut tx = storage.write().await?;
    if advance(&mut tx, org, from, walked.next).await? {
        write(&mut tx, org, &walked, storage.clock().now()).await?;
        tx.commit().await?;
    }
    Ok(passed >= u64::from(STEP))
}

/// Forgets what is older than it is shown for; how many rows went.
pub async fn forget(storage: &Storage, now: Timestamp) -> Result<u64, StorageError> {
    let mut tx = storage.read().await?;
    let all = organizations::list(&mut tx).await?;
    drop(tx);
    let mut gone = 0;
    for org in all {
        for span in Span::ALL {
            let mut tx = storage.write().await?;
            gone += runs::forget(&mut tx, org.id, span, now).await?;
            tx.commit().await?;
        }
        let mut tx = storage.write().await?;
        gone += marks::forget(&mut tx, org.id, now).await?;
        tx.commit().await?;
    }
    Ok(gone)
}

/// The first leaf that is not counted yet.
pub async fn next(tx: &mut Tx, org: OrgId) -> Result<u64, StorageError> {
    let row = tx
        .query("SELECT next_index FROM audit_digests WHERE org_id = $1")
        .bind(org.0)
        .fetch_optional()
        .await?;
    row.map_or(Ok(0), |row| Ok(row.get::<i64>(0)? as u64))
}

/// Moves the cursor; whether it still stood there: on several nodes, another may have been first.
async fn advance(tx: &mut Tx, org: OrgId, from: u64, to: u64) -> Result<bool, StorageError> {
    let moved = tx
        .query(
            "INSERT INTO audit_digests (org_id, next_index) VALUES ($1, $3) \
             ON CONFLICT (org_id) DO UPDATE SET next_index = excluded.next_index WHERE audit_digests.next_index = $2",
        )
        .bind(org.0)
        .bind(from as i64)
        .bind(to as i64)
        .execute()
        .await?;
    Ok(moved > 0)
}

async fn write(tx: &mut Tx, org: OrgId, walked: &Walked, now: Timestamp) -> Result<(), StorageError> {
    let mut counted = BTreeMap::new();
    for end in &walked.ends {
        for span in Span::ALL {
            for place in runs::Place::of(span, end) {
                *counted.entry(place).or_insert(0_i64) += 1;
            }
        }
    }
    runs::add(tx, org, &counted.into_iter().collect::<Vec<_>>()).await?;
    marks::add(tx, org, walked).await?;
    let ends: Vec<workflow_failures::End> = walked.ends.iter().map(walk::End::of_workflow).collect();
    workflow_failures::note(tx, org, &ends, now).await
}
