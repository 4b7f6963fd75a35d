//! Taking over what a dead node was running. What must hold: a lease is taken over only when its node has not been heard of
//! for [`Storage::LEASE`], or when the data folder's lock proves it dead; the attempt that lost it cannot finish.

use std::time::Duration;

use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::{AccountId, AccountKind, InitiatorKind, OrgId, Principal, RunId};
use uuid::Uuid;

use crate::connection::{Row, Tx};
use crate::error::StorageError;
use crate::run_attempts::{self, Attempt, Ending};
use crate::storage::Storage;

/// How many leases one transaction takes over.
const PER_TRANSACTION: i64 = 500;

/// Which nodes count as dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dead {
    /// All but this one: its lock on the data folder proves it (SQLite).
    AllOthers,
    /// Those not heard of for this long.
    SilentFor(Duration),
}

impl Storage {
    /// Puts the runs of dead nodes back to be run; how many.
    pub async fn recover(&self, dead: Dead) -> Result<u64, StorageError> {
        let mut total = 0;
        loop {
            let mut tx = self.write().await?;
            let taken = self.recover_some(&mut tx, dead).await?;
            tx.commit().await?;
            total += taken;
            if taken < PER_TRANSACTION.unsigned_abs() {
                return Ok(total);
            }
        }
    }

    async fn recover_some(&self, tx: &mut Tx, dead: Dead) -> Result<u64, StorageError> {
        let database_now = crate::nodes::database_time(tx).await?;
        let heard_before = match dead {
            // Every heartbeat is before the end of time.
            Dead::AllOthers => i64::MAX,
            Dead::SilentFor(duration) => database_now.minus(duration).as_micros(),
        };
        let rows = tx
            .query(
                "WITH c AS MATERIALIZED (SELECT l.run_id FROM leases l WHERE l.node_id <> $1 \
                 AND NOT EXISTS (SELECT 1 FROM nodes n WHERE n.id = l.node_id AND n.heartbeat_at >= $2) LIMIT $3 /*SKIP*/) \
                 DELETE FROM leases WHERE run_id IN (SELECT run_id FROM c) RETURNING run_id, org_id, workflow_id, account_id, node_id",
            )
            .bind(self.node().0)
            .bind(heard_before)
            .bind(PER_TRANSACTION)
            .fetch_all()
            .await?;
        self.requeue(tx, &rows, "its node stopped before the attempt ended").await?;
        tx.query("DELETE FROM nodes WHERE id <> $1 AND heartbeat_at < $2 AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.node_id = nodes.id)")
            .bind(self.node().0)
            .bind(heard_before)
            .execute()
            .await?;
        Ok(rows.len() as u64)
    }

    /// Gives back leases of this node that nothing works on; how many.
    pub async fn release(&self, runs: &[RunId]) -> Result<u64, StorageError> {
        let mut tx = self.write().await?;
        let node = self.node();
        let rows = tx
            .insert_rows(
                "DELETE FROM leases WHERE (run_id, node_id) IN (VALUES {rows}) \
                 RETURNING run_id, org_id, workflow_id, account_id, node_id",
                2,
                runs,
                |s, run| s.bind(run.0).bind(node.0),
            )
            .await?;
        self.requeue(&mut tx, &rows, "nothing worked on it").await?;
        tx.commit().await?;
        Ok(rows.len() as u64)
    }

    /// Makes runs whose leases were just deleted due again.
    async fn requeue(&self, tx: &mut Tx, rows: &[Row], reason: &str) -> Result<(), StorageError> {
        let now = self.clock().now();
        let mut entries = Vec::with_capacity(rows.len());
        let mut lost = Vec::with_capacity(rows.len());
        let ids = rows.iter().map(|row| row.id(0)).collect::<Result<Vec<RunId>, _>>()?;
        let mut chains = crate::children::chains(tx, &ids).await?;
        for row in rows {
            let (run, org, workflow, account): (RunId, OrgId, Uuid, AccountId) =
                (row.id(0)?, row.id(1)?, row.get(2)?, row.id(3)?);
            let changed = tx
                .query("UPDATE runs SET state = 'queued', lost = lost + 1 WHERE id = $1 RETURNING attempt")
                .bind(run.0)
                .fetch_optional()
                .await?;
            if let Some(changed) = changed {
                let number = u32::try_from(changed.get::<i64>(0)?).unwrap_or(0);
                let ending = Ending::Lost;
                lost.push((run, Attempt { number, ended_at: now, ending, error: None, usage: None }));
            }
            tx.query(
                "INSERT INTO ready (run_id, org_id, workflow_id, account_id, due_at, parked) VALUES ($1, $2, $3, $4, $5, 0)",
            )
            .bind(run.0)
            .bind(org.0)
            .bind(workflow)
            .bind(account.0)
            .bind(now.as_micros())
            .execute()
            .await?;
            let base = crate::organizations::base_account(tx, org).await?;
            let principal = Principal {
                id: base,
                kind: AccountKind::Base,
                name: factotum_model::account::BASE_ACCOUNT_NAME.to_owned(),
            };
            let initiator = AuditInitiator::of(InitiatorKind::System);
            let mut entry = AuditEntry::new(org, now, "run.recover", AuditOutcome::Ok, principal, initiator);
            entry.chain = chains.remove(&run).unwrap_or_default();
            entry.run_id = Some(run);
            entry.reason = Some(reason.to_owned());
            entry.targets = vec![Target::new("run", run)];
            entries.push(entry);
        }
        run_attempts::note(tx, &lost).await?;
        crate::audit_entries::append(tx, &entries).await?;
        Ok(())
    }
}
