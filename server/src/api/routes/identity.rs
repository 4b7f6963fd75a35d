//! `/me/identities`: the identities at the provider of whoever is logged in.

use std::sync::Arc;

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Answer, State, oidc};
use crate::api::body;
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::flow::SetFlow;
use crate::operations::{Caller, Services, identity};
use crate::view::PageView;
use crate::view::identity::{GoToView, IdentityView};

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes
        .add(
            Endpoint::get(
                "/api/v1/me/identities",
                "listIdentities",
                "Your identities at the identity provider",
            )
            .needs(Needs::Session)
            .gives::<PageView<IdentityView>>(200, "All of them, oldest first"),
            list,
        )
        .add(
            Endpoint::post(
                "/api/v1/me/identities/link",
                "linkIdentity",
                "Begin to link an identity to yourself: needs a session",
            )
            .needs(Needs::Session)
            .takes::<Link>()
            .gives::<GoToView>(200, "Where to send the browser, which gets a cookie with this answer"),
            link,
        )
        .add(
            Endpoint::delete(
                "/api/v1/me/identities/{id}",
                "unlinkIdentity",
                "Unlink an identity, if it is not your last way in",
            )
            .needs(Needs::Session)
            .gives_nothing(204, "Unlinked; other sessions that it began have ended"),
            unlink,
        )
}

async fn list(services: State, caller: Caller) -> Answer<Json<PageView<IdentityView>>> {
    let all = identity::list(&services, &caller).await?;
    Ok(Json(PageView { items: all.iter().map(IdentityView::from).collect(), next: None }))
}

/// What `POST /me/identities/link` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LinkIdentity")]
struct Link {
    /// The path of this server to go to afterwards; `/` unless given.
    #[serde(default)]
    return_to: Option<String>,
}

async fn link(services: State, caller: Caller, body: body::Json<Link>) -> Answer<Response> {
    // First, so that a key's attempt is on the record whatever is configured.
    let person = identity::person(&services, &caller, "identity.link").await?;
    let provider = oidc::attempted(&services, &caller.origin)?;
    let return_to = body.value.return_to.as_deref();
    let started =
        crate::operations::oidc::start_link(&services, &caller, person, provider, return_to).await?;
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    let to = Json(GoToView { url: started.url });
    Ok((StatusCode::OK, SetFlow::Begin(started.browser), no_store, to).into_response())
}

async fn unlink(services: State, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    identity::unlink(&services, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
