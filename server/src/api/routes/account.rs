//! The kill switch: `/accounts/{id}/suspend`, `/org/suspend`.

use std::sync::Arc;

use axum::Json;
use axum::extract::Path;
use factotum_model::Action;

use super::{Answer, State};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::idempotency::IdempotencyKey;
use crate::operations::{Caller, Services, account, organization};
use crate::view::member::{MemberView, OrganizationView};

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let account = |path, id, summary| {
        Endpoint::post(path, id, summary)
            .grant(Action::MEMBERS_UPDATE)
            .gives::<MemberView>(200, "The account as it is then")
    };
    let org = |path, id, summary| {
        Endpoint::post(path, id, summary)
            .grant(Action::ORG_UPDATE)
            .gives::<OrganizationView>(200, "The organization as it is then")
    };
    routes
        .add(
            account(
                "/api/v1/accounts/{id}/suspend",
                "suspendAccount",
                "Dispatch nothing of this account; queued work waits",
            ),
            suspend_account,
        )
        .add(
            account("/api/v1/accounts/{id}/resume", "resumeAccount", "Dispatch this account's work again"),
            resume_account,
        )
        .add(
            org(
                "/api/v1/org/suspend",
                "suspendOrganization",
                "Dispatch nothing of this organization; queued work waits",
            ),
            suspend_org,
        )
        .add(
            org("/api/v1/org/resume", "resumeOrganization", "Dispatch this organization's work again"),
            resume_org,
        )
}

async fn suspend_account(
    services: State,
    caller: Caller,
    idempotency: IdempotencyKey,
    Path(id): Path<String>,
) -> Answer<Json<MemberView>> {
    switch(&services, &caller, idempotency, &id, true).await
}

async fn resume_account(
    services: State,
    caller: Caller,
    idempotency: IdempotencyKey,
    Path(id): Path<String>,
) -> Answer<Json<MemberView>> {
    switch(&services, &caller, idempotency, &id, false).await
}

async fn switch(
    services: &Services,
    caller: &Caller,
    idempotency: IdempotencyKey,
    id: &str,
    suspended: bool,
) -> Answer<Json<MemberView>> {
    let once = idempotency.over(b"")?;
    Ok(Json((&account::suspend(services, caller, id, suspended, once.as_ref()).await?).into()))
}

async fn suspend_org(
    services: State,
    caller: Caller,
    idempotency: IdempotencyKey,
) -> Answer<Json<OrganizationView>> {
    let once = idempotency.over(b"")?;
    Ok(Json((&organization::suspend(&services, &caller, true, once.as_ref()).await?).into()))
}

async fn resume_org(
    services: State,
    caller: Caller,
    idempotency: IdempotencyKey,
) -> Answer<Json<OrganizationView>> {
    let once = idempotency.over(b"")?;
    Ok(Json((&organization::suspend(&services, &caller, false, once.as_ref()).await?).into()))
}
