//! The audit trail: filtered, followed, exported, and kept as views. What must hold: each query of a person is one entry of the trail, and a page that is open
//! asks nothing by itself; who may not read the trail sees none of it.

mod entry;
mod filters;
mod rows;

use std::sync::Arc;

use askama::Template;
use axum::extract::RawQuery;
use factotum_model::{AccountKind, Action};
use factotum_storage::saved_views::SavedView;
use http::StatusCode;

use super::fields::{Faults, Fields};
use super::frame::{Entry, Frame, Section};
use super::page::{go, page};
use super::refusal::Refusal;
use super::viewer::Viewer;
use super::{Pages, Shown, assets};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::parameters::page as page_of;
use crate::api::routes::State;
use crate::operations::{Services, audit, saved_view};
use filters::{Chip, Filters, KINDS, OUTCOMES};
use rows::Row;

const HERE: &str = "/audit";

/// What the console knows of it.
pub const PAGES: Pages = Pages {
    routes,
    menu: Some(Entry { path: HERE, label: "Audit", section: Section::Main, needs: Some(Action::AUDIT_READ) }),
};

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let of_the_trail = |endpoint: Endpoint| endpoint.grant(Action::AUDIT_READ);
    routes
        .add(of_the_trail(Endpoint::get(HERE, "page.audit", "The audit trail")), show)
        .add(
            of_the_trail(Endpoint::get("/audit/{id}", "page.audit.entry", "An entry of the audit trail")),
            entry::show,
        )
        .add(
            of_the_trail(Endpoint::post("/audit/views", "page.audit.save", "Save a view of the audit trail")),
            save,
        )
        .add(
            of_the_trail(Endpoint::post(
                "/audit/views/delete",
                "page.audit.forget",
                "Delete a saved view of the audit trail",
            )),
            forget,
        )
}

#[derive(Template)]
#[template(path = "audit/page.html")]
struct AuditPage {
    frame: Frame,
    filters: Filters,
    faults: Faults,
    chips: Vec<Chip>,
    saved: Vec<Chip>,
    rows: Vec<Row>,
    next: Option<String>,
    /// Whether this is not the first page.
    later: bool,
    may_export: bool,
    /// What was wrong with a view that was to be saved, and the name that was typed.
    saving: (Faults, String),
    script: String,
}

#[allow(
    clippy::unused_self,
    clippy::trivially_copy_pass_by_ref,
    clippy::ref_option,
    reason = "a template calls methods, and passes what it has by reference"
)]
impl AuditPage {
    /// The link to a part of the trail.
    fn link(&self, query: &str) -> String {
        if query.is_empty() { HERE.to_owned() } else { format!("{HERE}?{query}") }
    }

    /// A path of the API with the filters that are set, and this before them.
    fn api(&self, path: &str, first: &str) -> String {
        let query = self.filters.query();
        let parts: Vec<&str> = [first, &query].into_iter().filter(|part| !part.is_empty()).collect();
        if parts.is_empty() { path.to_owned() } else { format!("{path}?{}", parts.join("&")) }
    }

    /// The first page of the list.
    fn first(&self) -> String {
        self.link(&self.filters.query())
    }

    /// A page of the list.
    fn at(&self, cursor: &str) -> String {
        self.api(HERE, &format!("cursor={cursor}"))
    }
}

/// What somebody asked the page for.
struct Asked {
    filters: Filters,
    cursor: Option<String>,
    saving: (Faults, String),
}

async fn show(services: State, viewer: Viewer, RawQuery(query): RawQuery) -> Shown {
    let query = query.unwrap_or_default();
    let cursor = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "cursor");
    let cursor = cursor.map(|(_, value)| value.into_owned()).filter(|cursor| !cursor.is_empty());
    let saving = (Faults::default(), String::new());
    let asked = Asked { filters: Filters::of_query(&query), cursor, saving };
    list(&services, &viewer, asked).await
}

async fn list(services: &Services, viewer: &Viewer, asked: Asked) -> Shown {
    let Asked { filters, cursor, saving } = asked;
    let part = page_of(None, cursor.as_deref())?;
    let views = saved_view::list(services, &viewer.caller).await?;
    let (rows, next, faults) = match filters.read() {
        Ok((filter, record)) => {
            let found = audit::list(services, &viewer.caller, &filter, record, part).await?;
            (found.items.iter().map(Row::from).collect(), found.next, Faults::default())
        }
        Err(faults) => (Vec::new(), None, faults),
    };
    let wrong = !faults.words.is_empty() || !saving.0.words.is_empty();
    let now = filters.query();
    let chip = |view: SavedView| Chip { current: view.query == now, label: view.name, query: view.query };
    let shown = AuditPage {
        chips: filters.at_hand(),
        saved: views.into_iter().map(chip).collect(),
        rows,
        next,
        faults,
        later: cursor.is_some(),
        may_export: viewer.may(Action::AUDIT_EXPORT),
        saving,
        script: assets::path("audit.js"),
        frame: viewer.frame("Audit", HERE),
        filters,
    };
    let status = if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(page(status, &shown))
}

async fn save(services: State, viewer: Viewer, fields: Fields) -> Shown {
    let filters = Filters::of_query(&fields.text("query"));
    let view = SavedView { name: fields.text("name"), query: filters.query() };
    let link = format!("{HERE}?{}", view.query);
    // What cannot be asked is no view.
    let done = match filters.read() {
        Ok(_) => saved_view::create(&services, &viewer.caller, &view).await,
        Err(faults) => return again(&services, &viewer, filters, faults, view.name).await,
    };
    match done {
        Ok(()) => Ok(go(&link)),
        Err(error) => again(&services, &viewer, filters, Faults::of(error)?, view.name).await,
    }
}

async fn again(
    services: &Services,
    viewer: &Viewer,
    filters: Filters,
    faults: Faults,
    name: String,
) -> Shown {
    let faults = Faults::beside("name", faults.words);
    list(services, viewer, Asked { filters, cursor: None, saving: (faults, name) }).await
}

async fn forget(
    services: State,
    viewer: Viewer,
    fields: Fields,
) -> Result<axum::response::Response, Refusal> {
    saved_view::delete(&services, &viewer.caller, &fields.text("name")).await?;
    Ok(go(HERE))
}
