//! Finding runs. What must hold: a search never leaves its organization; [`search`] looks at a bounded number of runs, whatever is asked, and says
//! how far it came.

use factotum_model::{
    AccountId, AccountKind, ErrorCode, InitiatorKind, OrgId, RunId, RunState, Timestamp, TriggerId,
};
use std::time::Duration;
use uuid::Uuid;

use crate::connection::{Row, Tx};
use crate::error::StorageError;
use crate::runs::{Run, SELECT, read};
use crate::statement::Value;

/// How long a run's id may be older than the run: it is made before the run is stored.
const ID_AHEAD: Duration = Duration::from_hours(24);

/// How many of the runs that are due are looked at: they are found one by one.
const QUEUED_WINDOW: u32 = 2_000;
/// How many of the unsuccessful runs are looked at: they lie far apart.
const UNSUCCESSFUL_WINDOW: u32 = 1_000;

/// Which runs; a field left out does not narrow.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Of the workflow with this name.
    pub workflow: Option<String>,
    /// In this state.
    pub state: Option<RunState>,
    /// Started by this trigger.
    pub trigger: Option<TriggerId>,
    /// Run as this account.
    pub account: Option<AccountId>,
    /// Started by this run.
    pub parent: Option<RunId>,
    /// Started by this kind of thing.
    pub initiator: Option<InitiatorKind>,
    /// Run as an account of one of these kinds; empty means any.
    pub account_kinds: Vec<AccountKind>,
    /// Accepted at or after.
    pub since: Option<Timestamp>,
    /// Accepted before.
    pub until: Option<Timestamp>,
    /// Whose last error was this.
    pub error: Option<ErrorCode>,
    /// Dead, and neither replayed nor dismissed.
    pub dead_letter: bool,
}

/// What a bounded search found.
#[derive(Debug, Default)]
pub struct Searched {
    /// The runs, newest first.
    pub runs: Vec<Run>,
    /// The oldest run that was looked at, if older ones were not: the search can go on before it.
    pub looked_to: Option<RunId>,
}

/// The conditions of a filter, with the values that they bind.
struct Conditions {
    /// A table that the search begins at, if not at the runs: SQLite keeps to the order of a `CROSS JOIN`.
    first: &'static str,
    text: String,
    values: Vec<Value>,
}

impl Conditions {
    /// Runs of an organization, older than this.
    fn of(org: OrgId, before: Uuid) -> Self {
        let text = "r.org_id = $1 AND r.id < $2".to_owned();
        Self { first: "", text, values: vec![org.0.into(), before.into()] }
    }

    /// Adds a condition; `?` stands for the value.
    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let place = format!("${}", self.values.len());
        self.also(&condition.replace('?', &place));
    }

    /// Adds a condition without a value.
    fn also(&mut self, condition: &str) {
        self.text = format!("{} AND {condition}", self.text);
    }

    /// The state as a constant of the text, so that the databases see which partial index serves.
    fn state(&mut self, state: RunState) {
        self.also(&format!("r.state = '{}'", state.as_str()));
        if matches!(state, RunState::Failed | RunState::Dead | RunState::Cancelled) {
            self.also("r.state IN ('failed', 'dead', 'cancelled')");
        }
    }

    fn dead_letter(&mut self) {
        self.state(RunState::Dead);
        self.also("r.handled_at IS NULL");
    }

    async fn fetch(mut self, tx: &mut Tx, select: &str, limit: u32) -> Result<Vec<Row>, StorageError> {
        self.values.push(i64::from(limit).into());
        let select = select.replacen("FROM ", &format!("FROM {}", self.first), 1);
        let last = self.values.len();
        let mut statement =
            tx.query_built(format!("{select} WHERE {} ORDER BY r.id DESC LIMIT ${last}", self.text));
        for value in self.values {
            statement = statement.bind(value);
        }
        statement.fetch_all().await
    }
}

impl RunFilter {
    /// Everything that it asks for, but the workflow.
    fn narrow(&self, conditions: &mut Conditions) {
        if let Some(state) = self.state {
            conditions.state(state);
        }
        if self.dead_letter {
            conditions.dead_letter();
        }
        if let Some(trigger) = self.trigger {
            conditions.and("r.trigger_id = ?", trigger.0);
        }
        if let Some(account) = self.account {
            conditions.and("r.account_id = ?", account.0);
        }
        if let Some(parent) = self.parent {
            conditions.and("r.id IN (SELECT run_id FROM child_runs WHERE parent_id = ?)", parent.0);
        }
        if let Some(initiator) = self.initiator {
            conditions.and("r.initiator_kind = ?", initiator.as_str());
        }
        if !self.account_kinds.is_empty() {
            let words: Vec<_> =
                self.account_kinds.iter().map(|kind| format!("'{}'", kind.as_str())).collect();
            conditions.also(&format!("r.principal_kind IN ({})", words.join(", ")));
        }
        if let Some(since) = self.since {
            conditions.and("r.created_at >= ?", since.as_micros());
            conditions.and("r.id >= ?", oldest(since));
        }
        if let Some(until) = self.until {
            conditions.and("r.created_at < ?", until.as_micros());
        }
        if let Some(error) = self.error {
            conditions.and("r.error_code = ?", error.as_str());
        }
    }

    /// The run before which a search of so many ends; none if there are fewer. They are counted among what an index gives in order, by that index
    /// alone.
    async fn floor(
        &self,
        tx: &mut Tx,
        (org, before): (OrgId, Uuid),
        workflow: Option<Uuid>,
        window: u32,
    ) -> Result<Option<Uuid>, StorageError> {
        let unsuccessful = if self.dead_letter { Some(RunState::Dead) } else { self.state };
        let unsuccessful = unsuccessful
            .filter(|state| matches!(state, RunState::Failed | RunState::Dead | RunState::Cancelled));
        let mut among = match workflow {
            // Its id says whose it is.
            Some(id) => Conditions {
                first: "",
                text: "r.workflow_id = $1 AND r.id < $2".to_owned(),
                values: vec![id.into(), before.into()],
            },
            None => Conditions::of(org, before),
        };
        if let Some(state) = unsuccessful {
            if self.dead_letter && workflow.is_none() { among.dead_letter() } else { among.state(state) }
        }
        let window = if unsuccessful.is_some() { window.min(UNSUCCESSFUL_WINDOW) } else { window };
        let mut statement = tx.query_built(format!(
            "SELECT r.id FROM runs r WHERE {} ORDER BY r.id DESC LIMIT 1 OFFSET {window}",
            among.text
        ));
        for value in among.values {
            statement = statement.bind(value);
        }
        statement.fetch_optional().await?.map(|row| row.get(0)).transpose()
    }

    /// Where a search begins: before the cursor, and not later than it has to.
    fn begin(&self, before: Option<RunId>) -> Uuid {
        let before = before.map_or(Uuid::max(), |run| run.0);
        // An id is made before its run is stored: a run from before `until` has an id from before it.
        let until = self.until.map(|at| RunId::from_parts(at.plus(Duration::from_millis(1)), [0; 10]).0);
        until.map_or(before, |until| before.min(until))
    }
}

/// Runs, newest first, at most `limit` older than `before`, however far away they are.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    filter: &RunFilter,
    before: Option<RunId>,
    limit: u32,
) -> Result<Vec<Run>, StorageError> {
    let mut conditions = Conditions::of(org, filter.begin(before));
    if let Some(workflow) = &filter.workflow {
        conditions.and("w.name = ?", workflow.clone());
    }
    filter.narrow(&mut conditions);
    page(tx, conditions, limit).await
}

async fn page(tx: &mut Tx, conditions: Conditions, limit: u32) -> Result<Vec<Run>, StorageError> {
    conditions.fetch(tx, SELECT, limit).await?.iter().map(read).collect()
}

/// As [`list`], but looks at `window` runs at the most.
pub async fn search(
    tx: &mut Tx,
    org: OrgId,
    filter: &RunFilter,
    before: Option<RunId>,
    (limit, window): (u32, u32),
) -> Result<Searched, StorageError> {
    let before = filter.begin(before);
    let mut conditions = Conditions::of(org, before);
    let mut only = None;
    if let Some(name) = &filter.workflow {
        match workflows(tx, org, name).await?.as_slice() {
            [] => return Ok(Searched::default()),
            [id] => {
                conditions.and("r.workflow_id = ?", *id);
                only = Some(*id);
            }
            // Deleted and made again under its name.
            _ => {
                let named = "r.workflow_id IN (SELECT id FROM workflows WHERE org_id = $1 AND name = ?)";
                conditions.and(named, name.clone());
            }
        }
    }
    filter.narrow(&mut conditions);
    let mut floor = None;
    if let Some(parent) = filter.parent {
        // No more than a run may start.
        conditions.first = "child_runs q CROSS JOIN ";
        conditions.and("q.run_id = r.id AND q.parent_id = ?", parent.0);
    } else if filter.state == Some(RunState::Running) {
        // No more than the nodes have room for.
        conditions.first = "leases q CROSS JOIN ";
        conditions.also("q.run_id = r.id AND q.org_id = $1");
    } else if filter.state == Some(RunState::Queued) {
        floor = queued_floor(tx, org, before, window.min(QUEUED_WINDOW)).await?;
        conditions.first = "ready q CROSS JOIN ";
        conditions.also("q.run_id = r.id AND q.org_id = $1 AND q.run_id < $2");
        if let Some(floor) = floor {
            conditions.and("q.run_id > ?", floor);
        }
    } else {
        floor = filter.floor(tx, (org, before), only, window).await?;
        if let Some(floor) = floor {
            conditions.and("r.id > ?", floor);
        }
    }
    let runs = page(tx, conditions, limit).await?;
    let full = runs.len() >= limit as usize;
    // The floor itself was not looked at: it is the first of what is left.
    let begin = filter.since.map_or(Uuid::nil(), oldest);
    let floor = floor.filter(|floor| !full && *floor >= begin);
    let after = |floor: Uuid| RunId(Uuid::from_u128(floor.as_u128().saturating_add(1)));
    Ok(Searched { looked_to: floor.map(after), runs })
}

/// No run from this time or later has an older id.
fn oldest(since: Timestamp) -> Uuid {
    RunId::from_parts(since.minus(ID_AHEAD), [0; 10]).0
}

async fn workflows(tx: &mut Tx, org: OrgId, name: &str) -> Result<Vec<Uuid>, StorageError> {
    let rows = tx
        .query("SELECT id FROM workflows WHERE org_id = $1 AND name = $2 LIMIT 2")
        .bind(org.0)
        .bind(name.to_owned())
        .fetch_all()
        .await?;
    rows.iter().map(|row| row.get(0)).collect()
}

async fn queued_floor(
    tx: &mut Tx,
    org: OrgId,
    before: Uuid,
    window: u32,
) -> Result<Option<Uuid>, StorageError> {
    let row = tx
        .query("SELECT run_id FROM ready WHERE org_id = $1 AND run_id < $2 ORDER BY run_id DESC LIMIT 1 OFFSET $3")
        .bind(org.0)
        .bind(before)
        .bind(i64::from(window))
        .fetch_optional()
        .await?;
    row.map(|row| row.get(0)).transpose()
}
