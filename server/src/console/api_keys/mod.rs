//! Settings → API keys. What must hold: a secret is shown once, in the answer to the form that made it; before a key is revoked, the page says what
//! stops with it; a key that may do everything, or is not used, is marked.

mod create;
mod one;
mod report;
mod rotate;

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use factotum_model::{AccountKind, Action, Timestamp};
use factotum_storage::api_keys::{ApiKey, KeyFilter};
use http::StatusCode;
use serde::Deserialize;

use super::fields::Fields;
use super::frame::{Entry, Frame, Section};
use super::grants;
use super::page::page;
use super::viewer::Viewer;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::parameters::page as page_of;
use crate::api::routes::State;
use crate::operations::key::{self, Made};
use crate::operations::{OperationError, Services};

/// How many rows a page has: with all that it loads it stays below 100 kB.
const ROWS: &str = "25";
const HERE: &str = "/settings/api-keys";
/// What stands beside `*:*`.
const WARNING: &str = "whoever finds this key can do everything in the organization: change workflows, make keys, remove people";
/// After this a key that was not used is marked.
const UNUSED_AFTER: Duration = Duration::from_hours(30 * 24);

/// What the console knows of it.
pub const PAGES: Pages = Pages {
    routes,
    menu: Some(Entry {
        path: HERE,
        label: "API keys",
        section: Section::Settings,
        needs: Some(Action::API_KEYS_READ),
    }),
};

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let routes = routes.add(Endpoint::get(HERE, "page.keys", "API keys").grant(Action::API_KEYS_READ), list);
    report::routes(rotate::routes(one::routes(create::routes(routes))))
}

#[derive(Template)]
#[template(path = "api_keys/page.html")]
struct KeysPage {
    frame: Frame,
    keys: Vec<ApiKey>,
    next: Option<String>,
    /// Which are shown.
    show: &'static str,
    now: Timestamp,
    may_create: bool,
    /// What was done a moment ago.
    done: &'static str,
}

impl KeysPage {
    /// How a key's use is marked; empty if it is used.
    fn mark(&self, key: &ApiKey) -> String {
        let since = key.last_used_at.unwrap_or(key.created_at);
        let unused = self.now.since(since);
        if unused >= UNUSED_AFTER {
            format!("unused for {} days", unused.as_secs() / (24 * 3600))
        } else if key.last_used_at.is_none() {
            "never used".to_owned()
        } else {
            String::new()
        }
    }

    /// Why the list may be empty.
    fn only_some(&self) -> bool {
        !self.show.is_empty()
    }
}

/// The secret of a key, this once.
#[derive(Template)]
#[template(path = "api_keys/made.html")]
struct MadePage {
    frame: Frame,
    key: ApiKey,
    secret: String,
    public_url: String,
    /// The key that this one takes the place of.
    old: Option<ApiKey>,
}

#[derive(Deserialize)]
struct Asked {
    cursor: Option<String>,
    show: Option<String>,
    done: Option<String>,
}

async fn list(services: State, viewer: Viewer, Query(asked): Query<Asked>) -> Shown {
    let part = page_of(Some(ROWS), asked.cursor.as_deref())?;
    let now = services.now();
    let days = |days: u64| Some(now.minus(Duration::from_hours(24 * days)));
    let (show, filter) = match asked.show.as_deref() {
        Some("unused-30") => ("unused-30", KeyFilter { unused_since: days(30), ..KeyFilter::default() }),
        Some("unused-90") => ("unused-90", KeyFilter { unused_since: days(90), ..KeyFilter::default() }),
        Some("left") => ("left", KeyFilter { creator_left: Some(true), ..KeyFilter::default() }),
        _ => ("", KeyFilter::default()),
    };
    let found = key::list(&services, &viewer.caller, filter, part).await?;
    let shown = KeysPage {
        may_create: viewer.may(Action::API_KEYS_CREATE),
        frame: viewer.frame("API keys", HERE),
        keys: found.items,
        next: found.next,
        show,
        now,
        done: match asked.done.as_deref() {
            Some("revoked") => "The key is revoked: it is refused from now on, and what it ran has stopped.",
            _ => "",
        },
    };
    Ok(page(StatusCode::OK, &shown))
}

/// The page that shows a secret.
fn shown_once(services: &Services, viewer: &Viewer, made: Made, old: Option<ApiKey>) -> Response {
    let shown = MadePage {
        frame: viewer.frame(format!("API key {}", made.key.nickname), HERE),
        secret: made.text.expose().to_owned(),
        key: made.key,
        public_url: services.public_url.clone(),
        old,
    };
    page(StatusCode::CREATED, &shown)
}

/// The end of a key's life as a form has it: a day, whose end is meant, UTC.
fn expires_at(fields: &Fields) -> Result<Option<Timestamp>, OperationError> {
    let Some(text) = fields.some("expires_at") else { return Ok(None) };
    let text = if text.len() == 10 { format!("{text}T23:59:59Z") } else { text };
    let at = text.parse::<Timestamp>();
    at.map(Some).map_err(|_| OperationError::invalid("expires_at", "not a date; write it as 2027-01-31"))
}
