//! Dead letters: runs whose retries are used up, and about which nobody has done anything. What must hold: what is done about many is done about each in
//! its own transaction, a few with every request, so that it can be stopped, loses nothing, and shows how far it is and what came of each.

pub mod settling;

use std::sync::Arc;

use askama::Template;
use axum::extract::RawQuery;
use factotum_model::{Action, ErrorCode, RunId};
use http::StatusCode;

use super::fields::{Faults, Fields};
use super::frame::{Entry, Frame, Section};
use super::page::page;
use super::runs::Asked;
use super::runs::row::Row;
use super::viewer::Viewer;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::routes::State;
use crate::operations::run::{self, Filter, Found};
use crate::operations::{OperationError, Page, Services};

/// The path of the list.
pub const HERE: &str = "/dead-letters";
/// How many stand on a page.
const PER_PAGE: u32 = 30;

/// What the console knows of it.
pub const PAGES: Pages = Pages {
    routes,
    menu: Some(Entry {
        path: HERE,
        label: "Dead letters",
        section: Section::Main,
        needs: Some(Action::RUNS_READ),
    }),
};

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let (replay, dismiss) = ("/dead-letters/replay", "/dead-letters/dismiss");
    routes
        .add(
            Endpoint::get(HERE, "page.dead_letters", "Dead runs that nobody has done anything about")
                .grant(Action::RUNS_READ),
            list,
        )
        .add(
            Endpoint::get(replay, "page.dead_letters.confirm_replay", "Which dead letters to replay")
                .grant(Action::RUNS_REPLAY),
            settling::confirm_replay,
        )
        .add(
            Endpoint::post(replay, "page.dead_letters.replay", "Replay dead letters")
                .grant(Action::RUNS_REPLAY),
            settling::replay,
        )
        .add(
            Endpoint::get(dismiss, "page.dead_letters.confirm_dismiss", "Which dead letters to dismiss")
                .grant(Action::RUNS_CANCEL),
            settling::confirm_dismiss,
        )
        .add(
            Endpoint::post(dismiss, "page.dead_letters.dismiss", "Dismiss dead letters")
                .grant(Action::RUNS_CANCEL),
            settling::dismiss,
        )
}

/// What the list is narrowed by.
#[derive(Debug)]
pub struct Narrowed {
    /// Workflow and time.
    pub asked: Asked,
    /// A word of [`ErrorCode`].
    pub error: String,
}

impl Narrowed {
    /// As a form sent it.
    pub fn of(fields: &Fields) -> Self {
        let asked = Asked::of(fields);
        let asked = Asked { state: String::new(), trigger: String::new(), ..asked };
        Self { asked, error: fields.text("error") }
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.asked.is_empty() && self.error.is_empty()
    }

    /// As a query, with the cursor; without `?`.
    pub fn query(&self, cursor: &str) -> String {
        self.asked.query(&[("error", &self.error), ("cursor", cursor)])
    }

    /// As operations take it.
    pub fn filter(&self) -> Result<Filter, OperationError> {
        let error = (!self.error.is_empty()).then(|| {
            ErrorCode::from_word(&self.error)
                .ok_or_else(|| OperationError::invalid("error", "not one of the words to choose from"))
        });
        Ok(Filter { error: error.transpose()?, dead_letter: true, ..self.asked.filter()? })
    }
}

#[derive(Template)]
#[template(path = "dead_letters/list.html")]
struct ListPage {
    frame: Frame,
    narrowed: Narrowed,
    faults: Faults,
    rows: Vec<Row>,
    next: Option<String>,
    /// Whether there are no more because so many were looked at.
    cut_short: bool,
    later: bool,
    may_replay: bool,
    may_dismiss: bool,
    script: String,
}

async fn list(services: State, viewer: Viewer, RawQuery(query): RawQuery) -> Shown {
    let fields = Fields::of_query(query.as_deref());
    shown(&services, &viewer, &fields, Faults::default()).await
}

/// The list; with what was wrong with what was sent from it.
async fn shown(services: &Services, viewer: &Viewer, fields: &Fields, faults: Faults) -> Shown {
    let narrowed = Narrowed::of(fields);
    let cursor: Option<RunId> = fields.some("cursor").and_then(|text| text.parse().ok());
    let (found, faults) = match narrowed.filter() {
        Ok(filter) => {
            let part = Page { limit: PER_PAGE, cursor };
            (run::search(services, &viewer.caller, filter, part).await?, faults)
        }
        Err(error) => (Found { runs: Vec::new(), next: None, cut_short: false }, Faults::of(error)?),
    };
    let status = if faults.words.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let now = services.now();
    let list = ListPage {
        rows: found.runs.iter().map(|run| Row::of(run, now)).collect(),
        cut_short: found.cut_short,
        next: found.next,
        later: cursor.is_some(),
        may_replay: viewer.may(Action::RUNS_REPLAY),
        may_dismiss: viewer.may(Action::RUNS_CANCEL),
        script: super::assets::path("select.js"),
        narrowed,
        faults,
        frame: viewer.frame("Dead letters", HERE),
    };
    Ok(page(status, &list))
}
