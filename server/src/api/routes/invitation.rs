//! `/members/invitations`, and the routes by which an invitation is taken up. What must hold: the token stands in bodies, never in a path or query.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use factotum_model::Action;
use http::{HeaderMap, StatusCode, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, State, oidc};
use crate::api::body;
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::flow::SetFlow;
use crate::api::guarded;
use crate::api::idempotency::IdempotencyKey;
use crate::api::parameters::{Parameters, listed, page};
use crate::api::session::{SetSession, Visitor};
use crate::operations::invitation::{self, Acceptance, NewInvitation};
use crate::operations::oidc::AcceptAtProvider;
use crate::operations::{Caller, Services};
use crate::view::PageView;
use crate::view::identity::GoToView;
use crate::view::member::InvitationView;

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let all = "/api/v1/members/invitations";
    routes
        .add(
            Endpoint::post(all, "invite", "Invite a person; their roles are among one's own grants")
                .grant(Action::MEMBERS_CREATE)
                .takes::<NewInvitation>()
                .gives::<InvitationView>(201, "The invitation, with its link, which is shown this once"),
            create,
        )
        .add(
            Endpoint::get(all, "listInvitations", "List the invitations that can still be taken up")
                .grant(Action::MEMBERS_READ)
                .paged()
                .gives::<PageView<InvitationView>>(200, "The invitations, newest first"),
            list,
        )
        .add(
            Endpoint::delete(
                "/api/v1/members/invitations/{id}",
                "withdrawInvitation",
                "Withdraw an invitation: its link stops working",
            )
            .grant(Action::MEMBERS_CREATE)
            .gives_nothing(204, "Withdrawn"),
            withdraw,
        )
        .add(
            Endpoint::post("/api/v1/invitations/accept", "acceptInvitation", "Take an invitation up")
                .needs(Needs::Nothing)
                .takes::<Acceptance>()
                .gives::<AcceptedView>(201, "The new member; a session begins, as a cookie"),
            accept,
        )
        .add(
            Endpoint::post(
                "/api/v1/invitations/accept/oidc",
                "acceptInvitationBySingleSignOn",
                "Begin to take an invitation up by logging in by OpenID Connect: for browsers",
            )
            .needs(Needs::Nothing)
            .takes::<AcceptAtProvider>()
            .gives::<GoToView>(200, "Where to send the browser, which gets a cookie with this answer")
            .refuses(404, "No identity provider is set up"),
            accept_at_provider,
        )
}

/// Whoever took an invitation up.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Accepted")]
struct AcceptedView {
    /// The new account's id.
    id: String,
    /// Its name.
    name: String,
    /// The organization's id.
    org: String,
    /// The organization's name.
    org_name: String,
    /// Whether a session begins; whoever has a second factor logs in instead.
    session: bool,
}

async fn create(
    services: State,
    caller: Caller,
    idempotency: IdempotencyKey,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    let doing = "invitation.create";
    let (new, bytes) =
        guarded::read::<NewInvitation>(&services, &caller, doing, &headers, body, None).await?;
    let once = idempotency.over(&bytes)?;
    let made = invitation::create(&services, &caller, &new, once.as_ref()).await?;
    let mut view = InvitationView::from(&made.invited);
    view.url = Some(made.url);
    view.mail_sent = Some(made.mail_sent);
    // The link is shown this once.
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(view)).into_response())
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
) -> Answer<Json<PageView<InvitationView>>> {
    let page = page(query.limit.as_deref(), query.cursor.as_deref())?;
    let found = invitation::list(&services, &caller, page).await?;
    Ok(listed(found, |invited| InvitationView::from(&invited)))
}

async fn withdraw(services: State, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    invitation::withdraw(&services, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn accept(
    services: State,
    visitor: Visitor,
    body::Json { value: asked, .. }: body::Json<Acceptance>,
) -> Answer<Response> {
    let accepted = invitation::accept(&services, &visitor.origin, &asked, visitor.token.as_ref()).await?;
    let view = AcceptedView {
        id: accepted.member.id.to_string(),
        name: accepted.member.name,
        org: accepted.organization.id.to_string(),
        org_name: accepted.organization.name,
        session: accepted.session.is_some(),
    };
    Ok(match accepted.session {
        Some(begun) => {
            let cookie = SetSession::Begin(begun.token, begun.now, begun.expires_at);
            (StatusCode::CREATED, cookie, Json(view)).into_response()
        }
        None => (StatusCode::CREATED, Json(view)).into_response(),
    })
}

async fn accept_at_provider(
    services: State,
    visitor: Visitor,
    body::Json { value: asked, .. }: body::Json<AcceptAtProvider>,
) -> Answer<Response> {
    let provider = oidc::attempted(&services, &visitor.origin)?;
    let started = crate::operations::oidc::start_accept(&services, provider, &visitor.origin, &asked).await?;
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    let to = Json(GoToView { url: started.url });
    Ok((StatusCode::OK, SetFlow::Begin(started.browser), no_store, to).into_response())
}
