//! `/secrets`

use std::sync::Arc;

use axum::Json as Answered;
use axum::extract::Path;
use factotum_model::{Action, Redacted};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Answer, State};
use crate::api::body::Json;
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::parameters::{Parameters, listed, page};
use crate::operations::{Caller, Services, secret};
use crate::view::PageView;
use crate::view::secret::SecretView;

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let at = "/api/v1/secrets/{name}";
    routes
        .add(
            Endpoint::get("/api/v1/secrets", "listSecrets", "List secrets, without their values")
                .grant(Action::SECRETS_READ)
                .paged()
                .gives::<PageView<SecretView>>(200, "The secrets by name"),
            list,
        )
        .add(
            Endpoint::put(at, "putSecret", "Set a secret; its value never comes out again")
                .grant(Action::SECRETS_UPDATE)
                .or_grant(Action::SECRETS_CREATE, "where the secret is new")
                .takes::<NewSecret>()
                .gives::<SecretView>(201, "It is new")
                .gives::<SecretView>(200, "It has a new value"),
            put,
        )
        .add(
            Endpoint::get(at, "getSecret", "Show a secret, without its value")
                .grant(Action::SECRETS_READ)
                .gives::<SecretView>(200, "The secret"),
            show,
        )
        .add(
            Endpoint::delete(at, "deleteSecret", "Delete a secret")
                .grant(Action::SECRETS_DELETE)
                .gives_nothing(204, "Deleted"),
            delete,
        )
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewSecret {
    /// The value, at most 64 KiB.
    #[schemars(with = "String", length(min = 1, max = secret::MAX_VALUE_BYTES))]
    value: Redacted,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

async fn list(
    services: State,
    caller: Caller,
    Parameters(query): Parameters<ListQuery>,
) -> Answer<Answered<PageView<SecretView>>> {
    let page = page(query.limit.as_deref(), query.cursor.as_deref())?;
    Ok(listed(secret::list(&services, &caller, page).await?, |secret| SecretView::from(&secret)))
}

async fn put(
    services: State,
    caller: Caller,
    Path(name): Path<String>,
    new: Json<NewSecret>,
) -> Answer<(StatusCode, Answered<SecretView>)> {
    let (info, created) = secret::put(&services, &caller, &name, &new.value.value).await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Answered((&info).into())))
}

async fn show(services: State, caller: Caller, Path(name): Path<String>) -> Answer<Answered<SecretView>> {
    Ok(Answered((&secret::get(&services, &caller, &name).await?).into()))
}

async fn delete(services: State, caller: Caller, Path(name): Path<String>) -> Answer<StatusCode> {
    secret::delete(&services, &caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
