//! EDI interchanges: what came, what became of it, how it was acknowledged, its segments with what is wrong in them; the quarantine. What must hold: an
//! interchange of any size makes a page of bounded size, and what is left out is said; what a stranger wrote is shown as text.

mod report;
mod segments;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query};
use factotum_model::Action;
use factotum_model::edi::{Standard, State as Became};
use factotum_storage::edi::interchanges::Interchange;
use http::StatusCode;
use serde::Deserialize;

use super::fields::Faults;
use super::frame::Frame;
use super::page::{go, page};
use super::plugins::grouped;
use super::viewer::Viewer;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::form::Form;
use crate::api::parameters::{page as page_of, word};
use crate::api::routes::State;
use crate::api::routes::interchange::file;
use crate::operations::interchange::{self, Asked};
use crate::operations::{OperationError, Services};
use crate::view::harmless;
use report::{FindingView, SetView};
use segments::SegmentView;

const HERE: &str = "/interchanges";
/// Where it stands in the menu.
const MENU: &str = "/partners";

/// What the console knows of it.
pub const PAGES: Pages = Pages { routes, menu: None };

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let settles = |path, id, summary| Endpoint::post(path, id, summary).grant(Action::PARTNERS_UPDATE);
    let shows = |path, id, summary| Endpoint::get(path, id, summary).grant(Action::EVENTS_READ);
    routes
        .add(
            shows(HERE, "page.interchanges", "EDI interchanges").query_of(
                "state",
                Form::Word(&Became::WORDS),
                "what became of them",
            ),
            list,
        )
        .add(shows("/interchanges/{id}", "page.interchange", "An EDI interchange"), show)
        .add(shows("/interchanges/{id}/raw", "page.interchange.raw", "The bytes of an interchange"), raw)
        .add(
            settles("/interchanges/{id}/release", "page.interchange.release", "Let out of the quarantine"),
            release,
        )
        .add(
            settles("/interchanges/{id}/discard", "page.interchange.discard", "Throw out of the quarantine"),
            discard,
        )
}

/// An interchange in a list.
struct Summary {
    id: String,
    received_at: String,
    standard: &'static str,
    state: &'static str,
    /// How the state looks: nothing, `warn` or `bad`.
    look: &'static str,
    partner: Option<String>,
    sender: String,
    receiver: String,
    control: String,
    test: bool,
    sets: String,
    reason: Option<String>,
    acknowledged: bool,
}

/// A text of a stranger, in one line that does nothing.
fn text(text: Option<&str>) -> String {
    harmless::shown(text.unwrap_or_default()).into_owned()
}

impl From<&Interchange> for Summary {
    fn from(interchange: &Interchange) -> Self {
        let sets = match interchange.state {
            Became::Quarantined | Became::Discarded | Became::Duplicate => grouped(interchange.sets),
            _ => format!("{} of {}", grouped(interchange.accepted), grouped(interchange.sets)),
        };
        Self {
            id: interchange.id.to_string(),
            received_at: interchange.received_at.to_string(),
            standard: interchange.standard.map_or("", Standard::label),
            state: interchange.state.as_str(),
            look: match interchange.state {
                Became::Accepted | Became::Duplicate | Became::Discarded => "",
                Became::Partial | Became::Quarantined => "warn",
                Became::Rejected => "bad",
            },
            partner: interchange.partner.as_ref().map(|(_, name)| name.clone()),
            sender: text(interchange.sender.as_deref()),
            receiver: text(interchange.receiver.as_deref()),
            control: text(interchange.control.as_deref()),
            test: interchange.test,
            sets,
            reason: interchange.reason.as_deref().map(|reason| text(Some(reason))),
            acknowledged: interchange.acknowledged,
        }
    }
}

#[derive(Template)]
#[template(path = "interchanges/page.html")]
struct InterchangesPage {
    frame: Frame,
    interchanges: Vec<Summary>,
    next: Option<String>,
    state: Option<&'static str>,
    partner: Option<String>,
}

impl InterchangesPage {
    fn is_asked(&self, word: &str) -> bool {
        self.state == Some(word)
    }
}

#[derive(Deserialize)]
struct Filter {
    cursor: Option<String>,
    state: Option<String>,
    partner: Option<String>,
}

async fn list(services: State, viewer: Viewer, Query(asked): Query<Filter>) -> Shown {
    let part = page_of(None, asked.cursor.as_deref())?;
    let state = asked.state.filter(|word| !word.is_empty());
    let state = word("state", state.as_deref(), Became::from_word)?;
    let partner = asked.partner.filter(|name| !name.is_empty());
    let filter = Asked { state, partner: partner.clone() };
    let found = interchange::list(&services, &viewer.caller, filter, part).await?;
    let shown = InterchangesPage {
        interchanges: found.items.iter().map(Summary::from).collect(),
        next: found.next,
        state: state.map(Became::as_str),
        partner,
        frame: viewer.frame("Interchanges", MENU),
    };
    Ok(page(StatusCode::OK, &shown))
}

#[derive(Template)]
#[template(path = "interchanges/one.html")]
struct InterchangePage {
    frame: Frame,
    faults: Faults,
    summary: Summary,
    trigger: Option<String>,
    first: Option<String>,
    size: String,
    digest: String,
    settled_at: Option<String>,
    transport: String,
    /// What is wrong with bytes that are no interchange.
    unreadable: Option<String>,
    sets: Vec<SetView>,
    more_sets: usize,
    findings: Vec<FindingView>,
    more_findings: usize,
    segments: Vec<SegmentView>,
    more_segments: bool,
    acknowledgement: Vec<SegmentView>,
    may_settle: bool,
}

async fn one(
    services: &Services,
    viewer: &Viewer,
    id: &str,
    faults: Faults,
) -> Result<InterchangePage, OperationError> {
    let (found, bytes) = interchange::raw(services, &viewer.caller, id).await?;
    let summary = Summary::from(&found);
    let (findings, more_findings) = report::findings(&found.report);
    let (sets, more_sets) = report::sets(&found.report);
    let (segments, more_segments) = segments::of(&bytes, &findings);
    let (acknowledgement, _) = segments::of(found.acknowledgement.as_deref().unwrap_or_default(), &[]);
    let title = match (&summary.partner, summary.control.as_str()) {
        (Some(partner), control) => format!("{control} from {partner}"),
        (None, "") => "What cannot be read".to_owned(),
        (None, control) => format!("{control} from {}", summary.sender),
    };
    Ok(InterchangePage {
        frame: viewer.frame(title, MENU),
        faults,
        trigger: found.trigger_id.map(|id| id.to_string()),
        first: found.first_id.map(|id| id.to_string()),
        size: grouped(found.size),
        digest: found.digest.to_string(),
        settled_at: found.settled_at.map(|at| at.to_string()),
        transport: found.transport.clone(),
        unreadable: found.report["unreadable"]["message"].as_str().map(|words| text(Some(words))),
        sets,
        more_sets,
        findings,
        more_findings,
        segments,
        more_segments,
        acknowledgement,
        may_settle: found.state == Became::Quarantined && viewer.may(Action::PARTNERS_UPDATE),
        summary,
    })
}

async fn show(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    Ok(page(StatusCode::OK, &one(&services, &viewer, &id, Faults::default()).await?))
}

async fn raw(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    let (_, bytes) = interchange::raw(&services, &viewer.caller, &id).await?;
    Ok(file(bytes, "application/octet-stream"))
}

async fn settled(
    services: &Services,
    viewer: &Viewer,
    id: &str,
    done: Result<Interchange, OperationError>,
) -> Shown {
    match done {
        Ok(_) => Ok(go(&format!("{HERE}/{id}"))),
        Err(error) => {
            let (status, faults) = Faults::with_status(error)?;
            Ok(page(status, &one(services, viewer, id, faults).await?))
        }
    }
}

async fn release(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    let done = interchange::release(&services, &viewer.caller, &id).await;
    settled(&services, &viewer, &id, done).await
}

async fn discard(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    let done = interchange::discard(&services, &viewer.caller, &id).await;
    settled(&services, &viewer, &id, done).await
}
