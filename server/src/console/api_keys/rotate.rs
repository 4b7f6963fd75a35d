//! Replacing a key by a new one. What must hold: until when the old one works is chosen, and said beside the new one's secret.

use std::sync::Arc;

use askama::Template;
use axum::extract::Path;
use factotum_model::Action;
use factotum_storage::api_keys::ApiKey;
use http::StatusCode;

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
use crate::operations::key::{self, Rotation};
use crate::operations::{OperationError, Services};

/// The overlaps that are offered, in seconds.
const OVERLAPS: [(u64, &str); 6] = [
    (0, "not at all: it ends at once"),
    (3_600, "an hour"),
    (24 * 3_600, "a day"),
    (7 * 24 * 3_600, "a week"),
    (14 * 24 * 3_600, "two weeks"),
    (key::MAX_OVERLAP_S, "30 days"),
];
const USUAL_OVERLAP_S: u64 = 24 * 3_600;

/// Adds the routes.
pub(super) fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let at = "/settings/api-keys/{id}/rotate";
    routes
        .add(
            Endpoint::get(at, "page.key.replace", "Replace an API key").grant(Action::API_KEYS_UPDATE),
            blank,
        )
        .add(
            Endpoint::post(at, "page.key.rotate", "Replace an API key").grant(Action::API_KEYS_UPDATE),
            rotate,
        )
}

#[derive(Template)]
#[template(path = "api_keys/rotate.html")]
struct RotatePage {
    frame: Frame,
    key: ApiKey,
    faults: Faults,
    picker: Picker,
    warning: &'static str,
    expires_at: String,
    /// Seconds, words, and whether it is chosen.
    overlaps: Vec<(u64, &'static str, bool)>,
}

impl RotatePage {
    async fn of(
        services: &Services,
        viewer: &Viewer,
        id: &str,
        again: Option<(Faults, &Fields)>,
    ) -> Result<Self, Refusal> {
        let key = key::get(services, &viewer.caller, id).await?;
        if key.revoked_at.is_some() {
            return Err(OperationError::NotFound.into());
        }
        let (faults, picker, expires_at, overlap) = if let Some((faults, fields)) = again {
            (faults, Picker::again(viewer, fields), fields.text("expires_at"), overlap(fields))
        } else {
            (Faults::default(), Picker::with(viewer, &key.grants), String::new(), USUAL_OVERLAP_S)
        };
        let overlaps = OVERLAPS.map(|(seconds, words)| (seconds, words, seconds == overlap)).to_vec();
        let frame = viewer.frame(format!("Replace {}", key.nickname), HERE);
        Ok(Self { frame, key, faults, picker, warning: WARNING, expires_at, overlaps })
    }
}

fn overlap(fields: &Fields) -> u64 {
    fields.text("overlap_s").parse().unwrap_or(USUAL_OVERLAP_S)
}

async fn blank(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    let (doing, action) = ("api_key.rotate", Action::API_KEYS_UPDATE);
    viewer.caller.allowed(&services, doing, action, None, None).await?;
    Ok(page(StatusCode::OK, &RotatePage::of(&services, &viewer, &id, None).await?))
}

async fn rotate(services: State, viewer: Viewer, Path(id): Path<String>, fields: Fields) -> Shown {
    let rotation = asked_for(&fields);
    let made = match rotation {
        Ok(rotation) => key::rotate(&services, &viewer.caller, &id, rotation, None).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(made) => {
            let old = if viewer.may(Action::API_KEYS_READ) {
                Some(key::get(&services, &viewer.caller, &id).await?)
            } else {
                None
            };
            Ok(shown_once(&services, &viewer, made, old))
        }
        // Who may rotate none gets no form to try again.
        Err(error) if !viewer.may(Action::API_KEYS_UPDATE) => Err(error.into()),
        Err(error) => {
            let (status, faults) = Faults::answered(error, "grants")?;
            Ok(page(status, &RotatePage::of(&services, &viewer, &id, Some((faults, &fields))).await?))
        }
    }
}

fn asked_for(fields: &Fields) -> Result<Rotation, OperationError> {
    let grants = Some(grants::picked(fields)?);
    Ok(Rotation { grants, overlap_s: overlap(fields), expires_at: expires_at(fields)? })
}
