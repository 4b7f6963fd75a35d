//! Runs: what ran, what runs, what came of it. What must hold: who may not read runs sees their own alone; what came from outside is shown and never
//! obeyed, and no page grows with what was sent in.

pub mod actions;
pub mod compare;
pub mod detail;
pub mod diff;
pub mod download;
pub mod event;
pub mod log;
pub mod mail;
pub mod payload;
pub mod row;
pub mod timeline;
pub mod tree;

use std::sync::Arc;

use askama::Template;
use axum::extract::RawQuery;
use factotum_model::{Action, InitiatorKind, RunId, RunState, Timestamp, TriggerId};
use http::StatusCode;

use super::fields::{Faults, Fields};
use super::frame::{Entry, Frame, Section};
use super::page::page;
use super::viewer::Viewer;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::routes::State;
use crate::api::routes::run::account_kinds;
use crate::operations::run::{self, Filter, Found};
use crate::operations::{OperationError, Page, Services};
use row::Row;

/// The path of the list.
pub const HERE: &str = "/runs";
/// How many runs stand on a page: with the script and the style it stays below 100 kB.
const PER_PAGE: u32 = 30;

/// What the console knows of it.
pub const PAGES: Pages =
    Pages { routes, menu: Some(Entry { path: HERE, label: "Runs", section: Section::Main, needs: None }) };

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let readers = Needs::GrantOrPrincipal(Action::RUNS_READ);
    let of_one = |path, id, what| Endpoint::get(path, id, what).needs(readers);
    routes
        .add(Endpoint::get(HERE, "page.runs", "Runs, newest first").needs(Needs::Session), list)
        .add(of_one("/runs/compare", "page.runs.compare", "Two runs side by side"), compare::show)
        .add(of_one("/runs/{id}", "page.run", "A run"), detail::show)
        .add(of_one("/runs/{id}/log", "page.run.log", "What a run logged"), log::show)
        .add(of_one("/runs/{id}/log.txt", "page.run.log.file", "What a run logged, as a file"), download::log)
        .add(
            of_one("/runs/{id}/output.json", "page.run.output.file", "What a run answered, as a file"),
            download::output,
        )
        .add(
            Endpoint::get("/runs/{id}/event", "page.run.event", "What a run was started with")
                .grant(Action::EVENTS_READ),
            event::show,
        )
        .add(
            Endpoint::post("/runs/{id}/cancel", "page.run.cancel", "Cancel a run").grant(Action::RUNS_CANCEL),
            actions::cancel,
        )
        .add(
            Endpoint::post("/runs/{id}/replay", "page.run.replay", "Run an event again")
                .grant(Action::RUNS_REPLAY),
            actions::replay,
        )
        .add(
            Endpoint::post("/runs/{id}/dismiss", "page.run.dismiss", "Dismiss a dead letter")
                .grant(Action::RUNS_CANCEL),
            actions::dismiss,
        )
}

/// What the list is narrowed by, as it stands in the form and in the address.
#[derive(Debug, Default)]
pub struct Asked {
    /// A word of [`RunState`].
    pub state: String,
    /// A workflow's name.
    pub workflow: String,
    /// A trigger's id.
    pub trigger: String,
    /// A word of [`InitiatorKind`].
    pub initiator: String,
    /// member, base, api_key or service.
    pub account_kind: String,
    /// The beginning of the time, UTC.
    pub since: String,
    /// Its end.
    pub until: String,
}

const FIELDS: [&str; 7] = ["state", "workflow", "trigger", "initiator", "account_kind", "since", "until"];

impl Asked {
    /// As a form sent it.
    pub fn of(fields: &Fields) -> Self {
        let [state, workflow, trigger, initiator, account_kind, since, until] =
            FIELDS.map(|name| fields.text(name));
        Self { state, workflow, trigger, initiator, account_kind, since, until }
    }

    fn pairs(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let values = [
            &self.state,
            &self.workflow,
            &self.trigger,
            &self.initiator,
            &self.account_kind,
            &self.since,
            &self.until,
        ];
        FIELDS.into_iter().zip(values).filter(|(_, value)| !value.is_empty())
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.pairs().next().is_none()
    }

    /// As a query, with these fields more; without `?`.
    pub fn query(&self, more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.pairs());
        query.extend_pairs(more.iter().filter(|(_, value)| !value.is_empty()));
        query.finish()
    }

    /// As operations take it.
    pub fn filter(&self) -> Result<Filter, OperationError> {
        fn word<T>(
            name: &'static str,
            text: &str,
            read: impl Fn(&str) -> Option<T>,
        ) -> Result<Option<T>, OperationError> {
            if text.is_empty() {
                return Ok(None);
            }
            read(text)
                .map(Some)
                .ok_or_else(|| OperationError::invalid(name, "not one of the words to choose from"))
        }
        let trigger = (!self.trigger.is_empty()).then(|| self.trigger.parse::<TriggerId>());
        let trigger = trigger.transpose().map_err(|e| OperationError::invalid("trigger", e))?;
        Ok(Filter {
            workflow: Some(self.workflow.clone()).filter(|name| !name.is_empty()),
            state: word("state", &self.state, RunState::from_word)?,
            trigger,
            initiator: word("initiator", &self.initiator, InitiatorKind::from_word)?,
            account_kinds: word("account_kind", &self.account_kind, account_kinds)?.unwrap_or_default(),
            since: time("since", &self.since)?,
            until: time("until", &self.until)?,
            ..Filter::default()
        })
    }
}

/// A time as `datetime-local` gives it (HTML, "local date and time string"), taken as UTC; or RFC 3339.
fn time(name: &'static str, text: &str) -> Result<Option<Timestamp>, OperationError> {
    if text.is_empty() {
        return Ok(None);
    }
    let full = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    };
    let read = full.parse().map(Some);
    read.map_err(|_| OperationError::invalid(name, "not a time; write it as 2027-01-31T14:00, in UTC"))
}

#[derive(Template)]
#[template(path = "runs/list.html")]
struct ListPage {
    frame: Frame,
    asked: Asked,
    faults: Faults,
    rows: Vec<Row>,
    next: Option<String>,
    /// Whether there are no more because so many were looked at.
    cut_short: bool,
    /// Whether it follows what happens: the first page does, unless told not to.
    live: bool,
    /// Whether a page before this one was left.
    later: bool,
    /// Whether these are the viewer's own alone.
    own: bool,
    public_url: String,
}

impl ListPage {
    /// What says that there is something new: read out by screen readers when it changes.
    fn newest(&self) -> String {
        let newest = self.rows.first();
        newest.map_or_else(String::new, |row| format!("Newest: {}, {}.", row.workflow, row.state.as_str()))
    }
}

async fn list(services: State, viewer: Viewer, RawQuery(query): RawQuery) -> Shown {
    let fields = Fields::of_query(query.as_deref());
    let asked = Asked::of(&fields);
    let own = !viewer.may(Action::RUNS_READ);
    let cursor: Option<RunId> = fields.some("cursor").and_then(|text| text.parse().ok());
    let page_of = Page { limit: PER_PAGE, cursor };
    let (found, faults) = match asked.filter() {
        Ok(filter) => {
            let account = own.then_some(viewer.caller.principal.id);
            let filter = Filter { account, ..filter };
            (run::search(&services, &viewer.caller, filter, page_of).await?, Faults::default())
        }
        Err(error) => (Found { runs: Vec::new(), next: None, cut_short: false }, Faults::of(error)?),
    };
    let status = if faults.words.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let now = services.now();
    let shown = ListPage {
        rows: found.runs.iter().map(|run| Row::of(run, now)).collect(),
        cut_short: found.cut_short,
        next: found.next,
        live: cursor.is_none() && fields.text("live") != "off" && status == StatusCode::OK,
        later: cursor.is_some(),
        own,
        faults,
        asked,
        public_url: services.public_url.clone(),
        frame: viewer.frame("Runs", HERE),
    };
    Ok(page(status, &shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_goes_into_the_address_and_back() {
        let fields = Fields::of_query(Some("state=dead&workflow=a%26b&since=2027-01-31T14%3A00&other=1"));
        let asked = Asked::of(&fields);
        assert_eq!(
            asked.query(&[("cursor", "run_1"), ("live", "")]),
            "state=dead&workflow=a%26b&since=2027-01-31T14%3A00&cursor=run_1"
        );
        let filter = asked.filter().unwrap();
        assert_eq!((filter.state, filter.workflow.as_deref()), (Some(RunState::Dead), Some("a&b")));
        assert_eq!(filter.since.unwrap().to_string(), "2027-01-31T14:00:00.000000Z");
    }

    #[test]
    fn what_cannot_be_is_named_by_its_field() {
        for (query, field) in [("state=x", "state"), ("trigger=x", "trigger"), ("until=soon", "until")] {
            let error = Asked::of(&Fields::of_query(Some(query))).filter().unwrap_err();
            assert!(matches!(&error, OperationError::Invalid { field: at, .. } if at == field), "{error:?}");
        }
    }
}
