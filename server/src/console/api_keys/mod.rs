//! Settings → API keys: making, rotating and revoking them. What must hold: the secret is shown once, in the answer to the form that made it; before
//! a key is revoked, the page says what stops with it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query};
use factotum_model::{Action, Grants, Timestamp};
use factotum_storage::api_keys::{ApiKey, KeyFilter};
use http::StatusCode;
use serde::Deserialize;

use super::fields::{Faults, Fields};
use super::frame::{Entry, Frame, Section};
use super::page::{go, page};
use super::refusal::Refusal;
use super::viewer::Viewer;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::parameters::page as page_of;
use crate::api::routes::State;
use crate::operations::key::{self, NewKey, Rotation};
use crate::operations::{OperationError, Services};

const HERE: &str = "/settings/api-keys";
/// Grants that are offered, with what they are for.
const OFFERED: [(&str, &str); 9] = [
    ("workflows:run", "run every workflow"),
    ("runs:read", "see runs and their logs"),
    ("plugins:create", "upload components"),
    ("workflows:create", "make workflows"),
    ("workflows:update", "change, pause and resume workflows"),
    ("triggers:create", "make triggers"),
    ("runs:cancel", "cancel runs"),
    ("runs:replay", "run events again"),
    ("audit:read", "read the audit trail"),
];

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
    routes
        .add(Endpoint::get(HERE, "page.keys", "API keys").grant(Action::API_KEYS_READ), list)
        .add(
            Endpoint::get("/settings/api-keys/new", "page.keys.new", "Make an API key")
                .grant(Action::API_KEYS_CREATE),
            blank,
        )
        .add(
            Endpoint::post(HERE, "page.keys.create", "Make an API key").grant(Action::API_KEYS_CREATE),
            create,
        )
        .add(
            Endpoint::get("/settings/api-keys/{id}", "page.key", "An API key").grant(Action::API_KEYS_READ),
            show,
        )
        .add(
            Endpoint::post("/settings/api-keys/{id}/rotate", "page.key.rotate", "Replace an API key")
                .grant(Action::API_KEYS_UPDATE),
            rotate,
        )
        .add(
            Endpoint::post("/settings/api-keys/{id}/revoke", "page.key.revoke", "Revoke an API key")
                .grant(Action::API_KEYS_DELETE),
            revoke,
        )
}

#[derive(Template)]
#[template(path = "api_keys/page.html")]
struct KeysPage {
    frame: Frame,
    keys: Vec<ApiKey>,
    next: Option<String>,
    may_create: bool,
}

#[derive(Template)]
#[template(path = "api_keys/new.html")]
struct NewKeyPage {
    frame: Frame,
    faults: Faults,
    nickname: String,
    /// What is offered, and whether it is chosen.
    offered: Vec<(&'static str, &'static str, bool)>,
    others: String,
    expires_at: String,
    networks: String,
}

#[derive(Template)]
#[template(path = "api_keys/made.html")]
struct MadePage {
    frame: Frame,
    key: ApiKey,
    secret: String,
    public_url: String,
}

#[derive(Template)]
#[template(path = "api_keys/one.html")]
struct KeyPage {
    frame: Frame,
    key: ApiKey,
    faults: Faults,
    may_rotate: bool,
    may_revoke: bool,
}

#[derive(Deserialize)]
struct Asked {
    cursor: Option<String>,
}

async fn list(services: State, viewer: Viewer, Query(asked): Query<Asked>) -> Shown {
    let part = page_of(None, asked.cursor.as_deref())?;
    let found = key::list(&services, &viewer.caller, KeyFilter::default(), part).await?;
    let may_create = viewer.may(Action::API_KEYS_CREATE);
    let frame = viewer.frame("API keys", HERE);
    Ok(page(StatusCode::OK, &KeysPage { frame, keys: found.items, next: found.next, may_create }))
}

impl NewKeyPage {
    fn of(viewer: &Viewer, fields: &Fields, faults: Faults) -> Self {
        let chosen = fields.all("grants");
        let offered = OFFERED.map(|(grant, what)| (grant, what, chosen.iter().any(|c| c == grant)));
        Self {
            frame: viewer.frame("New API key", HERE),
            faults,
            nickname: fields.text("nickname"),
            offered: offered.to_vec(),
            others: fields.text("others"),
            expires_at: fields.text("expires_at"),
            networks: fields.text("networks"),
        }
    }
}

async fn blank(services: State, viewer: Viewer) -> Shown {
    viewer.caller.allowed(&services, "api_key.create", Action::API_KEYS_CREATE, None, None).await?;
    Ok(page(StatusCode::OK, &NewKeyPage::of(&viewer, &Fields::default(), Faults::default())))
}

async fn create(services: State, viewer: Viewer, fields: Fields) -> Shown {
    let made = match asked_for(&fields) {
        Ok(new) => key::create(&services, &viewer.caller, new, None).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(made) => Ok(shown_once(&services, &viewer, made)),
        Err(error) => {
            let faults = Faults::of(error)?;
            Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &NewKeyPage::of(&viewer, &fields, faults)))
        }
    }
}

fn shown_once(services: &Services, viewer: &Viewer, made: key::Made) -> axum::response::Response {
    let shown = MadePage {
        frame: viewer.frame("New API key", HERE),
        secret: made.text.expose().to_owned(),
        key: made.key,
        public_url: services.public_url.clone(),
    };
    page(StatusCode::CREATED, &shown)
}

/// The form as the operation takes it.
fn asked_for(fields: &Fields) -> Result<NewKey, OperationError> {
    let others = fields.text("others");
    let mut grants = fields.all("grants");
    grants.extend(words(&others));
    let grants = Grants::parse(&grants).map_err(|e| OperationError::invalid("grants", e))?;
    let expires_at = match fields.some("expires_at") {
        // A date alone is that day's end, UTC.
        Some(day) if day.len() == 10 => Some(format!("{day}T23:59:59Z")),
        other => other,
    };
    let expires_at = expires_at
        .map(|text| text.parse::<Timestamp>())
        .transpose()
        .map_err(|_| OperationError::invalid("expires_at", "not a date; write it as 2027-01-31"))?;
    let allowed_networks = words(&fields.text("networks"));
    Ok(NewKey { nickname: fields.text("nickname"), grants, expires_at, allowed_networks })
}

/// What stands between commas and white space.
fn words(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| c == ',' || c.is_whitespace());
    parts.filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect()
}

async fn one(services: &Services, viewer: &Viewer, id: &str, faults: Faults) -> Result<KeyPage, Refusal> {
    let key = key::get(services, &viewer.caller, id).await?;
    let alive = key.revoked_at.is_none();
    Ok(KeyPage {
        frame: viewer.frame(format!("API key {}", key.nickname), HERE),
        may_rotate: alive && key.rotated_at.is_none() && viewer.may(Action::API_KEYS_UPDATE),
        may_revoke: alive && viewer.may(Action::API_KEYS_DELETE),
        key,
        faults,
    })
}

async fn show(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    Ok(page(StatusCode::OK, &one(&services, &viewer, &id, Faults::default()).await?))
}

async fn rotate(services: State, viewer: Viewer, Path(id): Path<String>, fields: Fields) -> Shown {
    let overlap_s = fields.text("overlap_h").parse::<u64>().unwrap_or_default().saturating_mul(3600);
    let rotation = Rotation { overlap_s, ..Rotation::default() };
    match key::rotate(&services, &viewer.caller, &id, rotation, None).await {
        Ok(made) => Ok(shown_once(&services, &viewer, made)),
        Err(error) => {
            let faults = Faults::of(error)?;
            Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &one(&services, &viewer, &id, faults).await?))
        }
    }
}

async fn revoke(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    key::revoke(&services, &viewer.caller, &id).await?;
    Ok(go(HERE))
}
