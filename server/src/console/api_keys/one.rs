//! One key, and its end. What must hold: what stops is said before it is done, with numbers that are bounded however much that is.

use std::sync::Arc;

use askama::Template;
use axum::extract::Path;
use factotum_model::{AccountKind, Action};
use factotum_storage::api_keys::ApiKey;
use http::StatusCode;

use super::HERE;
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::routes::State;
use crate::console::frame::Frame;
use crate::console::page::{go, page};
use crate::console::viewer::Viewer;
use crate::console::{Shown, grants};
use crate::operations::Services;
use crate::operations::key::{self, MAX_COUNTED, Stops};

/// Adds the routes.
pub(super) fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let end = "/settings/api-keys/{id}/revoke";
    routes
        .add(
            Endpoint::get("/settings/api-keys/{id}", "page.key", "An API key").grant(Action::API_KEYS_READ),
            show,
        )
        .add(
            Endpoint::get(end, "page.key.stops", "What stops when an API key is revoked")
                .grant(Action::API_KEYS_DELETE),
            before,
        )
        .add(
            Endpoint::post(end, "page.key.revoke", "Revoke an API key").grant(Action::API_KEYS_DELETE),
            revoke,
        )
}

#[derive(Template)]
#[template(path = "api_keys/one.html")]
struct KeyPage {
    frame: Frame,
    key: ApiKey,
    everything: bool,
    may_rotate: bool,
    may_revoke: bool,
    may_see_members: bool,
    may_see_runs: bool,
    may_see_trail: bool,
}

#[derive(Template)]
#[template(path = "api_keys/revoke.html")]
struct RevokePage {
    frame: Frame,
    stops: Stops,
    /// Its runs that wait, and those that go on, in words.
    waiting: String,
    running: String,
}

/// A number of runs, in words.
fn runs(count: u64, state: &str) -> String {
    match count {
        0 => format!("No run of it is {state} now."),
        1 => format!("1 run is {state} now."),
        n if n >= u64::from(MAX_COUNTED) => format!("{n} runs or more are {state} now."),
        n => format!("{n} runs are {state} now."),
    }
}

async fn show(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    let key = key::get(&services, &viewer.caller, &id).await?;
    let alive = key.revoked_at.is_none();
    let holds = viewer.caller.authority.grants().cover(&key.grants);
    let shown = KeyPage {
        frame: viewer.frame(format!("API key {}", key.nickname), HERE),
        everything: grants::is_everything(&key.grants),
        may_rotate: alive && key.rotated_at.is_none() && holds && viewer.may(Action::API_KEYS_UPDATE),
        may_revoke: alive && viewer.may(Action::API_KEYS_DELETE),
        may_see_members: alive && viewer.may(Action::MEMBERS_READ),
        may_see_runs: viewer.may(Action::RUNS_READ),
        may_see_trail: viewer.may(Action::AUDIT_READ),
        key,
    };
    Ok(page(StatusCode::OK, &shown))
}

async fn before(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    let stops = key::stops(&services, &viewer.caller, &id).await?;
    let frame = viewer.frame(format!("Revoke {}", stops.key.nickname), HERE);
    let waiting = runs(stops.runs.waiting, "queued or waiting");
    let running = runs(stops.runs.running, "running");
    Ok(page(StatusCode::OK, &RevokePage { frame, stops, waiting, running }))
}

async fn revoke(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    key::revoke(&services, &viewer.caller, &id).await?;
    Ok(go("/settings/api-keys?done=revoked"))
}
