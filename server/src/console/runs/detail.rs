//! The page of a run. What must hold: it says what happened, why, by whose authority, and what can be done; what the viewer may not see is left out and
//! said to be.

use askama::Template;
use axum::extract::Path;
use factotum_model::{AccountKind, Action, InitiatorKind, RunId, RunState};
use factotum_storage::runs::Run;
use http::StatusCode;

use super::HERE;
use super::log::{self, LINES_OF_A_RUN, Log, Which};
use super::payload::{self, SOME};
use super::row::{self, Row, cut};
use super::timeline::Timeline;
use super::tree::{Bounds, Part};
use crate::api::routes::State;
use crate::console::Shown;
use crate::console::fields::Faults;
use crate::console::frame::Frame;
use crate::console::page::page;
use crate::console::refusal::Refusal;
use crate::console::viewer::Viewer;
use crate::operations::run::{self, Filter};
use crate::operations::{Page, Services, event};
use crate::view::harmless;

/// How many children are shown.
const MAX_CHILDREN: u32 = 10;
/// How much of an output is shown.
const OUTPUT: Bounds = Bounds { nodes: 120, chars: 400 };
/// How much of an error's message is shown, in characters.
const MAX_ERROR_CHARS: usize = 2_000;

/// The page of a run.
#[derive(Template)]
#[template(path = "runs/one.html")]
pub struct RunPage {
    frame: Frame,
    faults: Faults,
    run: Run,
    row: Row,
    timeline: Timeline,
    log: Log,
    /// What came in; none for who may not see it.
    event: Option<payload::Shown>,
    /// Whether the event is no longer there.
    event_gone: bool,
    output: Vec<Part>,
    output_note: &'static str,
    error: Option<(&'static str, String)>,
    children: Vec<Row>,
    more_children: bool,
    replays: Vec<Row>,
    may_cancel: bool,
    may_replay: bool,
    may_audit: bool,
    may_read: bool,
    /// The viewer's name: a replay runs as they.
    viewer: String,
    /// Stands for the one run that the form for a replay starts.
    form: String,
}

impl RunPage {
    fn going(&self) -> bool {
        !self.run.state.is_terminal()
    }

    /// Dead, and nobody has done anything about it.
    fn dead_letter(&self) -> bool {
        self.run.state == RunState::Dead && self.run.handled_at.is_none()
    }

    /// Where what started the run is found.
    fn initiator_link(&self) -> Option<String> {
        let id = self.run.initiator.id.as_deref()?;
        match self.run.initiator.kind {
            InitiatorKind::Webhook | InitiatorKind::Email | InitiatorKind::Schedule | InitiatorKind::Edi => {
                Some(format!("/triggers/{id}"))
            }
            InitiatorKind::Api => Some(format!("/settings/api-keys/{id}")),
            InitiatorKind::Member => Some(format!("/settings/members/{id}")),
            InitiatorKind::Run => Some(format!("/runs/{id}")),
            InitiatorKind::System => None,
        }
    }

    fn short(id: &str) -> &str {
        row::short(id)
    }

    /// What can be done about grants that the run lacks.
    fn remedy(&self) -> &'static str {
        match (self.run.initiator.kind, self.run.principal.kind) {
            (InitiatorKind::Run, _) => {
                "A run has no more than the run that started it: give these grants to the workflow of that run, and to whatever starts it."
            }
            (_, AccountKind::Member) => {
                "It ran as a person, with what their roles allow. Have an Admin add a role with these grants, then replay it."
            }
            (_, AccountKind::ApiKey) => {
                "It ran as an API key, whose grants never change. Make a new key that has these grants too, and use that one."
            }
            (_, AccountKind::Base) => "Replay it: the base service account holds every grant now.",
        }
    }
}

/// The run's page, with what stood in the way of what was tried on it.
pub async fn page_of(
    services: &Services,
    viewer: &Viewer,
    id: &str,
    faults: Faults,
) -> Result<RunPage, Refusal> {
    let caller = &viewer.caller;
    let run = run::get(services, caller, id).await?;
    let may_read = viewer.may(Action::RUNS_READ);
    let now = services.now();
    let earlier = run::attempts(services, caller, id).await?;
    let lines = run::logs(services, caller, id, (0, 0)).await?;
    let (event, event_gone) = event_of(services, viewer, &run).await?;
    let own = (!may_read).then_some(caller.principal.id);
    let below = Filter { parent: Some(run.id), account: own, ..Filter::default() };
    let below = run::search(services, caller, below, Page { limit: MAX_CHILDREN, cursor: None }).await?;
    let replays = if may_read { run::replays(services, caller, &run).await? } else { Vec::new() };
    let rows = |runs: &[Run]| runs.iter().map(|run| Row::of(run, now)).collect();
    let (output, output_note) = output(&run);
    let ended = run.state.is_terminal();
    let error = run.error.as_ref().map(|(code, text)| (code.as_str(), cut(text, MAX_ERROR_CHARS)));
    let title = format!("Run {} of {}", row::short(&run.id.to_string()), run.workflow);
    Ok(RunPage {
        frame: viewer.frame(title, HERE),
        faults,
        row: Row::of(&run, now),
        timeline: Timeline::of(&run, &earlier, now),
        log: log::part(id, lines, (0, 0), Which::Last(LINES_OF_A_RUN), !ended),
        event,
        event_gone,
        output,
        output_note,
        error,
        more_children: below.next.is_some(),
        children: rows(&below.runs),
        replays: rows(&replays),
        may_cancel: viewer.may(Action::RUNS_CANCEL),
        may_replay: viewer.may(Action::RUNS_REPLAY),
        may_audit: viewer.may(Action::AUDIT_READ),
        may_read,
        viewer: harmless::shown(&caller.principal.name).into_owned(),
        form: RunId::random().to_string(),
        run,
    })
}

async fn event_of(
    services: &Services,
    viewer: &Viewer,
    run: &Run,
) -> Result<(Option<payload::Shown>, bool), Refusal> {
    if !viewer.may(Action::EVENTS_READ) {
        return Ok((None, false));
    }
    match event::get(services, &viewer.caller, &run.event_id.to_string()).await {
        Ok((event, trigger)) => Ok((Some(payload::shown(&event, trigger, SOME)), false)),
        Err(crate::operations::OperationError::NotFound) => Ok((None, true)),
        Err(error) => Err(error.into()),
    }
}

fn output(run: &Run) -> (Vec<Part>, &'static str) {
    match run.output.as_deref() {
        Some(text) => payload::json(text.as_bytes(), OUTPUT),
        None => (Vec::new(), ""),
    }
}

/// Shows it.
pub async fn show(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    Ok(page(StatusCode::OK, &page_of(&services, &viewer, &id, Faults::default()).await?))
}
