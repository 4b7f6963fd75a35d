//! `/me/password` and `/password-reset`.

use std::sync::Arc;

use http::StatusCode;

use super::{Answer, State};
use crate::api::body;
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::session::{SetSession, Visitor};
use crate::operations::password::{self, AskReset, Change, Reset};
use crate::operations::{Caller, Services};

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes
        .add(
            Endpoint::put("/api/v1/me/password", "changePassword", "Change one's own password")
                .needs(Needs::Session)
                .takes::<Change>()
                .gives_nothing(204, "Changed; all other sessions have ended"),
            change,
        )
        .add(
            Endpoint::post(
                "/api/v1/password-reset",
                "askPasswordReset",
                "Have a link mailed that sets a new password",
            )
            .needs(Needs::Nothing)
            .takes::<AskReset>()
            .gives_nothing(202, "If somebody can be mailed, they are"),
            ask,
        )
        .add(
            Endpoint::post(
                "/api/v1/password-reset/complete",
                "completePasswordReset",
                "Set a new password by a mailed link",
            )
            .needs(Needs::Nothing)
            .takes::<Reset>()
            .gives_nothing(204, "Set; all sessions have ended"),
            complete,
        )
}

async fn change(
    services: State,
    caller: Caller,
    body: body::Json<Change>,
) -> Answer<(SetSession, StatusCode)> {
    let begun = password::change(&services, &caller, &body.value).await?;
    Ok((SetSession::Begin(begun.token, begun.now, begun.expires_at), StatusCode::NO_CONTENT))
}

async fn ask(services: State, visitor: Visitor, body: body::Json<AskReset>) -> Answer<StatusCode> {
    password::ask_reset(&services, &body.value, &visitor.origin).await?;
    Ok(StatusCode::ACCEPTED)
}

async fn complete(services: State, visitor: Visitor, body: body::Json<Reset>) -> Answer<StatusCode> {
    password::reset(&services, &body.value, &visitor.origin).await?;
    Ok(StatusCode::NO_CONTENT)
}
