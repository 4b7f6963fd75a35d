//! Finishing an attempt: outcome, retry or dead letter, with the audit entry, in the journal's transaction. What must hold: only
//! who holds the lease, with its epoch, can finish; who lost it changes nothing, but that the log of an attempt whose run was cancelled meanwhile is kept.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::{ErrorCode, RunId, RunState, Timestamp, WorkflowId};

use crate::claim::{Claimed, PARKED_CONCURRENCY};
use crate::connection::Tx;
use crate::error::StorageError;
use crate::run_attempts::{self, Attempt, Ending};
use crate::storage::Shared;
use crate::watch::{Settled, Watch};

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With an output, as JSON text.
    Succeeded(String),
    /// With an HTTP response as its output, as JSON text.
    Answered(String),
    /// For good: permanent, or no retry was configured.
    Failed(ErrorCode, String),
    /// The retries are used up.
    Dead(ErrorCode, String),
    /// To be tried again at a time.
    Retry(Timestamp, ErrorCode, String),
    /// Given back unfinished: this node is going down.
    Released,
}

/// An attempt's end, with what it left.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The run and its lease.
    pub run: Arc<Claimed>,
    /// How it ended.
    pub end: End,
    /// Its log as a JSON list, if it wrote any.
    pub log: Option<String>,
    /// What it used, as a JSON object.
    pub usage: Option<String>,
}

impl Finished {
    const fn state(&self) -> RunState {
        match self.end {
            End::Succeeded(_) | End::Answered(_) => RunState::Succeeded,
            End::Failed(..) => RunState::Failed,
            End::Dead(..) => RunState::Dead,
            End::Retry(..) | End::Released => RunState::Queued,
        }
    }

    const fn error(&self) -> Option<(ErrorCode, &String)> {
        match &self.end {
            End::Failed(code, message) | End::Dead(code, message) | End::Retry(_, code, message) => {
                Some((*code, message))
            }
            End::Succeeded(_) | End::Answered(_) | End::Released => None,
        }
    }

    const fn output(&self) -> Option<&String> {
        match &self.end {
            End::Succeeded(output) | End::Answered(output) => Some(output),
            End::Failed(..) | End::Dead(..) | End::Retry(..) | End::Released => None,
        }
    }

    /// What is kept of an attempt that another one follows.
    fn attempt(&self, now: Timestamp) -> Option<Attempt> {
        let ending = match self.end {
            End::Retry(..) => Ending::Retry,
            End::Released => Ending::Released,
            End::Succeeded(_) | End::Answered(_) | End::Failed(..) | End::Dead(..) => return None,
        };
        let error = self.error().map(|(code, message)| (code, message.clone()));
        Some(Attempt { number: self.run.attempt, ended_at: now, ending, error, usage: self.usage.clone() })
    }

    /// Tells who waits for the run, if it has ended.
    pub(crate) fn tell(&self, watch: &Watch) {
        if self.state().is_terminal() {
            watch.settled(self.run.run_id, || Settled {
                state: self.state(),
                output: self.output().cloned(),
                is_http: matches!(self.end, End::Answered(_)),
                error: self.error().map(|(code, message)| (code, message.clone())),
            });
        }
    }
}

/// What [`write`] wrote.
pub(crate) struct Outcome {
    /// For each item, whether its lease was held.
    pub(crate) held: Vec<bool>,
    /// Whether a run became due.
    pub(crate) due: bool,
}

pub(crate) async fn write(
    tx: &mut Tx,
    shared: &Shared,
    all: &[&Finished],
    entries: &mut Vec<AuditEntry>,
) -> Result<Outcome, StorageError> {
    let now = shared.clock.now();
    let returned = tx
        .insert_rows(
            // By a join, since SQLite scans the table for a triple in a list.
            "DELETE FROM leases WHERE run_id IN (SELECT l.run_id FROM (VALUES {rows}) AS v \
             JOIN leases l ON l.run_id = v.column1 AND l.epoch = v.column2 AND l.node_id = v.column3) \
             RETURNING run_id, workflow_id, limited",
            3,
            all,
            |s, f| s.bind(f.run.run_id.0).bind(f.run.epoch).bind(shared.node.0),
        )
        .await?;
    let mut held: HashSet<RunId> = HashSet::with_capacity(returned.len());
    // Sorted, so that two nodes lock the workflows in the same order.
    let mut places: BTreeMap<WorkflowId, i64> = BTreeMap::new();
    for row in &returned {
        held.insert(row.id(0)?);
        if row.get::<i64>(2)? != 0 {
            *places.entry(row.id(1)?).or_default() += 1;
        }
    }
    let finished: Vec<&Finished> = all.iter().copied().filter(|f| held.contains(&f.run.run_id)).collect();
    tx.insert_rows(
        "UPDATE runs SET state = v.column2, finished_at = v.column3, due_at = v.column4, output = v.column5, error_code = v.column6, \
         error_message = v.column7, usage = v.column8, lost = v.column9 FROM (VALUES {rows}) AS v WHERE runs.id = v.column1",
        9,
        &finished,
        |s, f| {
            let terminal = f.state().is_terminal();
            let error = f.error();
            s.bind(f.run.run_id.0)
                .bind(f.state().as_str())
                .bind(terminal.then_some(now.as_micros()))
                .bind(match f.end {
                    End::Retry(at, ..) => Some(at.as_micros()),
                    _ => None,
                })
                .bind(f.output().cloned())
                .bind(error.map(|(code, _)| code.as_str()))
                // PostgreSQL stores no U+0000, and a guest's message must not keep its run from ending.
                .bind(error.map(|(_, message)| message.replace('\0', "\u{FFFD}")))
                .bind(f.usage.clone())
                .bind(i64::from(f.run.lost) + i64::from(f.end == End::Released))
        },
    )
    .await?;
    let again: Vec<&Finished> = finished.iter().copied().filter(|f| !f.state().is_terminal()).collect();
    tx.insert_rows(
        "INSERT INTO ready (run_id, org_id, workflow_id, account_id, due_at, parked) VALUES {rows}",
        6,
        &again,
        |s, f| {
            s.bind(f.run.run_id.0)
                .bind(f.run.org_id.0)
                .bind(f.run.workflow_id.0)
                .bind(f.run.principal.id.0)
                .bind(match f.end {
                    End::Retry(at, ..) => at.as_micros(),
                    _ => now.as_micros(),
                })
                .bind(0_i64)
        },
    )
    .await?;
    let attempts: Vec<(RunId, Attempt)> =
        again.iter().filter_map(|f| f.attempt(now).map(|attempt| (f.run.run_id, attempt))).collect();
    run_attempts::note(tx, &attempts).await?;
    let logs: Vec<&Finished> = finished.iter().copied().filter(|f| f.log.is_some()).collect();
    tx.insert_rows(
        "INSERT INTO run_logs (run_id, attempt, lines) VALUES {rows} ON CONFLICT (run_id, attempt) DO NOTHING",
        3,
        &logs,
        |s, f| s.bind(f.run.run_id.0).bind(i64::from(f.run.attempt)).bind(f.log.clone()),
    )
    .await?;
    let cut_off: Vec<&Finished> = all.iter().copied().filter(|f| !held.contains(&f.run.run_id)).collect();
    keep_of_cancelled(tx, &cut_off).await?;
    let mut due = !again.is_empty();
    for (workflow, free) in places {
        due |= unpark_next(tx, workflow, free).await?;
    }
    entries.extend(finished.iter().map(|f| entry(f, now)));
    Ok(Outcome { held: all.iter().map(|f| held.contains(&f.run.run_id)).collect(), due })
}

/// Keeps log and usage of attempts that a cancel has ended: what a run wrote until then says why it was cancelled, or what it had done already. No other
/// attempt follows a cancelled one, so its number says that it is this one.
async fn keep_of_cancelled(tx: &mut Tx, cut_off: &[&Finished]) -> Result<(), StorageError> {
    let logs: Vec<&Finished> = cut_off.iter().copied().filter(|f| f.log.is_some()).collect();
    tx.insert_rows(
        "INSERT INTO run_logs (run_id, attempt, lines) SELECT v.column1, v.column2, v.column3 FROM (VALUES {rows}) AS v \
         JOIN runs r ON r.id = v.column1 AND r.attempt = v.column2 WHERE r.state = 'cancelled' ON CONFLICT (run_id, attempt) DO NOTHING",
        3,
        &logs,
        |s, f| s.bind(f.run.run_id.0).bind(i64::from(f.run.attempt)).bind(f.log.clone()),
    )
    .await?;
    let used: Vec<&Finished> = cut_off.iter().copied().filter(|f| f.usage.is_some()).collect();
    tx.insert_rows(
        "UPDATE runs SET usage = v.column3 FROM (VALUES {rows}) AS v \
         WHERE runs.id = v.column1 AND runs.attempt = v.column2 AND runs.state = 'cancelled'",
        3,
        &used,
        |s, f| s.bind(f.run.run_id.0).bind(i64::from(f.run.attempt)).bind(f.usage.clone()),
    )
    .await?;
    Ok(())
}

/// Lets the longest waiting `free` runs of a workflow with a concurrency limit come up again. The workflow's row is taken
/// first: a claim that is about to park one holds it, and would otherwise be overlooked.
pub(crate) async fn unpark_next(tx: &mut Tx, workflow: WorkflowId, free: i64) -> Result<bool, StorageError> {
    tx.query("SELECT id FROM workflows WHERE id = $1 /*UPDATE*/").bind(workflow.0).fetch_optional().await?;
    let changed = tx
        .query(
            "UPDATE ready SET parked = 0 WHERE run_id IN \
             (SELECT run_id FROM ready WHERE workflow_id = $1 AND parked <> 0 AND parked = $2 ORDER BY due_at, run_id LIMIT $3)",
        )
        .bind(workflow.0)
        .bind(PARKED_CONCURRENCY)
        .bind(free)
        .execute()
        .await?;
    Ok(changed > 0)
}

fn entry(f: &Finished, now: Timestamp) -> AuditEntry {
    let (action, outcome) = match f.end {
        End::Succeeded(_) | End::Answered(_) => ("run.succeed", AuditOutcome::Ok),
        End::Failed(..) => ("run.fail", AuditOutcome::Error),
        End::Dead(..) => ("run.dead", AuditOutcome::Error),
        End::Retry(..) => ("run.retry", AuditOutcome::Error),
        End::Released => ("run.release", AuditOutcome::Ok),
    };
    let mut entry = run_entry(&f.run, now, action, outcome);
    entry.reason = f.error().map(|(code, message)| {
        let short: String = message.chars().take(300).collect();
        format!("{}: {short}", code.as_str())
    });
    entry
}

/// An entry about a run, by the account it runs as.
pub(crate) fn run_entry(run: &Claimed, now: Timestamp, action: &str, outcome: AuditOutcome) -> AuditEntry {
    let initiator =
        AuditInitiator { kind: run.initiator.kind, trigger_id: run.trigger_id, external_ref: None };
    let mut entry = AuditEntry::new(run.org_id, now, action, outcome, run.principal.clone(), initiator);
    entry.chain.clone_from(&run.chain);
    entry.run_id = Some(run.run_id);
    entry.attempt = Some(run.attempt);
    entry.workflow = Some(run.workflow.clone());
    entry.plugin_digest = Some(run.digest);
    entry.targets = vec![Target::new("run", run.run_id)];
    entry
}
