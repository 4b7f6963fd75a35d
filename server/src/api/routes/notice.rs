//! `/notices`, and what one workflow's notices differ in.

use std::sync::Arc;

use axum::Json as Answered;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use factotum_model::Action;
use http::{StatusCode, header};
use serde::Deserialize;

use super::{Answer, State};
use crate::api::body::Json;
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::idempotency::IdempotencyKey;
use crate::api::parameters::{Parameters, listed, page};
use crate::operations::notice::{self, NewRecipient, SettingsChange, WorkflowChange};
use crate::operations::{Caller, Services};
use crate::view::PageView;
use crate::view::notice::{NoticeView, RecipientView, SettingsView, TestView, WorkflowNoticesView};

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let (set, to) = ("/api/v1/notices/settings", "/api/v1/notices/recipients");
    let of_workflow = "/api/v1/workflows/{name}/notices";
    routes
        .add(
            Endpoint::get("/api/v1/notices", "listNotices", "List the messages that told how workflows do")
                .grant(Action::SETTINGS_READ)
                .paged()
                .gives::<PageView<NoticeView>>(200, "The messages of the last 30 days, newest first"),
            list,
        )
        .add(
            Endpoint::get(set, "getNoticeSettings", "Show when notices go out")
                .grant(Action::SETTINGS_READ)
                .gives::<SettingsView>(200, "The settings"),
            settings,
        )
        .add(
            Endpoint::patch(set, "changeNoticeSettings", "Change when notices go out")
                .grant(Action::SETTINGS_UPDATE)
                .takes::<SettingsChange>()
                .gives::<SettingsView>(200, "The settings as they are then"),
            change,
        )
        .add(
            Endpoint::get(to, "listNoticeRecipients", "List who is told, beside the Admins")
                .grant(Action::SETTINGS_READ)
                .gives::<PageView<RecipientView>>(200, "The recipients, oldest first"),
            recipients,
        )
        .add(
            Endpoint::post(to, "createNoticeRecipient", "Tell one more: a mail address or a webhook")
                .grant(Action::SETTINGS_UPDATE)
                .takes::<NewRecipient>()
                .gives::<RecipientView>(
                    201,
                    "The recipient; a webhook's with its secret, which is shown this once",
                )
                .refuses(409, "The address is told already, or there are as many recipients as there can be"),
            create,
        )
        .add(
            Endpoint::delete("/api/v1/notices/recipients/{id}", "deleteNoticeRecipient", "Tell one no more")
                .grant(Action::SETTINGS_UPDATE)
                .gives_nothing(204, "Removed"),
            delete,
        )
        .add(
            Endpoint::post(
                "/api/v1/notices/recipients/{id}/test",
                "testNoticeRecipient",
                "Send a recipient a message, once, to see whether it arrives",
            )
            .grant(Action::SETTINGS_UPDATE)
            .gives::<TestView>(202, "It is on its way: `GET /notices` says what became of it"),
            test,
        )
        .add(
            Endpoint::get(
                of_workflow,
                "getWorkflowNotices",
                "Show whether a workflow is failing, and its own settings",
            )
            .grant(Action::WORKFLOWS_READ)
            .gives::<WorkflowNoticesView>(200, "How it does"),
            workflow,
        )
        .add(
            Endpoint::put(
                of_workflow,
                "setWorkflowNotices",
                "Mute a workflow's notices, or give it a number of failures of its own",
            )
            .grant(Action::WORKFLOWS_UPDATE)
            .takes::<WorkflowChange>()
            .gives::<WorkflowNoticesView>(200, "As it is then"),
            set_workflow,
        )
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
) -> Answer<Answered<PageView<NoticeView>>> {
    let page = page(query.limit.as_deref(), query.cursor.as_deref())?;
    Ok(listed(notice::list(&services, &caller, page).await?, |notice| NoticeView::from(&notice)))
}

async fn settings(services: State, caller: Caller) -> Answer<Answered<SettingsView>> {
    let settings = notice::settings(&services, &caller).await?;
    Ok(Answered(SettingsView::of(&settings, services.mailer.is_on())))
}

async fn change(
    services: State,
    caller: Caller,
    change: Json<SettingsChange>,
) -> Answer<Answered<SettingsView>> {
    let settings = notice::change(&services, &caller, &change.value).await?;
    Ok(Answered(SettingsView::of(&settings, services.mailer.is_on())))
}

async fn recipients(services: State, caller: Caller) -> Answer<Answered<PageView<RecipientView>>> {
    let items = notice::recipients(&services, &caller).await?.iter().map(RecipientView::from).collect();
    Ok(Answered(PageView { items, next: None }))
}

async fn create(
    services: State,
    caller: Caller,
    idempotency: IdempotencyKey,
    new: Json<NewRecipient>,
) -> Answer<Response> {
    let once = idempotency.over(&new.bytes)?;
    let made = notice::create(&services, &caller, &new.value, once.as_ref()).await?;
    let mut view = RecipientView::from(&made.recipient);
    view.secret = made.secret.map(|secret| secret.expose().clone());
    // The secret is shown this once.
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Answered(view)).into_response())
}

async fn delete(services: State, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    notice::delete(&services, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn test(
    services: State,
    caller: Caller,
    Path(id): Path<String>,
    idempotency: IdempotencyKey,
) -> Answer<(StatusCode, Answered<TestView>)> {
    let once = idempotency.over(&[])?;
    let notice = notice::test(&services, &caller, &id, once.as_ref()).await?;
    Ok((StatusCode::ACCEPTED, Answered(TestView { notice: notice.to_string() })))
}

async fn workflow(
    services: State,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<Answered<WorkflowNoticesView>> {
    let found = notice::of_workflow(&services, &caller, &name).await?;
    Ok(Answered(WorkflowNoticesView::of(&found.own, found.health.as_ref())))
}

async fn set_workflow(
    services: State,
    caller: Caller,
    Path(name): Path<String>,
    change: Json<WorkflowChange>,
) -> Answer<Answered<WorkflowNoticesView>> {
    let found = notice::set_of_workflow(&services, &caller, &name, change.value).await?;
    Ok(Answered(WorkflowNoticesView::of(&found.own, found.health.as_ref())))
}
