//! Runs that ended, counted by stretches of time: what the charts are made of. What must hold: a row is one number, only ever added to; each kind of
//! stretch is kept as long as it is shown, and somewhat longer.

use std::time::Duration;

use factotum_model::{OrgId, RunState, Timestamp, WorkflowId};

use uuid::Uuid;

use super::scale;
use super::walk::End;
use crate::connection::{Row, Tx};
use crate::error::StorageError;

/// How long a stretch of time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Span {
    /// Half an hour: for a day.
    HalfHour,
    /// Three hours: for a week.
    ThreeHours,
    /// A day of UTC: for a month.
    Day,
}

impl Span {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::HalfHour, Self::ThreeHours, Self::Day];

    /// In seconds, as it is stored.
    pub const fn seconds(self) -> u64 {
        match self {
            Self::HalfHour => 1_800,
            Self::ThreeHours => 10_800,
            Self::Day => 86_400,
        }
    }

    /// Of how many a chart is made.
    pub const fn shown(self) -> u64 {
        match self {
            Self::HalfHour => 48,
            Self::ThreeHours => 56,
            Self::Day => 30,
        }
    }

    const fn micros(self) -> i64 {
        self.seconds() as i64 * 1_000_000
    }

    /// The beginning of the stretch that an instant is in.
    pub const fn begin(self, at: Timestamp) -> Timestamp {
        Timestamp::from_micros(at.as_micros() - at.as_micros().rem_euclid(self.micros()))
    }

    /// The beginnings of those that a chart is made of, the oldest first; the last one is not over.
    pub fn stretches(self, now: Timestamp) -> Vec<Timestamp> {
        let last = self.begin(now).as_micros();
        (0..self.shown() as i64)
            .rev()
            .map(|back| Timestamp::from_micros(last - back * self.micros()))
            .collect()
    }
}

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    span: Span,
    at: Timestamp,
    workflow: WorkflowId,
    state: &'static str,
    took: i64,
}

/// Under this stand the ends of all workflows together, so that they need not be added up for each who looks.
const ALL: WorkflowId = WorkflowId(Uuid::nil());

impl Place {
    /// Where the end of a run is counted: under its workflow, and under all.
    pub(super) fn of(span: Span, end: &End) -> [Self; 2] {
        [end.workflow, ALL].map(|workflow| Self {
            span,
            at: span.begin(end.at),
            workflow,
            state: end.state.as_str(),
            took: scale::step(end.took),
        })
    }
}

/// Adds to what is counted.
pub(super) async fn add(tx: &mut Tx, org: OrgId, counted: &[(Place, i64)]) -> Result<(), StorageError> {
    tx.insert_rows(
        "INSERT INTO audit_digest_runs (org_id, span, at, workflow_id, state, took, runs) VALUES {rows} \
         ON CONFLICT (org_id, span, workflow_id, at, state, took) DO UPDATE SET runs = audit_digest_runs.runs + excluded.runs",
        7,
        counted,
        |s, (place, runs)| {
            s.bind(org.0)
                .bind(place.span.seconds() as i64)
                .bind(place.at.as_micros())
                .bind(place.workflow.0)
                .bind(place.state)
                .bind(place.took)
                .bind(*runs)
        },
    )
    .await
    .map(drop)
}

/// Of how many stretches more than are shown the numbers are kept.
const MARGIN: u64 = 4;

/// Removes what is older than its chart.
pub(super) async fn forget(tx: &mut Tx, org: OrgId, span: Span, now: Timestamp) -> Result<u64, StorageError> {
    let before = span.begin(now).minus(Duration::from_secs(span.seconds() * (span.shown() + MARGIN)));
    tx.query("DELETE FROM audit_digest_runs WHERE org_id = $1 AND span = $2 AND at < $3")
        .bind(org.0)
        .bind(span.seconds() as i64)
        .bind(before.as_micros())
        .execute()
        .await
}

/// How many runs of a stretch of time ended so, on a step of the [scale](super::scale).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// When the stretch began.
    pub at: Timestamp,
    /// How they ended.
    pub state: RunState,
    /// How long they took.
    pub took: i64,
    /// How many.
    pub runs: u64,
}

/// Those of all workflows of an organization, since the beginning of the chart.
pub async fn all(tx: &mut Tx, org: OrgId, span: Span, since: Timestamp) -> Result<Vec<Ended>, StorageError> {
    of_workflow(tx, org, span, ALL, since).await
}

/// A workflow with the most ends, or the most bad ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    /// Which.
    pub id: WorkflowId,
    /// Its name.
    pub name: String,
    /// Whether it is deleted.
    pub deleted: bool,
    /// How many of its runs ended.
    pub runs: u64,
    /// How many of them failed.
    pub failed: u64,
}

/// The workflows whose runs failed most often, then those that ran most often; at most so many.
pub async fn busiest(
    tx: &mut Tx,
    org: OrgId,
    span: Span,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Busy>, StorageError> {
    let rows = tx
        .query(
            "SELECT w.id, w.name, w.deleted_at, t.runs, t.failed FROM \
             (SELECT workflow_id, CAST(sum(runs) AS BIGINT) AS runs, \
              CAST(sum(CASE WHEN state IN ('failed', 'dead') THEN runs ELSE 0 END) AS BIGINT) AS failed FROM audit_digest_runs \
              WHERE org_id = $1 AND span = $2 AND at >= $3 AND workflow_id <> $5 GROUP BY workflow_id ORDER BY failed DESC, runs DESC, workflow_id LIMIT $4) AS t \
             JOIN workflows w ON w.id = t.workflow_id ORDER BY t.failed DESC, t.runs DESC, w.id",
        )
        .bind(org.0)
        .bind(span.seconds() as i64)
        .bind(since.as_micros())
        .bind(i64::from(limit))
        .bind(ALL.0)
        .fetch_all()
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Busy {
                id: row.id(0)?,
                name: row.get(1)?,
                deleted: row.maybe_time(2)?.is_some(),
                runs: row.get::<i64>(3)?.unsigned_abs(),
                failed: row.get::<i64>(4)?.unsigned_abs(),
            })
        })
        .collect()
}

/// Those of one workflow, since the beginning of the chart.
pub async fn of_workflow(
    tx: &mut Tx,
    org: OrgId,
    span: Span,
    workflow: WorkflowId,
    since: Timestamp,
) -> Result<Vec<Ended>, StorageError> {
    let rows = tx
        .query(
            "SELECT at, state, took, runs FROM audit_digest_runs \
             WHERE org_id = $1 AND span = $2 AND at >= $3 AND workflow_id = $4 ORDER BY at, took",
        )
        .bind(org.0)
        .bind(span.seconds() as i64)
        .bind(since.as_micros())
        .bind(workflow.0)
        .fetch_all()
        .await?;
    rows.iter().map(ended).collect()
}

fn ended(row: &Row) -> Result<Ended, StorageError> {
    let state: String = row.get(1)?;
    Ok(Ended {
        at: row.time(0)?,
        state: RunState::from_word(&state)
            .ok_or_else(|| StorageError::damaged("audit_digest_runs.state", state))?,
        took: row.get(2)?,
        runs: row.get::<i64>(3)?.unsigned_abs(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charts_stretches_end_with_the_one_that_goes_on() {
        let now = Timestamp::from_micros(1_800_000_123_456_789);
        for span in Span::ALL {
            let all = span.stretches(now);
            assert_eq!(all.len() as u64, span.shown());
            assert!(all.windows(2).all(|pair| pair[1].since(pair[0]).as_secs() == span.seconds()));
            let last = *all.last().unwrap();
            assert!(last <= now && now.since(last).as_secs() < span.seconds());
            assert_eq!(span.begin(last), last);
        }
    }
}
