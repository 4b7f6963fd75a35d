//! Making a key. What must hold: full access is asked for twice; a workflow that is picked gives what a key needs to run it, and no more.

use std::sync::Arc;

use askama::Template;
use axum::extract::Query;
use factotum_model::{Action, Grant, Grants};
use http::StatusCode;
use serde::Deserialize;

use super::{HERE, WARNING, expires_at, shown_once};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::routes::State;
use crate::console::Shown;
use crate::console::fields::{Faults, Fields};
use crate::console::frame::Frame;
use crate::console::grants::{self, Picker};
use crate::console::page::page;
use crate::console::refusal::Refusal;
use crate::console::viewer::Viewer;
use crate::operations::key::{self, NewKey};
use crate::operations::{OperationError, Page, Services, workflow};

/// The most workflows to choose from: others are ticked by hand.
const MAX_OFFERED: u32 = 200;

/// Adds the routes.
pub(super) fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes
        .add(
            Endpoint::get("/settings/api-keys/new", "page.keys.new", "Make an API key")
                .grant(Action::API_KEYS_CREATE),
            blank,
        )
        .add(
            Endpoint::post(HERE, "page.keys.create", "Make an API key").grant(Action::API_KEYS_CREATE),
            create,
        )
}

#[derive(Template)]
#[template(path = "api_keys/new.html")]
struct NewKeyPage {
    frame: Frame,
    faults: Faults,
    nickname: String,
    picker: Picker,
    warning: &'static str,
    expires_at: String,
    networks: String,
    /// The workflows to choose from, by name.
    workflows: Vec<String>,
    /// The one that was chosen.
    bundle: Option<Bundle>,
    /// Whether full access was ticked, and has to be asked for once more.
    everything: bool,
}

/// What a key needs to run a workflow.
struct Bundle {
    workflow: String,
    /// What of it the viewer lacks, and so cannot give.
    lacking: Vec<String>,
}

/// The workflow that is picked, and what was typed before that.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    workflow: String,
    nickname: String,
    expires_at: String,
    networks: String,
}

impl NewKeyPage {
    async fn of(
        services: &Services,
        viewer: &Viewer,
        fields: &Fields,
        faults: Faults,
    ) -> Result<Self, Refusal> {
        let workflows = if viewer.may(Action::WORKFLOWS_READ) {
            let all = Page { limit: MAX_OFFERED, cursor: None };
            workflow::list(services, &viewer.caller, all).await?.items.into_iter().map(|w| w.name).collect()
        } else {
            Vec::new()
        };
        Ok(Self {
            frame: viewer.frame("New API key", HERE),
            faults,
            nickname: fields.text("nickname"),
            picker: Picker::again(viewer, fields),
            warning: WARNING,
            expires_at: fields.text("expires_at"),
            networks: fields.text("networks"),
            workflows,
            bundle: None,
            everything: false,
        })
    }
}

async fn blank(services: State, viewer: Viewer, Query(asked): Query<Asked>) -> Shown {
    viewer.caller.allowed(&services, "api_key.create", Action::API_KEYS_CREATE, None, None).await?;
    let mut shown = NewKeyPage::of(&services, &viewer, &Fields::default(), Faults::default()).await?;
    shown.nickname = asked.nickname;
    shown.expires_at = asked.expires_at;
    shown.networks = asked.networks;
    if !asked.workflow.is_empty() {
        let chosen = workflow::get(&services, &viewer.caller, &asked.workflow).await?;
        let run = format!("{}:{}", Action::WORKFLOWS_RUN, chosen.name).parse::<Grant>();
        let needed = chosen.grants.union(&run.into_iter().collect::<Grants>());
        let held = viewer.caller.authority.grants();
        let lacking = needed.missing_from(held).map(ToString::to_string).collect();
        let given: Grants = needed.iter().filter(|g| held.iter().any(|h| h.covers(g))).cloned().collect();
        shown.picker = Picker::with(&viewer, &given);
        shown.bundle = Some(Bundle { workflow: chosen.name, lacking });
    }
    Ok(page(StatusCode::OK, &shown))
}

async fn create(services: State, viewer: Viewer, fields: Fields) -> Shown {
    // Who may make none is refused by the operation, on the record.
    let may = viewer.may(Action::API_KEYS_CREATE);
    let made = match asked_for(&fields) {
        Ok(new) if may && grants::is_everything(&new.grants) && fields.some("sure").is_none() => {
            let words = "Full access: read what stands beside it, and say that you mean it.";
            let shown = NewKeyPage::of(&services, &viewer, &fields, Faults::beside("sure", words)).await?;
            let shown = NewKeyPage { everything: true, ..shown };
            return Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &shown));
        }
        Ok(new) => key::create(&services, &viewer.caller, new, None).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(made) => Ok(shown_once(&services, &viewer, made, None)),
        Err(error) if !may => Err(error.into()),
        Err(error) => {
            let (status, faults) = Faults::answered(error, "grants")?;
            let shown = NewKeyPage::of(&services, &viewer, &fields, faults).await?;
            let everything = shown.picker.everything == Some(true);
            Ok(page(status, &NewKeyPage { everything, ..shown }))
        }
    }
}

/// The form as the operation takes it.
fn asked_for(fields: &Fields) -> Result<NewKey, OperationError> {
    Ok(NewKey {
        nickname: fields.text("nickname"),
        grants: grants::picked(fields)?,
        expires_at: expires_at(fields)?,
        allowed_networks: grants::words(&fields.text("networks")),
    })
}
