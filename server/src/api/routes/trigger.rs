//! `/triggers`

use std::sync::Arc;

use axum::Json as Answered;
use axum::extract::Path;
use factotum_model::Action;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Answer, State};
use crate::api::body::Json;
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::form::Form;
use crate::api::idempotency::IdempotencyKey;
use crate::api::parameters::{Parameters, listed, page, value};
use crate::operations::trigger::{self, Change, NewTrigger, Overlap, Range, Sample};
use crate::operations::{Caller, Services};
use crate::view::PageView;
use crate::view::trigger::{BackfillView, TestedView, TriggerView};

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let at = "/api/v1/triggers/{id}";
    routes
        .add(
            Endpoint::post(
                "/api/v1/triggers",
                "createTrigger",
                "Make a trigger; needs each grant of its workflow",
            )
            .grant(Action::TRIGGERS_CREATE)
            .takes::<NewTrigger>()
            .gives::<TriggerView>(201, "The trigger, with its url, address or next_firings"),
            create,
        )
        .add(
            Endpoint::get("/api/v1/triggers", "listTriggers", "List triggers")
                .grant(Action::TRIGGERS_READ)
                .query("workflow", "of the workflow with this name")
                .paged()
                .gives::<PageView<TriggerView>>(200, "The triggers, newest first"),
            list,
        )
        .add(
            Endpoint::get(at, "getTrigger", "Show a trigger")
                .grant(Action::TRIGGERS_READ)
                .gives::<TriggerView>(200, "The trigger"),
            show,
        )
        .add(
            Endpoint::patch(
                at,
                "changeTrigger",
                "Pause, resume or configure a trigger; a new configuration needs each grant of its workflow",
            )
            .grant(Action::TRIGGERS_UPDATE)
            .takes::<Change>()
            .gives::<TriggerView>(200, "The trigger"),
            change,
        )
        .add(
            Endpoint::post(
                "/api/v1/triggers/{id}/regenerate",
                "regenerateTrigger",
                "Give a webhook or an EDI trigger another URL, or an e-mail trigger another address; needs each grant of its workflow",
            )
            .grant(Action::TRIGGERS_UPDATE)
            .query_of(
                "overlap_s",
                Form::Count(0, trigger::MAX_OVERLAP_S),
                "webhook, edi: for how many seconds the old URL goes on; it leads nowhere at once unless given",
            )
            .gives::<TriggerView>(
                200,
                "The trigger, with its new url or address; the old one leads nowhere, or until old_url_until",
            )
            .refuses(409, "The trigger is a schedule"),
            regenerate,
        )
        .add(
            Endpoint::post(
                "/api/v1/triggers/{id}/test",
                "testTrigger",
                "Send a sample delivery: a webhook's is signed with its own secret, a schedule fires once, a mail goes to the trigger's address, both marked as tests; needs each grant of its workflow",
            )
            .grant(Action::TRIGGERS_UPDATE)
            .takes::<Trial>()
            .gives::<TestedView>(200, "What a sender would have been answered")
            .refuses(409, "The trigger takes no test delivery, or is paused"),
            test,
        )
        .add(
            Endpoint::post(
                "/api/v1/triggers/{id}/backfill",
                "backfillTrigger",
                "Fire the times of a schedule in a range of the past, each once, or show which they are; needs each grant of its workflow",
            )
            .grant(Action::TRIGGERS_UPDATE)
            .takes::<Range>()
            .gives::<BackfillView>(200, "What is fired, or would be")
            .refuses(409, "The trigger is no schedule"),
            backfill,
        )
        .add(
            Endpoint::delete(at, "deleteTrigger", "Delete a trigger")
                .grant(Action::TRIGGERS_DELETE)
                .gives_nothing(204, "Deleted"),
            delete,
        )
}

async fn create(
    services: State,
    caller: Caller,
    idempotency: IdempotencyKey,
    new: Json<NewTrigger>,
) -> Answer<(StatusCode, Answered<TriggerView>)> {
    let once = idempotency.over(&new.bytes)?;
    let shown = trigger::create(&services, &caller, new.value, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Answered(shown.view())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    workflow: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

async fn list(
    services: State,
    caller: Caller,
    Parameters(query): Parameters<ListQuery>,
) -> Answer<Answered<PageView<TriggerView>>> {
    let page = page(query.limit.as_deref(), query.cursor.as_deref())?;
    let found = trigger::list(&services, &caller, query.workflow.as_deref(), page).await?;
    Ok(listed(found, |shown| shown.view()))
}

async fn show(services: State, caller: Caller, Path(id): Path<String>) -> Answer<Answered<TriggerView>> {
    Ok(Answered(trigger::get(&services, &caller, &id).await?.view()))
}

async fn change(
    services: State,
    caller: Caller,
    Path(id): Path<String>,
    change: Json<Change>,
) -> Answer<Answered<TriggerView>> {
    Ok(Answered(trigger::change(&services, &caller, &id, change.value).await?.view()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegenerateQuery {
    overlap_s: Option<String>,
}

async fn regenerate(
    services: State,
    caller: Caller,
    Path(id): Path<String>,
    Parameters(query): Parameters<RegenerateQuery>,
    idempotency: IdempotencyKey,
) -> Answer<Answered<TriggerView>> {
    let once = idempotency.over(&[])?;
    let overlap = Overlap::seconds(value("overlap_s", query.overlap_s.as_deref())?)?;
    let shown = trigger::regenerate(&services, &caller, &id, overlap, once.as_ref()).await?;
    Ok(Answered(shown.view()))
}

/// What `POST /triggers/{id}/test` takes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Trial {
    /// webhook: the body; a string is sent as text, anything else as JSON. email: what the mail says; a string is its text, an object a `SampleMail`.
    body: Option<serde_json::Value>,
}

async fn test(
    services: State,
    caller: Caller,
    Path(id): Path<String>,
    idempotency: IdempotencyKey,
    trial: Json<Trial>,
) -> Answer<Answered<TestedView>> {
    let once = idempotency.over(&trial.bytes)?;
    let sample = match trial.value.body {
        None => Sample::Usual,
        Some(serde_json::Value::String(text)) => Sample::Text(text),
        Some(json) => Sample::Json(json.to_string()),
    };
    Ok(Answered(trigger::test_once(&services, &caller, &id, sample, once.as_ref()).await?.view()))
}

async fn backfill(
    services: State,
    caller: Caller,
    Path(id): Path<String>,
    idempotency: IdempotencyKey,
    range: Json<Range>,
) -> Answer<Answered<BackfillView>> {
    let once = idempotency.over(&range.bytes)?;
    let done = trigger::backfill(&services, &caller, &id, &range.value, once.as_ref()).await?;
    Ok(Answered(done.view()))
}

async fn delete(services: State, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    trigger::delete(&services, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
