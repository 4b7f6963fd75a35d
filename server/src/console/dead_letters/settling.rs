//! Doing something about many dead letters: first a page that says what will be done, then a few with every request. What must hold: the list of what is
//! left stands in the page, not in the server, so that any node can go on; without a script each part is a press of a button.

use askama::Template;
use axum::extract::RawQuery;
use factotum_model::{Action, RunId};
use factotum_storage::runs::Run;
use http::StatusCode;
use uuid::Uuid;

use super::{HERE, Narrowed};
use crate::api::routes::State;
use crate::console::Shown;
use crate::console::fields::{Faults, Fields};
use crate::console::frame::Frame;
use crate::console::page::page;
use crate::console::refusal::Refusal;
use crate::console::runs::row::short;
use crate::console::viewer::Viewer;
use crate::operations::run::{self, Settled, Way};
use crate::operations::{OperationError, Page, Services};

/// How many are done with a request.
const PER_REQUEST: usize = 20;
/// How many are counted for the page that asks.
const MAX_COUNTED: u32 = 500;
/// How many may be selected.
const MAX_SELECTED: usize = 1_000;

/// A way in words, for the templates.
struct Words {
    /// The path that does it.
    path: &'static str,
    /// `Replay`
    verb: &'static str,
    /// `replayed`
    done: &'static str,
}

const fn words(way: Way) -> Words {
    match way {
        Way::Replay => Words { path: "/dead-letters/replay", verb: "Replay", done: "replayed" },
        Way::Dismiss => Words { path: "/dead-letters/dismiss", verb: "Dismiss", done: "dismissed" },
    }
}

/// What is still to be done.
#[derive(Debug, Default)]
struct Left {
    /// Those that were selected, as far as they are not done.
    runs: Vec<String>,
    /// All that match instead, and where to go on.
    all: bool,
    cursor: String,
}

impl Left {
    fn of(fields: &Fields) -> Self {
        let mut runs = fields.all("run");
        runs.truncate(MAX_SELECTED);
        Self { runs, all: fields.text("all") == "true", cursor: fields.text("cursor") }
    }
}

#[derive(Template)]
#[template(path = "dead_letters/confirm.html")]
struct ConfirmPage {
    frame: Frame,
    words: Words,
    replay: bool,
    narrowed: Narrowed,
    left: Left,
    /// How many, and whether there are more than were counted.
    count: usize,
    at_least: bool,
    viewer: String,
}

/// Asks before many are replayed.
pub async fn confirm_replay(services: State, viewer: Viewer, RawQuery(query): RawQuery) -> Shown {
    confirm(&services, &viewer, Way::Replay, query).await
}

/// Asks before many are dismissed.
pub async fn confirm_dismiss(services: State, viewer: Viewer, RawQuery(query): RawQuery) -> Shown {
    confirm(&services, &viewer, Way::Dismiss, query).await
}

async fn confirm(services: &Services, viewer: &Viewer, way: Way, query: Option<String>) -> Shown {
    may(services, viewer, way).await?;
    let fields = Fields::of_query(query.as_deref());
    let narrowed = Narrowed::of(&fields);
    let mut left = Left::of(&fields);
    let (mut count, mut at_least) = (left.runs.len(), false);
    if left.all {
        let part = Page { limit: MAX_COUNTED, cursor: None };
        let found = match narrowed.filter() {
            Ok(filter) => run::search(services, &viewer.caller, filter, part).await?,
            Err(error) => return super::shown(services, viewer, &fields, Faults::of(error)?).await,
        };
        left.runs.clear();
        left.cursor = found.runs.first().map_or_else(String::new, |run| just_after(run).to_string());
        (count, at_least) = (found.runs.len(), found.next.is_some());
    }
    if count == 0 {
        let faults = Faults::beside("run", "Select one or more first.");
        return super::shown(services, viewer, &fields, faults).await;
    }
    let viewer_name = viewer.caller.principal.name.clone();
    let frame = viewer.frame(format!("{} dead letters", words(way).verb), HERE);
    let replay = way == Way::Replay;
    let asked = ConfirmPage {
        frame,
        words: words(way),
        replay,
        narrowed,
        left,
        count,
        at_least,
        viewer: viewer_name,
    };
    Ok(page(StatusCode::OK, &asked))
}

/// Whoever may not is refused before anything is looked at, also where nothing was selected.
async fn may(services: &Services, viewer: &Viewer, way: Way) -> std::result::Result<(), OperationError> {
    let (doing, action) = match way {
        Way::Replay => ("run.replay", Action::RUNS_REPLAY),
        Way::Dismiss => ("run.dismiss", Action::RUNS_CANCEL),
    };
    viewer.caller.allowed(services, doing, action, None, None).await
}

/// The cursor that has this run as the first after it: what dies later is left alone.
fn just_after(run: &Run) -> RunId {
    RunId(Uuid::from_u128(run.id.0.as_u128().saturating_add(1)))
}

/// What came of one.
struct Result {
    id: String,
    /// The run that repeats it.
    replay: Option<String>,
    /// Why it was not done.
    problem: String,
}

impl Result {
    fn of(way: Way, settled: Settled) -> Self {
        let (replay, problem) = match settled.result {
            Ok(run) => (Some(run.id.to_string()).filter(|_| way == Way::Replay), String::new()),
            Err(words) => (None, words),
        };
        Self { id: settled.id, replay, problem }
    }
}

#[derive(Template)]
#[template(path = "dead_letters/progress.html")]
struct ProgressPage {
    frame: Frame,
    words: Words,
    narrowed: Narrowed,
    left: Left,
    results: Vec<Result>,
    done: u64,
    failed: u64,
    /// How many there are to be done, as far as they were counted.
    total: u64,
    at_least: bool,
    goes_on: bool,
}

/// Replays the next few.
pub async fn replay(services: State, viewer: Viewer, fields: Fields) -> Shown {
    settle(&services, &viewer, Way::Replay, &fields).await
}

/// Dismisses the next few.
pub async fn dismiss(services: State, viewer: Viewer, fields: Fields) -> Shown {
    settle(&services, &viewer, Way::Dismiss, &fields).await
}

async fn settle(services: &Services, viewer: &Viewer, way: Way, fields: &Fields) -> Shown {
    may(services, viewer, way).await?;
    let number = |name: &str| fields.text(name).parse::<u64>().unwrap_or_default();
    let narrowed = Narrowed::of(fields);
    let (ids, left, goes_on) = next(services, viewer, &narrowed, Left::of(fields)).await?;
    let settled = run::settle(services, &viewer.caller, way, &ids).await?;
    let failed = settled.iter().filter(|one| one.result.is_err()).count() as u64;
    let done = number("done") + settled.len() as u64;
    let shown = ProgressPage {
        frame: viewer.frame(format!("{} dead letters", words(way).verb), HERE),
        words: words(way),
        results: settled.into_iter().map(|one| Result::of(way, one)).collect(),
        done,
        failed: number("failed") + failed,
        total: number("total").max(done),
        at_least: fields.text("at_least") == "true",
        narrowed,
        left,
        goes_on,
    };
    Ok(page(StatusCode::OK, &shown))
}

/// The next few, what is left after them, and whether anything is.
async fn next(
    services: &Services,
    viewer: &Viewer,
    narrowed: &Narrowed,
    mut left: Left,
) -> std::result::Result<(Vec<String>, Left, bool), Refusal> {
    if !left.all {
        let ids: Vec<String> = left.runs.drain(..left.runs.len().min(PER_REQUEST)).collect();
        let goes_on = !left.runs.is_empty();
        return Ok((ids, left, goes_on));
    }
    let cursor: RunId =
        left.cursor.parse().map_err(|e| Refusal::from(OperationError::invalid("cursor", e)))?;
    let part = Page { limit: PER_REQUEST as u32, cursor: Some(cursor) };
    let found = run::search(services, &viewer.caller, narrowed.filter()?, part).await?;
    let ids = found.runs.iter().map(|run| run.id.to_string()).collect();
    let goes_on = found.next.is_some();
    left.cursor = found.next.unwrap_or_default();
    Ok((ids, left, goes_on))
}
