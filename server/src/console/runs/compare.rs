//! Two runs side by side. What must hold: what is alike is told from what differs, in words and not by colour alone; the viewer sees no more of either
//! than on its own page.

use askama::Template;
use axum::extract::RawQuery;
use factotum_model::{Action, Event};
use factotum_storage::runs::Run;
use http::StatusCode;
use serde_json::Value;

use super::HERE;
use super::diff::{Difference, MAX_DIFFERENCES, diff};
use super::row::{self, Row, cut, took};
use crate::api::routes::State;
use crate::console::Shown;
use crate::console::fields::{Faults, Fields};
use crate::console::frame::Frame;
use crate::console::page::page;
use crate::console::refusal::Refusal;
use crate::console::viewer::Viewer;
use crate::operations::run::{self, Line};
use crate::operations::{OperationError, Services, event};
use crate::view::harmless;

/// Larger payloads and outputs are compared as a whole.
const MAX_COMPARED_BYTES: usize = 1 << 20;
/// How much of a value is shown, in characters.
const MAX_CHARS: usize = 300;

/// A line of the table: what, of the first, of the second.
#[derive(Debug)]
struct Fact {
    what: &'static str,
    a: String,
    b: String,
    differs: bool,
}

impl Fact {
    fn of(what: &'static str, a: String, b: String) -> Self {
        Self { what, differs: a != b, a, b }
    }
}

/// What differs between two values.
#[derive(Debug)]
enum Differences {
    /// They cannot be compared, and why.
    Not(&'static str),
    /// They are alike.
    None,
    /// These.
    Some {
        /// The differences.
        list: Vec<Difference>,
        /// Whether there are more.
        more: bool,
    },
}

impl Differences {
    fn of(a: &Value, b: &Value) -> Self {
        let mut list = diff(a, b);
        let more = list.len() > MAX_DIFFERENCES;
        list.truncate(MAX_DIFFERENCES);
        if list.is_empty() { Self::None } else { Self::Some { list, more } }
    }
}

/// Where two logs part.
#[derive(Debug)]
enum LogDifference {
    None,
    At { line: usize, a: Option<String>, b: Option<String> },
}

#[derive(Template)]
#[template(path = "runs/compare.html")]
struct ComparePage {
    frame: Frame,
    faults: Faults,
    a: String,
    b: String,
    both: Option<Both>,
}

/// Two runs that were found.
struct Both {
    a: Row,
    b: Row,
    facts: Vec<Fact>,
    event: Differences,
    output: Differences,
    log: LogDifference,
}

/// Compares them; asks for the second where it is missing.
pub async fn show(services: State, viewer: Viewer, RawQuery(query): RawQuery) -> Shown {
    let fields = Fields::of_query(query.as_deref());
    let (a, b) = (fields.text("a"), fields.text("b"));
    let mut faults = Faults::default();
    let mut both = None;
    if a.is_empty() || b.is_empty() {
        if !viewer.may(Action::RUNS_READ) && !a.is_empty() {
            run::get(&services, &viewer.caller, &a).await?;
        } else if a.is_empty() {
            viewer.caller.allowed(&services, "run.read", Action::RUNS_READ, None, None).await?;
        }
    } else {
        match (found(&services, &viewer, "a", &a).await?, found(&services, &viewer, "b", &b).await?) {
            (Ok(first), Ok(second)) => both = Some(compared(&services, &viewer, &first, &second).await?),
            (Err(fault), _) | (_, Err(fault)) => faults = fault,
        }
    }
    let status = if faults.words.is_empty() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    Ok(page(status, &ComparePage { frame: viewer.frame("Compare runs", HERE), faults, a, b, both }))
}

async fn found(
    services: &Services,
    viewer: &Viewer,
    field: &str,
    id: &str,
) -> Result<Result<Run, Faults>, Refusal> {
    match run::get(services, &viewer.caller, id).await {
        Ok(run) => Ok(Ok(run)),
        Err(OperationError::NotFound) => Ok(Err(Faults::beside(field, "There is no run with this id here."))),
        Err(error) => Err(error.into()),
    }
}

async fn compared(services: &Services, viewer: &Viewer, a: &Run, b: &Run) -> Result<Both, Refusal> {
    let now = services.now();
    let logs = (lines(services, viewer, a).await?, lines(services, viewer, b).await?);
    Ok(Both {
        facts: facts(a, b, |run| took(run, now)),
        event: events(services, viewer, a, b).await?,
        output: outputs(a, b),
        log: first_difference(&logs.0, &logs.1),
        a: Row::of(a, now),
        b: Row::of(b, now),
    })
}

fn facts(a: &Run, b: &Run, took: impl Fn(&Run) -> String) -> Vec<Fact> {
    let fact = |what, of: &dyn Fn(&Run) -> String| Fact::of(what, of(a), of(b));
    let grants = |grants: &[String]| if grants.is_empty() { "none".to_owned() } else { grants.join(", ") };
    vec![
        fact("State", &|run| run.state.as_str().to_owned()),
        fact("Error", &|run| {
            let error = run.error.as_ref();
            error.map_or_else(String::new, |(code, text)| {
                format!("{}: {}", code.as_str(), cut(text, MAX_CHARS))
            })
        }),
        fact("Took", &took),
        fact("Attempts", &|run| run.attempt.to_string()),
        fact("Workflow", &|run| harmless::shown(&run.workflow).into_owned()),
        fact("Version", &|run| run.workflow_version.to_string()),
        fact("Component", &|run| run.plugin_digest.to_string()),
        fact("Ran as", &|run| {
            let badge = run.principal.kind.badge().map_or_else(String::new, |badge| format!(" ({badge})"));
            format!("{}{badge}", harmless::shown(&run.principal.name))
        }),
        fact("Started by", &|run| row::started_by(run.initiator.kind).to_owned()),
        fact("Grants", &|run| grants(&run.authority)),
        fact("Missing grants", &|run| grants(&run.missing_grants)),
        fact("Event", &|run| run.event_id.to_string()),
    ]
}

async fn events(services: &Services, viewer: &Viewer, a: &Run, b: &Run) -> Result<Differences, Refusal> {
    if a.event_id == b.event_id {
        return Ok(Differences::None);
    }
    if !viewer.may(Action::EVENTS_READ) {
        return Ok(Differences::Not("Events are shown to those with the grant events:read."));
    }
    let (Some(first), Some(second)) = (one(services, viewer, a).await?, one(services, viewer, b).await?)
    else {
        return Ok(Differences::Not("One of the events is no longer kept."));
    };
    if first.payload.len().max(second.payload.len()) > MAX_COMPARED_BYTES {
        return Ok(if first.payload == second.payload && first.input == second.input {
            Differences::None
        } else {
            Differences::Not("They differ, and are too large to be compared here; download both.")
        });
    }
    Ok(Differences::of(&comparable(&first), &comparable(&second)))
}

async fn one(services: &Services, viewer: &Viewer, run: &Run) -> Result<Option<Event>, Refusal> {
    match event::get(services, &viewer.caller, &run.event_id.to_string()).await {
        Ok((event, _)) => Ok(Some(event)),
        Err(OperationError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The event as a workflow sees it, with a body that is JSON as JSON.
fn comparable(event: &Event) -> Value {
    let mut value = event.to_json();
    let kind = event.input.kind();
    if let Some(body) = value[kind]["body"].as_str()
        && let Ok(json) = serde_json::from_str::<Value>(body)
    {
        value[kind]["body"] = json;
    }
    value[kind].take()
}

fn outputs(a: &Run, b: &Run) -> Differences {
    match (a.output.as_deref(), b.output.as_deref()) {
        (None, None) => Differences::Not("Neither has an output."),
        (Some(_), None) => Differences::Not("Only A has an output."),
        (None, Some(_)) => Differences::Not("Only B has an output."),
        (Some(a), Some(b)) if a == b => Differences::None,
        (Some(a), Some(b)) if a.len().max(b.len()) > MAX_COMPARED_BYTES => {
            Differences::Not("They differ, and are too large to be compared here; download both.")
        }
        (Some(a), Some(b)) => {
            let read = |text: &str| serde_json::from_str(text).unwrap_or_default();
            Differences::of(&read(a), &read(b))
        }
    }
}

async fn lines(services: &Services, viewer: &Viewer, run: &Run) -> Result<Vec<Line>, Refusal> {
    Ok(run::logs(services, &viewer.caller, &run.id.to_string(), (0, 0)).await?)
}

/// The first line that is another one, whenever it was written.
fn first_difference(a: &[Line], b: &[Line]) -> LogDifference {
    let said = |line: &Line| {
        let own = &line.line;
        (own["level"].clone(), own["message"].clone(), own["fields"].clone())
    };
    let text = |line: &Line| {
        let word = |name: &str| line.line[name].as_str().unwrap_or_default().to_owned();
        cut(&format!("{} {}", word("level"), word("message")), MAX_CHARS)
    };
    let differ = |at: &usize| a.get(*at).map(said) != b.get(*at).map(said);
    match (0..a.len().max(b.len())).find(differ) {
        None => LogDifference::None,
        Some(at) => LogDifference::At { line: at + 1, a: a.get(at).map(text), b: b.get(at).map(text) },
    }
}
