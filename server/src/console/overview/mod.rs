//! The first page: what runs, what fails, what waits; how runs ended over time; what needs somebody; nodes and the seal of the audit trail; and what to do
//! first where nothing has run yet. What must hold: each part is shown to who may read it; who may not read runs sees their own alone; what renews
//! itself asks for no more than it shows.

mod chart;

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::Query;
use factotum_model::{Action, RunState};
use factotum_storage::audit_digest::runs::Span;
use factotum_storage::runs::Run;
use factotum_storage::runs_now::MOST;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::frame::{Entry, Frame, Section};
use super::page::page;
use super::refusal::Refusal;
use super::viewer::Viewer;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::routes::State;
use crate::operations::overview::{self, Attention, History, NodeNow, Now, OfWorkflow, Seal};
use crate::operations::run::{self, Filter};
use crate::operations::{Page, Services};
use crate::view::harmless::shown;
use chart::{Bars, Stretch, duration};

/// How many runs are shown.
const LAST_RUNS: u32 = 10;

/// What the console knows of it.
pub const PAGES: Pages =
    Pages { routes, menu: Some(Entry { path: "/", label: "Overview", section: Section::Main, needs: None }) };

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes.add(Endpoint::get("/", "page.overview", "What runs, what fails").needs(Needs::Session), show)
}

#[derive(Deserialize)]
struct Asked {
    span: Option<String>,
}

/// A period that charts are of.
struct Period {
    word: &'static str,
    label: &'static str,
    span: Span,
}

const PERIODS: [Period; 3] = [
    Period { word: "day", label: "24 hours", span: Span::HalfHour },
    Period { word: "week", label: "7 days", span: Span::ThreeHours },
    Period { word: "month", label: "30 days", span: Span::Day },
];

#[derive(Template)]
#[template(path = "overview/page.html")]
struct OverviewPage {
    frame: Frame,
    period: &'static Period,
    /// None for who may not read runs.
    now: Option<Now>,
    attention: Attention,
    runs: Vec<Run>,
    charts: Option<Charts>,
    nodes: Vec<NodeNow>,
    seal: Option<Seal>,
    first_steps: Option<FirstSteps>,
}

/// What to do where nothing has run yet.
struct FirstSteps {
    public_url: String,
    may_push: bool,
    may_make_workflows: bool,
    may_make_triggers: bool,
    may_make_keys: bool,
    may_invite: bool,
}

/// What the charts are made of.
struct Charts {
    stretches: Vec<Stretch>,
    bars: Bars,
    most: u64,
    medians: Vec<String>,
    p95s: Vec<String>,
    longest: String,
    workflows: Vec<WorkflowChart>,
}

/// A workflow's line in the charts.
struct WorkflowChart {
    name: String,
    deleted: bool,
    runs: u64,
    failed: u64,
    median: String,
    p95: String,
    bars: Bars,
}

impl Charts {
    fn of(history: &History) -> Self {
        let stretches = chart::stretches(&history.all, &history.stretches);
        let workflow = |OfWorkflow { workflow, ends }: &OfWorkflow| {
            let took = |share| chart::took(ends, share).map(duration).unwrap_or_default();
            WorkflowChart {
                name: shown(&workflow.name).into_owned(),
                deleted: workflow.deleted,
                runs: workflow.runs,
                failed: workflow.failed,
                median: took(0.5),
                p95: took(0.95),
                bars: chart::bars(&chart::stretches(ends, &history.stretches)),
            }
        };
        Self {
            bars: chart::bars(&stretches),
            most: chart::most(&stretches),
            medians: chart::lines(&stretches, |stretch| stretch.median),
            p95s: chart::lines(&stretches, |stretch| stretch.p95),
            longest: duration(chart::longest(&stretches)),
            workflows: history.workflows.iter().map(workflow).collect(),
            stretches,
        }
    }

    /// How many stretches of time there are.
    fn width(&self) -> usize {
        self.stretches.len()
    }

    /// Whether nothing ended.
    fn is_empty(&self) -> bool {
        self.most == 0
    }

    /// The stretches in which something ended.
    fn told(&self) -> impl Iterator<Item = &Stretch> {
        self.stretches.iter().rev().filter(|stretch| stretch.all() > 0)
    }

    fn ended(&self) -> u64 {
        self.stretches.iter().map(Stretch::all).sum()
    }

    fn failed(&self) -> u64 {
        self.stretches.iter().map(|stretch| stretch.failed).sum()
    }

    /// The beginnings of the first and the last stretch.
    fn ends(&self) -> (&str, &str) {
        match self.stretches.as_slice() {
            [first, .., last] => (&first.at, &last.at),
            _ => ("", ""),
        }
    }
}

#[allow(
    clippy::unused_self,
    clippy::trivially_copy_pass_by_ref,
    clippy::ref_option,
    reason = "a template calls methods, and passes what it has by reference"
)]
impl OverviewPage {
    /// How a state is marked.
    fn mark(&self, state: &RunState) -> &'static str {
        match state {
            RunState::Failed | RunState::Dead => "bad",
            RunState::Waiting | RunState::Cancelled => "warn",
            RunState::Queued | RunState::Running | RunState::Succeeded => "",
        }
    }

    /// A number that is counted up to a bound.
    fn bounded(&self, count: &u64) -> String {
        if *count > MOST { format!("{MOST}+") } else { count.to_string() }
    }

    fn took(&self, took: &Option<Duration>) -> String {
        took.map(duration).unwrap_or_default()
    }

    fn lasts(&self, took: &Duration) -> String {
        duration(*took)
    }

    fn named(&self, text: &str) -> String {
        shown(text).into_owned()
    }
}

async fn show(services: State, viewer: Viewer, headers: HeaderMap, Query(asked): Query<Asked>) -> Shown {
    let period =
        PERIODS.iter().find(|period| Some(period.word) == asked.span.as_deref()).unwrap_or(&PERIODS[0]);
    // htmx asks for what renews itself alone.
    let partly = headers.contains_key("hx-request");
    let shown = of(&services, &viewer, period, partly).await?;
    Ok(page(StatusCode::OK, &shown))
}

async fn of(
    services: &Services,
    viewer: &Viewer,
    period: &'static Period,
    partly: bool,
) -> Result<OverviewPage, Refusal> {
    let caller = &viewer.caller;
    let all = viewer.may(Action::RUNS_READ);
    let filter = Filter { account: (!all).then_some(caller.principal.id), ..Filter::default() };
    let runs = run::list(services, caller, filter, Page { limit: LAST_RUNS, cursor: None }).await?.items;
    let now = if all { Some(overview::now(services, caller).await?) } else { None };
    let charts = if all && !partly && !runs.is_empty() {
        Some(Charts::of(&overview::history(services, caller, period.span).await?))
    } else {
        None
    };
    let nodes = if viewer.may(Action::SETTINGS_READ) && !partly {
        overview::nodes(services, caller).await?
    } else {
        Vec::new()
    };
    let seal = if viewer.may(Action::AUDIT_READ) && !partly {
        Some(overview::seal(services, caller).await?)
    } else {
        None
    };
    Ok(OverviewPage {
        period,
        now,
        attention: overview::attention(services, caller).await?,
        charts,
        nodes,
        seal,
        first_steps: runs.is_empty().then(|| FirstSteps {
            public_url: services.public_url.clone(),
            may_push: viewer.may(Action::PLUGINS_CREATE),
            may_make_workflows: viewer.may(Action::WORKFLOWS_CREATE),
            may_make_triggers: viewer.may(Action::TRIGGERS_CREATE),
            may_make_keys: viewer.may(Action::API_KEYS_CREATE),
            may_invite: viewer.may(Action::MEMBERS_CREATE),
        }),
        runs,
        frame: viewer.frame("Overview", "/"),
    })
}
