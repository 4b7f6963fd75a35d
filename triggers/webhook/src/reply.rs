//! Waiting for a run's outcome to answer a sender with it. What must hold: who waits is told however the run ended and on
//! whichever node; at the deadline the sender is told where to look.

use std::sync::Arc;
use std::time::Duration;

use factotum_model::{ErrorCode, HttpResponse, OrgId, RequestId, RunId, http_response};
use factotum_storage::watch::{Settled, Watcher};
use factotum_storage::{Backend, Storage, StorageError, runs};
use tokio::time::Instant;

use crate::answer::Answer;

/// How often a run is looked at that another node may be working on.
const LOOK: Duration = Duration::from_millis(250);

/// The run's end, or where to look for it. `watcher` began to watch before the run could end unseen.
pub(crate) async fn outcome(
    storage: &Storage,
    org: OrgId,
    mut watcher: Watcher,
    deadline: Instant,
    request: RequestId,
) -> Answer {
    let run = watcher.run_id();
    let other_nodes = storage.backend() == Backend::Postgres;
    let mut hears = true;
    loop {
        tokio::select! {
            settled = watcher.settled(), if hears => match settled {
                Some(settled) => return answer(&settled, request),
                None => hears = false,
            },
            () = tokio::time::sleep_until(deadline) => return Answer::pending(run),
            () = tokio::time::sleep(LOOK), if other_nodes || !hears => {}
        }
        match ended(storage, org, run).await {
            Ok(Some(settled)) => return answer(&settled, request),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, %run, "a run that a sender waits for cannot be read"),
        }
    }
}

/// A run's end as it is stored.
pub(crate) async fn ended(
    storage: &Storage,
    org: OrgId,
    run: RunId,
) -> Result<Option<Arc<Settled>>, StorageError> {
    let mut tx = storage.read().await?;
    let run = runs::get(&mut tx, org, run).await?;
    Ok(run.filter(|run| run.state.is_terminal()).map(|run| {
        let is_http = run.plugin_world == http_response::WORLD;
        Arc::new(Settled { state: run.state, output: run.output, is_http, error: run.error })
    }))
}

pub(crate) fn answer(settled: &Settled, request: RequestId) -> Answer {
    match (&settled.output, &settled.error) {
        (Some(output), None) if settled.is_http => match HttpResponse::from_json(output) {
            Some(response) => Answer::http(response),
            None => Answer::failed(ErrorCode::Failed, "the workflow's response cannot be read", request),
        },
        (Some(output), None) => Answer::output(output),
        (_, Some((code, message))) => Answer::failed(*code, message, request),
        (None, None) => Answer::failed(ErrorCode::Failed, "the workflow ended without an answer", request),
    }
}
