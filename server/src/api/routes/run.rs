//! `/runs`

use std::sync::Arc;

use axum::Json;
use axum::extract::Path;
use factotum_model::{AccountKind, Action, InitiatorKind, RunState};
use http::StatusCode;
use serde::Deserialize;

use super::{Answer, State};
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::form::Form;
use crate::api::idempotency::IdempotencyKey;
use crate::api::parameters::{Parameters, listed, page, value, word};
use crate::operations::run::{self, Filter};
use crate::operations::{Caller, Services};
use crate::view::PageView;
use crate::view::run::{LogLineView, RunView, StartedView};

/// The words of [`RunState`].
const STATES: Form =
    Form::Word(&["queued", "running", "waiting", "succeeded", "failed", "dead", "cancelled"]);

const INITIATORS: Form =
    Form::Word(&["webhook", "email", "schedule", "edi", "member", "api", "run", "system"]);
const ACCOUNT_KINDS: Form = Form::Word(&["member", "base", "api_key", "service"]);

/// The account kinds of a word of the filter.
pub fn account_kinds(word: &str) -> Option<Vec<AccountKind>> {
    match word {
        "service" => Some(vec![AccountKind::Base, AccountKind::ApiKey]),
        word => AccountKind::from_word(word).map(|kind| vec![kind]),
    }
}

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let readers = Needs::GrantOrPrincipal(Action::RUNS_READ);
    routes
        .add(
            Endpoint::get(
                "/api/v1/runs",
                "listRuns",
                "List runs; with `account` your own, no grant is needed",
            )
            .needs(readers)
            .query("workflow", "of the workflow with this name")
            .query_of("state", STATES, "in this state")
            .query_of("trigger", Form::Id("trg_"), "started by this trigger")
            .query_of("account", Form::Id("acc_"), "run as this account")
            .query_of("parent", Form::Id("run_"), "started by this run")
            .query_of("initiator", INITIATORS, "started by this kind of thing")
            .query_of(
                "account_kind",
                ACCOUNT_KINDS,
                "run as an account of this kind; `service` means base and api_key",
            )
            .query_of("since", Form::Time, "accepted at or after")
            .query_of("until", Form::Time, "accepted before")
            .query_of("dead_letter", Form::Flag, "`true`: dead, and neither replayed nor dismissed")
            .paged()
            .gives::<PageView<RunView>>(200, "The runs, newest first"),
            list,
        )
        .add(
            Endpoint::get("/api/v1/runs/{id}", "getRun", "Show a run")
                .needs(readers)
                .gives::<RunView>(200, "The run"),
            show,
        )
        .add(
            Endpoint::get(
                "/api/v1/runs/{id}/logs",
                "getRunLogs",
                "What a run logged so far; what an attempt logs that another node runs comes when it ends",
            )
            .needs(readers)
            .gives::<PageView<LogLineView>>(200, "The lines, in order"),
            logs,
        )
        .add(
            Endpoint::post("/api/v1/runs/{id}/cancel", "cancelRun", "End a run in whatever state it is")
                .grant(Action::RUNS_CANCEL)
                .gives::<StartedView>(200, "The run, cancelled"),
            cancel,
        )
        .add(
            Endpoint::post(
                "/api/v1/runs/{id}/dismiss",
                "dismissRun",
                "Take a dead run off the dead letters without running it again",
            )
            .grant(Action::RUNS_CANCEL)
            .gives::<StartedView>(200, "The run, dismissed"),
            dismiss,
        )
        .add(
            Endpoint::post(
                "/api/v1/runs/{id}/replay",
                "replayRun",
                "A new run of the same event, as the caller's account",
            )
            .grant(Action::RUNS_REPLAY)
            .gives::<StartedView>(202, "The new run"),
            replay,
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    workflow: Option<String>,
    state: Option<String>,
    trigger: Option<String>,
    account: Option<String>,
    parent: Option<String>,
    initiator: Option<String>,
    account_kind: Option<String>,
    since: Option<String>,
    until: Option<String>,
    #[serde(default)]
    dead_letter: bool,
    limit: Option<String>,
    cursor: Option<String>,
}

async fn list(
    services: State,
    caller: Caller,
    Parameters(query): Parameters<ListQuery>,
) -> Answer<Json<PageView<RunView>>> {
    let page = page(query.limit.as_deref(), query.cursor.as_deref())?;
    let filter = Filter {
        workflow: query.workflow,
        state: word("state", query.state.as_deref(), RunState::from_word)?,
        trigger: value("trigger", query.trigger.as_deref())?,
        account: value("account", query.account.as_deref())?,
        parent: value("parent", query.parent.as_deref())?,
        initiator: word("initiator", query.initiator.as_deref(), InitiatorKind::from_word)?,
        account_kinds: word("account_kind", query.account_kind.as_deref(), account_kinds)?
            .unwrap_or_default(),
        since: value("since", query.since.as_deref())?,
        until: value("until", query.until.as_deref())?,
        error: None,
        dead_letter: query.dead_letter,
    };
    Ok(listed(run::list(&services, &caller, filter, page).await?, |run| RunView::from(&run)))
}

async fn show(services: State, caller: Caller, Path(id): Path<String>) -> Answer<Json<RunView>> {
    Ok(Json((&run::get(&services, &caller, &id).await?).into()))
}

async fn logs(
    services: State,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<PageView<LogLineView>>> {
    let lines = run::logs(&services, &caller, &id, (0, 0)).await?;
    let items =
        lines.into_iter().map(|line| LogLineView { attempt: line.attempt, line: line.line }).collect();
    Ok(Json(PageView { items, next: None }))
}

async fn cancel(
    services: State,
    caller: Caller,
    idempotency: IdempotencyKey,
    Path(id): Path<String>,
) -> Answer<Json<StartedView>> {
    let once = idempotency.over(b"")?;
    Ok(Json(StartedView { run: (&run::cancel(&services, &caller, &id, once.as_ref()).await?).into() }))
}

async fn dismiss(
    services: State,
    caller: Caller,
    idempotency: IdempotencyKey,
    Path(id): Path<String>,
) -> Answer<Json<StartedView>> {
    let once = idempotency.over(b"")?;
    Ok(Json(StartedView { run: (&run::dismiss(&services, &caller, &id, once.as_ref()).await?).into() }))
}

async fn replay(
    services: State,
    caller: Caller,
    idempotency: IdempotencyKey,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<StartedView>)> {
    let once = idempotency.over(b"")?;
    let run = run::replay(&services, &caller, &id, once.as_ref()).await?;
    Ok((StatusCode::ACCEPTED, Json(StartedView { run: (&run).into() })))
}
