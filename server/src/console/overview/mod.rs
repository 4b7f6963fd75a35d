//! The first page: the last runs, and what to do next where there is nothing yet. What must hold: who may not read runs sees their own alone.

use std::sync::Arc;

use askama::Template;
use factotum_model::{Action, RunState};
use factotum_storage::runs::Run;
use http::StatusCode;

use super::frame::{Entry, Frame, Section};
use super::page::page;
use super::viewer::Viewer;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::routes::State;
use crate::operations::run::{self, Filter};
use crate::operations::{Page, Services};

/// How many runs are shown.
const LAST_RUNS: u32 = 20;

/// What the console knows of it.
pub const PAGES: Pages =
    Pages { routes, menu: Some(Entry { path: "/", label: "Overview", section: Section::Main, needs: None }) };

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes.add(Endpoint::get("/", "page.overview", "What runs, what fails").needs(Needs::Session), show)
}

#[derive(Template)]
#[template(path = "overview/page.html")]
struct OverviewPage {
    frame: Frame,
    runs: Vec<Run>,
    /// Whether these are the viewer's own alone.
    own: bool,
    public_url: String,
    may_make_keys: bool,
    may_invite: bool,
}

impl OverviewPage {
    /// How a state is marked.
    fn mark(&self, state: &RunState) -> &'static str {
        match state {
            RunState::Failed | RunState::Dead => "bad",
            RunState::Waiting | RunState::Cancelled => "warn",
            RunState::Queued | RunState::Running | RunState::Succeeded => "",
        }
    }
}

async fn show(services: State, viewer: Viewer) -> Shown {
    let own = !viewer.may(Action::RUNS_READ);
    let filter = Filter { account: own.then_some(viewer.caller.principal.id), ..Filter::default() };
    let runs = run::list(&services, &viewer.caller, filter, Page { limit: LAST_RUNS, cursor: None }).await?;
    let shown = OverviewPage {
        runs: runs.items,
        own,
        public_url: services.public_url.clone(),
        may_make_keys: viewer.may(Action::API_KEYS_CREATE),
        may_invite: viewer.may(Action::MEMBERS_CREATE),
        frame: viewer.frame("Overview", "/"),
    };
    Ok(page(StatusCode::OK, &shown))
}
