//! What is done with a run: cancel, replay, dismiss. What must hold: the operation decides; sent twice, a form starts one run.

use axum::extract::Path;
use factotum_model::{Digest, RunId};
use http::StatusCode;

use super::detail;
use crate::api::routes::State;
use crate::console::Shown;
use crate::console::fields::{Faults, Fields};
use crate::console::page::{go, page};
use crate::console::viewer::Viewer;
use crate::operations::{Once, OperationError, Services, run};

/// The run's page once more, with what stood in the way.
async fn again(services: &Services, viewer: &Viewer, id: &str, error: OperationError) -> Shown {
    let faults = Faults::of(error)?;
    Ok(page(StatusCode::CONFLICT, &detail::page_of(services, viewer, id, faults).await?))
}

/// Ends it.
pub async fn cancel(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    match run::cancel(&services, &viewer.caller, &id, None).await {
        Ok(run) => Ok(go(&format!("/runs/{}", run.id))),
        Err(error) => again(&services, &viewer, &id, error).await,
    }
}

/// Takes it off the dead letters.
pub async fn dismiss(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    match run::dismiss(&services, &viewer.caller, &id, None).await {
        Ok(run) => Ok(go(&format!("/runs/{}", run.id))),
        Err(error) => again(&services, &viewer, &id, error).await,
    }
}

/// Runs its event again, and shows the new run.
pub async fn replay(services: State, viewer: Viewer, Path(id): Path<String>, fields: Fields) -> Shown {
    // The form has an id of its own, which stands for the one run that it starts.
    let form: Option<RunId> = fields.text("form").parse().ok();
    let once = form.map(|form| Once {
        route: format!("POST /runs/{id}/replay"),
        key: form.to_string(),
        body: Digest::of(b""),
    });
    match run::replay(&services, &viewer.caller, &id, once.as_ref()).await {
        Ok(run) => Ok(go(&format!("/runs/{}", run.id))),
        Err(error) => again(&services, &viewer, &id, error).await,
    }
}
