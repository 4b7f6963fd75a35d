//! `/me/totp`: the second factor.

use std::sync::Arc;

use axum::Json;
use http::{HeaderName, StatusCode, header};

use super::{Answer, State};
use crate::api::body;
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::operations::totp::{self, Confirm, Prove, ProveTwice};
use crate::operations::{Caller, Services};
use crate::view::session::{RecoveryCodesView, SetUpView};

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let at = "/api/v1/me/totp";
    routes
        .add(
            Endpoint::post(at, "setUpTotp", "Begin to set up a second factor")
                .needs(Needs::Session)
                .takes::<Prove>()
                .gives::<SetUpView>(200, "What the authenticator needs; it counts once confirmed"),
            set_up,
        )
        .add(
            Endpoint::post(
                "/api/v1/me/totp/confirm",
                "confirmTotp",
                "Turn the second factor on by its first code",
            )
            .needs(Needs::Session)
            .takes::<Confirm>()
            .gives::<RecoveryCodesView>(200, "It is on; the recovery codes are shown this once"),
            confirm,
        )
        .add(
            Endpoint::post("/api/v1/me/totp/recovery-codes", "renewRecoveryCodes", "Make new recovery codes")
                .needs(Needs::Session)
                .takes::<ProveTwice>()
                .gives::<RecoveryCodesView>(200, "The new ones, shown this once; the old are void"),
            renew,
        )
        .add(
            Endpoint::delete(at, "removeTotp", "Remove the second factor")
                .needs(Needs::Session)
                .takes::<ProveTwice>()
                .gives_nothing(204, "Removed, with its recovery codes"),
            remove,
        )
}

/// What is shown once is kept nowhere (RFC 9111 §5.2.2.5).
type Shown<T> = ([(HeaderName, &'static str); 1], Json<T>);

fn shown<T>(view: T) -> Shown<T> {
    ([(header::CACHE_CONTROL, "no-store")], Json(view))
}

async fn set_up(services: State, caller: Caller, body: body::Json<Prove>) -> Answer<Shown<SetUpView>> {
    Ok(shown((&totp::set_up(&services, &caller, &body.value).await?).into()))
}

async fn confirm(
    services: State,
    caller: Caller,
    body: body::Json<Confirm>,
) -> Answer<Shown<RecoveryCodesView>> {
    Ok(shown(totp::confirm(&services, &caller, &body.value).await?.into()))
}

async fn renew(
    services: State,
    caller: Caller,
    body: body::Json<ProveTwice>,
) -> Answer<Shown<RecoveryCodesView>> {
    Ok(shown(totp::renew(&services, &caller, &body.value).await?.into()))
}

async fn remove(services: State, caller: Caller, body: body::Json<ProveTwice>) -> Answer<StatusCode> {
    totp::remove(&services, &caller, &body.value).await?;
    Ok(StatusCode::NO_CONTENT)
}
