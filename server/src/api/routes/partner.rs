//! `/edi/partners`

use std::sync::Arc;

use axum::Json as Answered;
use axum::extract::Path;
use factotum_model::Action;
use factotum_model::edi::PartnerSpec;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Answer, State};
use crate::api::body::Json;
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::idempotency::IdempotencyKey;
use crate::api::parameters::{Parameters, listed, page};
use crate::operations::{Caller, Services, partner};
use crate::view::PageView;
use crate::view::partner::{NewPartner, PartnerChange, PartnerView};

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let (all, at) = ("/api/v1/edi/partners", "/api/v1/edi/partners/{id}");
    routes
        .add(
            Endpoint::post(all, "createPartner", "Make a trading partner")
                .grant(Action::PARTNERS_CREATE)
                .takes::<NewPartner>()
                .gives::<PartnerView>(201, "The partner"),
            create,
        )
        .add(
            Endpoint::get(all, "listPartners", "List trading partners")
                .grant(Action::PARTNERS_READ)
                .paged()
                .gives::<PageView<PartnerView>>(200, "The partners by name"),
            list,
        )
        .add(
            Endpoint::get(at, "getPartner", "Show a trading partner, by its id or its name")
                .grant(Action::PARTNERS_READ)
                .gives::<PartnerView>(200, "The partner"),
            show,
        )
        .add(
            Endpoint::patch(at, "changePartner", "Change the fields of a trading partner that are given")
                .grant(Action::PARTNERS_UPDATE)
                .takes::<PartnerChange>()
                .gives::<PartnerView>(200, "The partner as it is then"),
            change,
        )
        .add(
            Endpoint::delete(at, "deletePartner", "Delete a trading partner; what came from it stays")
                .grant(Action::PARTNERS_DELETE)
                .gives_nothing(204, "Deleted")
                .refuses(409, "A trigger is for this partner"),
            delete,
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

async fn create(
    services: State,
    caller: Caller,
    idempotency: IdempotencyKey,
    new: Json<PartnerSpec>,
) -> Answer<(StatusCode, Answered<PartnerView>)> {
    let once = idempotency.over(&new.bytes)?;
    let made = partner::create(&services, &caller, new.value, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Answered((&made).into())))
}

async fn list(
    services: State,
    caller: Caller,
    Parameters(query): Parameters<ListQuery>,
) -> Answer<Answered<PageView<PartnerView>>> {
    let page = page(query.limit.as_deref(), query.cursor.as_deref())?;
    Ok(listed(partner::list(&services, &caller, page).await?, |partner| PartnerView::from(&partner)))
}

async fn show(services: State, caller: Caller, Path(id): Path<String>) -> Answer<Answered<PartnerView>> {
    Ok(Answered((&partner::get(&services, &caller, &id).await?).into()))
}

async fn change(
    services: State,
    caller: Caller,
    Path(id): Path<String>,
    fields: Json<Map<String, Value>>,
) -> Answer<Answered<PartnerView>> {
    Ok(Answered((&partner::change(&services, &caller, &id, fields.value).await?).into()))
}

async fn delete(services: State, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    partner::delete(&services, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
