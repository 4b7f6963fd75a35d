//! Settings → Secrets: their names, setting, replacing, deleting. What must hold: a value goes in and is never sent back, not even with a fault; who may set and
//! not list sees a form and no names.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query};
use factotum_model::{Action, Redacted};
use factotum_storage::secrets::SecretInfo;
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
use crate::operations::{OperationError, Services, secret};

const HERE: &str = "/settings/secrets";

/// What the console knows of it.
pub const PAGES: Pages = Pages {
    routes,
    menu: Some(Entry {
        path: HERE,
        label: "Secrets",
        section: Section::Settings,
        // Editors set secrets and do not list them.
        needs: Some(Action::SECRETS_UPDATE),
    }),
};

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes
        .add(
            Endpoint::get(HERE, "page.secrets", "Secrets")
                .grant(Action::SECRETS_UPDATE)
                .or_grant(Action::SECRETS_CREATE, "to set new ones")
                .or_grant(Action::SECRETS_READ, "to see which there are"),
            list,
        )
        .add(
            Endpoint::post(HERE, "page.secrets.put", "Set a secret")
                .grant(Action::SECRETS_UPDATE)
                .or_grant(Action::SECRETS_CREATE, "where the secret is new"),
            put,
        )
        .add(
            Endpoint::post("/settings/secrets/{name}/delete", "page.secret.delete", "Delete a secret")
                .grant(Action::SECRETS_DELETE),
            delete,
        )
}

#[derive(Template)]
#[template(path = "secrets/page.html")]
struct SecretsPage {
    frame: Frame,
    faults: Faults,
    /// Those that are there, for who may list them.
    secrets: Option<Vec<SecretInfo>>,
    next: Option<String>,
    name: String,
    /// The one that was set just now.
    done: Option<String>,
    may_set: bool,
    may_delete: bool,
}

#[derive(Deserialize, Default)]
struct Asked {
    cursor: Option<String>,
    name: Option<String>,
    done: Option<String>,
}

async fn shown(
    services: &Services,
    viewer: &Viewer,
    asked: Asked,
    faults: Faults,
) -> Result<SecretsPage, Refusal> {
    let may_set = viewer.may(Action::SECRETS_CREATE) || viewer.may(Action::SECRETS_UPDATE);
    let (secrets, next) = if viewer.may(Action::SECRETS_READ) || !may_set {
        let part = page_of(None, asked.cursor.as_deref())?;
        let found = secret::list(services, &viewer.caller, part).await?;
        (Some(found.items), found.next)
    } else {
        (None, None)
    };
    Ok(SecretsPage {
        frame: viewer.frame("Secrets", HERE),
        faults,
        secrets,
        next,
        name: asked.name.unwrap_or_default(),
        done: asked.done.filter(|name| factotum_model::workflow::check_name(name).is_ok()),
        may_set,
        may_delete: viewer.may(Action::SECRETS_DELETE),
    })
}

async fn list(services: State, viewer: Viewer, Query(asked): Query<Asked>) -> Shown {
    Ok(page(StatusCode::OK, &shown(&services, &viewer, asked, Faults::default()).await?))
}

async fn put(services: State, viewer: Viewer, fields: Fields) -> Shown {
    let name = fields.text("name");
    let error = match secret::put(&services, &viewer.caller, &name, &typed_value(&fields)).await {
        Ok((info, _)) => return Ok(go(&format!("{HERE}?done={}", info.name))),
        Err(error) => error,
    };
    let (status, faults) = Faults::with_status(error)?;
    let asked = Asked { name: Some(name), ..Asked::default() };
    Ok(page(status, &shown(&services, &viewer, asked, faults).await?))
}

async fn delete(services: State, viewer: Viewer, Path(name): Path<String>) -> Shown {
    match secret::delete(&services, &viewer.caller, &name).await {
        // Somebody else was quicker: it is gone, as was wanted.
        Ok(()) | Err(OperationError::NotFound) => Ok(go(HERE)),
        Err(other) => Err(other.into()),
    }
}

/// The value as it was typed: a browser sends each line's end as CRLF (HTML Standard, form submission), whatever was meant.
fn typed_value(fields: &Fields) -> Redacted {
    Redacted::new(fields.secret("value").expose().replace("\r\n", "\n"))
}
