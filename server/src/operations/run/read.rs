//! Listing and showing runs and their logs. What must hold: without `runs:read` an account sees the runs that it is principal of, and
//! cannot tell another's run from none.

use factotum_model::{Action, RunId, RunState, authorize};
use factotum_storage::live_logs;
use factotum_storage::run_attempts::{self, Attempt};
pub use factotum_storage::runs::RunFilter as Filter;
use factotum_storage::runs::{self, Run, RunFilter};
use factotum_storage::signals::{self, Signal};
use serde_json::Value;

use crate::operations::{Caller, Listed, OperationError, Page, Services};

/// How many runs one search of [`search`] looks at: what it costs is bounded, whatever is asked.
const WINDOW: u32 = 10_000;
/// How many repetitions of a run are shown.
const MAX_REPLAYS: u32 = 20;
/// How many lines of an attempt under way are given at a time.
pub const MAX_LIVE_LINES: usize = 1_000;

/// The filter within what the caller may see.
async fn allowed(
    services: &Services,
    caller: &Caller,
    filter: RunFilter,
) -> Result<RunFilter, OperationError> {
    let own = caller.principal.id;
    match (authorize(&caller.authority, Action::RUNS_READ, None), filter.account) {
        (Ok(()), _) => Ok(filter),
        // What it ran itself, everyone may see.
        (Err(_), Some(account)) if account == own => Ok(filter),
        (Err(denied), _) => Err(caller.refused(services, "run.list", None, denied.into()).await),
    }
}

/// The runs, newest first.
pub async fn list(
    services: &Services,
    caller: &Caller,
    filter: Filter,
    page: Page<RunId>,
) -> Result<Listed<Run>, OperationError> {
    let filter = allowed(services, caller, filter).await?;
    let mut tx = services.storage.read().await?;
    let found = runs::list(&mut tx, caller.org_id, &filter, page.cursor, page.fetch()).await?;
    Ok(page.cut(found, |r| r.id.to_string()))
}

/// A page of a search that looks at [`WINDOW`] runs at the most.
#[derive(Debug)]
pub struct Found {
    /// The runs, newest first.
    pub runs: Vec<Run>,
    /// The cursor of what follows, if there is more or more may be.
    pub next: Option<String>,
    /// Whether it stopped because it had looked at so many, not because the page was full.
    pub cut_short: bool,
}

/// The runs, newest first, as far as a bounded search finds them.
pub async fn search(
    services: &Services,
    caller: &Caller,
    filter: Filter,
    page: Page<RunId>,
) -> Result<Found, OperationError> {
    let filter = allowed(services, caller, filter).await?;
    let mut tx = services.storage.read().await?;
    let bounds = (page.fetch(), WINDOW);
    let found = runs::search(&mut tx, caller.org_id, &filter, page.cursor, bounds).await?;
    let listed = page.cut(found.runs, |r| r.id.to_string());
    let cut_short = found.looked_to.filter(|_| listed.next.is_none());
    let next = listed.next.or(cut_short.map(|run| run.to_string()));
    Ok(Found { runs: listed.items, next, cut_short: cut_short.is_some() })
}

/// One run.
pub async fn get(services: &Services, caller: &Caller, id: &str) -> Result<Run, OperationError> {
    let mut tx = services.storage.read().await?;
    let found = match id.parse::<RunId>() {
        Ok(id) => runs::get(&mut tx, caller.org_id, id).await?,
        Err(_) => None,
    };
    drop(tx);
    if let Err(denied) = authorize(&caller.authority, Action::RUNS_READ, None) {
        return match found {
            Some(run) if run.principal.id == caller.principal.id => Ok(run),
            _ => Err(caller.refused(services, "run.read", None, denied.into()).await),
        };
    }
    found.ok_or(OperationError::NotFound)
}

/// The newest runs that repeat this one.
pub async fn replays(services: &Services, caller: &Caller, run: &Run) -> Result<Vec<Run>, OperationError> {
    caller.allowed(services, "run.list", Action::RUNS_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    Ok(runs::replays(&mut tx, caller.org_id, run.id, MAX_REPLAYS).await?)
}

/// The attempts of a run before its last one, as far as they were kept.
pub async fn attempts(
    services: &Services,
    caller: &Caller,
    id: &str,
) -> Result<Vec<Attempt>, OperationError> {
    let run = get(services, caller, id).await?;
    let mut tx = services.storage.read().await?;
    Ok(run_attempts::list(&mut tx, run.id).await?)
}

/// A line of a run's log.
#[derive(Debug)]
pub struct Line {
    /// Its attempt.
    pub attempt: u32,
    /// Its number in the attempt's log, from 0.
    pub number: usize,
    /// Level, message, when, fields.
    pub line: Value,
}

/// What a run logged, attempt by attempt, from a line of an attempt on: also what an attempt has logged that is under way, on another node a moment
/// later. At most [`MAX_LIVE_LINES`] of those.
pub async fn logs(
    services: &Services,
    caller: &Caller,
    id: &str,
    (from, number): (u32, usize),
) -> Result<Vec<Line>, OperationError> {
    let run = get(services, caller, id).await?;
    // Before the database is asked: an attempt that ends meanwhile is in one or the other.
    let skip = |attempt: u32| if attempt == from { number } else { 0 };
    let mut live = services.dispatcher.log_so_far(run.id, skip(run.attempt), MAX_LIVE_LINES);
    if live.is_none() && run.state == RunState::Running {
        live = elsewhere(services, &run, skip(run.attempt)).await?;
    }
    let mut tx = services.storage.read().await?;
    let attempts = runs::logs(&mut tx, run.id, from).await?;
    let mut lines = Vec::new();
    let mut add = |attempt: u32, first: usize, some: Vec<Value>| {
        lines.extend((first..).zip(some).map(|(number, line)| Line { attempt, number, line }));
    };
    let ended = attempts.last().map_or(0, |(attempt, _)| *attempt);
    for (attempt, text) in attempts {
        // A list of lines, as the dispatcher writes it.
        let all: Vec<Value> = serde_json::from_str(&text).unwrap_or_default();
        let first = skip(attempt);
        add(attempt, first, all.into_iter().skip(first).collect());
    }
    if let Some((attempt, some)) = live.filter(|(attempt, _)| *attempt > ended && *attempt >= from) {
        // The lines were asked for by the attempt that the run had then.
        let first = skip(run.attempt);
        add(attempt, if attempt == run.attempt { first } else { 0 }, some);
    }
    Ok(lines)
}

/// What another node has copied of a run's log, from a line on; and asks it to copy what came since.
async fn elsewhere(
    services: &Services,
    run: &Run,
    from: usize,
) -> Result<Option<(u32, Vec<Value>)>, OperationError> {
    let mut tx = services.storage.write().await?;
    signals::send(&mut tx, Signal::LogWanted(run.id), services.now()).await?;
    let copied = live_logs::get(&mut tx, run.id).await?;
    tx.commit().await?;
    let copied = copied.filter(|(attempt, _)| *attempt == run.attempt);
    Ok(copied.map(|(attempt, lines)| {
        // A list of lines, as the dispatcher writes it.
        let lines: Vec<Value> = serde_json::from_str(&lines).unwrap_or_default();
        (attempt, lines.into_iter().skip(from).take(MAX_LIVE_LINES).collect())
    }))
}
