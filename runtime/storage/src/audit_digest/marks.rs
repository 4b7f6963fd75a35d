//! What needs somebody's attention: triggers whose runs fail one after another, and intents that have no outcome. What must hold: a run that succeeds ends
//! its trigger's streak; what is told is bounded.

use std::collections::BTreeMap;
use std::time::Duration;

use factotum_model::trigger::TriggerKind;
use factotum_model::{OrgId, RunId, RunState, Timestamp, TriggerId};

use super::walk::Walked;
use crate::connection::Tx;
use crate::error::StorageError;

/// For how long an intent may go without its outcome: an effect takes its time.
const IN_TIME: Duration = Duration::from_mins(5);
/// For how long one is told of.
const TOLD_FOR: Duration = Duration::from_hours(30 * 24);

/// How a trigger's runs went in one walk.
#[derive(Debug, Clone, Copy)]
struct Streak {
    /// Whether one succeeded: what was counted before is over.
    afresh: bool,
    failures: i64,
    last: RunId,
}

/// Writes what a walk found.
pub(super) async fn add(tx: &mut Tx, org: OrgId, walked: &Walked) -> Result<(), StorageError> {
    let mut streaks: BTreeMap<TriggerId, Streak> = BTreeMap::new();
    for end in &walked.ends {
        let Some(trigger) = end.trigger else { continue };
        let streak = streaks.entry(trigger).or_insert(Streak { afresh: false, failures: 0, last: end.run });
        match end.state {
            RunState::Failed | RunState::Dead => streak.failures += 1,
            RunState::Succeeded => (streak.afresh, streak.failures) = (true, 0),
            // Somebody's decision says nothing of the trigger.
            _ => continue,
        }
        streak.last = end.run;
    }
    for (trigger, Streak { afresh, failures, last }) in streaks {
        tx.query(
            "INSERT INTO audit_digest_triggers (org_id, trigger_id, failures, last_run) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (org_id, trigger_id) DO UPDATE SET last_run = excluded.last_run, \
             failures = excluded.failures + CASE WHEN $5 = 1 THEN 0 ELSE audit_digest_triggers.failures END",
        )
        .bind(org.0)
        .bind(trigger.0)
        .bind(failures)
        .bind(last.0)
        .bind(i64::from(afresh))
        .execute()
        .await?;
    }
    for (noun, target) in &walked.closed {
        tx.query("DELETE FROM audit_digest_intents WHERE org_id = $1 AND noun = $2 AND target_id = $3")
            .bind(org.0)
            .bind(noun.clone())
            .bind(target.clone())
            .execute()
            .await?;
    }
    let opened: Vec<_> = walked.opened.iter().collect();
    tx.insert_rows(
        "INSERT INTO audit_digest_intents (org_id, noun, target_id, at) VALUES {rows} ON CONFLICT (org_id, noun, target_id) DO NOTHING",
        4,
        &opened,
        |s, ((noun, target), at)| s.bind(org.0).bind(noun.clone()).bind(target.clone()).bind(at.as_micros()),
    )
    .await
    .map(drop)
}

/// Removes intents that are not told of any more.
pub(super) async fn forget(tx: &mut Tx, org: OrgId, now: Timestamp) -> Result<u64, StorageError> {
    tx.query("DELETE FROM audit_digest_intents WHERE org_id = $1 AND at < $2")
        .bind(org.0)
        .bind(now.minus(TOLD_FOR).as_micros())
        .execute()
        .await
}

/// A trigger whose last runs all failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// Which.
    pub trigger: TriggerId,
    /// Its kind.
    pub kind: TriggerKind,
    /// What it starts.
    pub workflow: String,
    /// How many failed, one after another.
    pub failures: u64,
    /// The last of them.
    pub last_run: RunId,
}

/// Triggers whose last runs failed, at least so many; those with most first, at most `limit`.
pub async fn failing(
    tx: &mut Tx,
    org: OrgId,
    at_least: u64,
    limit: u32,
) -> Result<Vec<Failing>, StorageError> {
    let rows = tx
        .query(
            "SELECT d.trigger_id, t.kind, w.name, d.failures, d.last_run FROM audit_digest_triggers d JOIN triggers t ON t.id = d.trigger_id \
             JOIN workflows w ON w.id = t.workflow_id WHERE d.org_id = $1 AND d.failures >= $2 AND t.org_id = $1 AND t.deleted_at IS NULL \
             ORDER BY d.failures DESC, d.trigger_id LIMIT $3",
        )
        .bind(org.0)
        .bind(at_least as i64)
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter()
        .map(|row| {
            let kind: String = row.get(1)?;
            Ok(Failing {
                trigger: row.id(0)?,
                kind: TriggerKind::from_word(&kind)
                    .ok_or_else(|| StorageError::damaged("triggers.kind", kind))?,
                workflow: row.get(2)?,
                failures: row.get::<i64>(3)?.unsigned_abs(),
                last_run: row.id(4)?,
            })
        })
        .collect()
}

/// Intents of the last month that should have an outcome by now and have none: how many, at most `limit`, and when the newest was.
pub async fn unknown_intents(
    tx: &mut Tx,
    org: OrgId,
    now: Timestamp,
    limit: u32,
) -> Result<(u64, Option<Timestamp>), StorageError> {
    let row = tx
        .query(
            "SELECT count(*), max(at) FROM (SELECT at FROM audit_digest_intents WHERE org_id = $1 AND at >= $2 AND at < $3 \
             ORDER BY at DESC LIMIT $4) AS i",
        )
        .bind(org.0)
        .bind(now.minus(TOLD_FOR).as_micros())
        .bind(now.minus(IN_TIME).as_micros())
        .bind(i64::from(limit))
        .fetch_optional()
        .await?;
    row.map_or(Ok((0, None)), |row| Ok((row.get::<i64>(0)?.unsigned_abs(), row.maybe_time(1)?)))
}
