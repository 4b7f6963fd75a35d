//! One attempt from its claim to its committed end. What must hold: whatever happens in between, the end is handed to the journal
//! until the database has answered, or the lease is gone.

use std::sync::Arc;
use std::time::Duration;

use factotum_host::{Interrupt, Invocation, LiveLog, LogLine, Output, Report, Slot, Usage};
use factotum_model::run::RunContext;
use factotum_model::workflow::{AfterFailure, AuditClass};
use factotum_model::{Digest, ErrorCode, Failure, RunId};
use factotum_storage::claim::Claimed;
use factotum_storage::finish::{End, Finished};
use factotum_storage::{StorageError, blobs};
use serde_json::json;

use crate::data_access::DataAccess;
use crate::denials::Denials;
use crate::dispatcher::Inner;
use crate::ports::RunPorts;
use crate::versions::Version;

/// How often a run may take its node down with it before it is given up.
pub(crate) const MAX_LOST: u32 = 10;
/// How long to wait before the database is asked again during an outage: from, to.
const OUTAGE_WAIT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Runs a claimed run and commits its end.
pub(crate) async fn run(inner: Arc<Inner>, run: Claimed, slot: Slot) {
    let run = Arc::new(run);
    let (interrupt, log) = (Interrupt::default(), LiveLog::default());
    let Some(_place) = inner.running.enter(&run, &interrupt, &log) else {
        tracing::warn!(run = %run.run_id, "claimed while still under way here; the older attempt goes on");
        return;
    };
    let finished = execute(&inner, &run, slot, (&interrupt, log)).await;
    commit(&inner, finished).await;
}

async fn execute(
    inner: &Inner,
    run: &Arc<Claimed>,
    slot: Slot,
    (interrupt, live): (&Interrupt, LiveLog),
) -> Finished {
    let plain = |end| Finished { run: Arc::clone(run), end, log: None, usage: None };
    if run.lost >= MAX_LOST {
        let message =
            format!("given up: {MAX_LOST} attempts ended with their node; see the server's log of that time");
        return plain(End::Dead(ErrorCode::Failed, message));
    }
    // The rare and the large parts are boxed: this future is moved for every attempt.
    let version = match Box::pin(version(inner, run)).await {
        Ok(version) => version,
        Err(end) => return plain(end),
    };
    let load = Box::pin(through_outages(inner, || component(inner, run.digest)));
    let prepared = match Box::pin(inner.host.prepare(run.digest, load)).await {
        Ok(prepared) => prepared,
        Err(error) => {
            let failure = Failure::new(ErrorCode::Failed, format!("the component cannot be loaded: {error}"));
            return plain(after(run, &version, &failure, inner));
        }
    };
    let asked = version.audit == AuditClass::DataAccess;
    let data = asked.then(|| Arc::new(DataAccess::of(inner.storage.clone(), Arc::clone(run))));
    let denials = Arc::new(Denials::default());
    let invocation = Invocation {
        run: RunContext {
            id: run.run_id,
            attempt: run.attempt,
            workflow: run.workflow.clone(),
            principal: run.principal.clone(),
            initiator: run.initiator.clone(),
        },
        event: Arc::clone(&run.event),
        config: Arc::clone(&version.config),
        authority: run.authority.clone(),
        limits: version.limits,
        ports: Arc::new(RunPorts {
            storage: inner.storage.clone(),
            run: Arc::clone(run),
            lease: Arc::clone(&inner.lease),
            interrupt: interrupt.clone(),
            draining: inner.draining.clone(),
            denials: Arc::clone(&denials),
            data: data.clone(),
            outlet: inner.outlet.clone(),
        }),
        interrupt: interrupt.clone(),
        live,
    };
    let Report { result, logs, usage, .. } = Box::pin(inner.host.invoke(&prepared, slot, invocation)).await;
    if let Some(data) = &data
        && let Err(error) = Box::pin(through_outages(inner, || data.flush())).await
    {
        tracing::error!(%error, run = %run.run_id, "what the run has read could not be put on the record");
    }
    if let Err(error) = Box::pin(through_outages(inner, || denials.flush(&inner.storage))).await {
        tracing::error!(%error, run = %run.run_id, "what the run was denied could not be put on the record");
    }
    let end = match result {
        Ok(output @ Output::Http(_)) => End::Answered(output.into_value().to_string()),
        Ok(output) => End::Succeeded(output.into_value().to_string()),
        // Stopped from outside: if the lease is still held, the run goes back; if not, nothing is written.
        Err(_) if interrupt.reason().is_some() => End::Released,
        Err(failure) => after(run, &version, &failure, inner),
    };
    Finished { run: Arc::clone(run), end, log: log_text(&logs), usage: Some(usage_text(&usage)) }
}

/// The workflow version that the run was accepted with.
async fn version(inner: &Inner, run: &Claimed) -> Result<Arc<Version>, End> {
    let read = || inner.versions.get(&inner.storage, run.workflow_id, run.workflow_version);
    match through_outages(inner, read).await {
        Ok(Some(version)) => Ok(version),
        Ok(None) => {
            Err(End::Failed(ErrorCode::Failed, "the workflow's version is not in the database".into()))
        }
        Err(error) => {
            Err(End::Failed(ErrorCode::Failed, format!("the workflow's version cannot be read: {error}")))
        }
    }
}

/// The component's bytes, as they were uploaded.
async fn component(inner: &Inner, digest: Digest) -> Result<Vec<u8>, StorageError> {
    let mut tx = inner.storage.read().await?;
    let bytes = blobs::get(&mut tx, digest).await?;
    bytes.ok_or_else(|| StorageError::Setup(format!("the component {digest} is not in the database")))
}

fn after(run: &Claimed, version: &Version, failure: &Failure, inner: &Inner) -> End {
    let message = failure.message.clone();
    let executed = run.attempt.saturating_sub(run.lost).max(1);
    match version.retry.after(failure, executed, chance()) {
        AfterFailure::Failed => End::Failed(failure.code, message),
        AfterFailure::Dead => End::Dead(failure.code, message),
        AfterFailure::RetryIn(ms) => {
            End::Retry(inner.storage.clock().now().plus(Duration::from_millis(ms)), failure.code, message)
        }
    }
}

/// Four of the random bytes of a fresh id.
fn chance() -> u32 {
    let bytes = RunId::random().0.into_bytes();
    u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]])
}

async fn commit(inner: &Inner, mut finished: Finished) {
    let mut wait = OUTAGE_WAIT.0;
    loop {
        match inner.storage.journal().finish(finished.clone()).await {
            Ok(held) => {
                if !held && finished.end != End::Released {
                    tracing::info!(run = %finished.run.run_id, "the attempt ended, but its lease was gone: nothing was written");
                }
                inner.metrics.ended(&finished.end, held);
                return;
            }
            Err(StorageError::Closed) => {
                tracing::warn!(run = %finished.run.run_id, "the attempt ended after the storage was closed; it will be repeated");
                return;
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, run = %finished.run.run_id, "the attempt's end could not be written; trying again");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(OUTAGE_WAIT.1);
            }
            Err(error) => {
                tracing::error!(%error, run = %finished.run.run_id, "the attempt's end was refused by the database");
                let already = matches!(&finished.end, End::Failed(_, m) if m.starts_with("the outcome"));
                if already {
                    return;
                }
                finished.end = End::Failed(
                    ErrorCode::Failed,
                    "the outcome could not be stored; see the server's log".into(),
                );
                finished.log = None;
                finished.usage = None;
            }
        }
    }
}

/// Asks again while the database is away.
async fn through_outages<T, F, Fut>(inner: &Inner, ask: F) -> Result<T, StorageError>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, StorageError>>,
{
    let mut wait = OUTAGE_WAIT.0;
    loop {
        match ask().await {
            Err(error)
                if error.is_transient() && !matches!(error, StorageError::Closed) && inner.lease.holds() =>
            {
                tracing::warn!(%error, "the database is away; trying again");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(OUTAGE_WAIT.1);
            }
            other => return other,
        }
    }
}

fn log_text(lines: &[LogLine]) -> Option<String> {
    if lines.is_empty() {
        return None;
    }
    serde_json::to_string(&log_lines(lines)).ok()
}

/// Lines as they are stored and published.
pub(crate) fn log_lines(lines: &[LogLine]) -> Vec<serde_json::Value> {
    let lines = lines.iter().map(|line| {
        let fields: serde_json::Map<_, _> =
            line.fields.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect();
        json!({"at_ms": line.at_ms, "level": line.level.as_str(), "message": line.message, "fields": fields})
    });
    lines.collect()
}

fn usage_text(usage: &Usage) -> String {
    json!({
        "wall_us": usage.wall_us,
        "cpu_us": usage.cpu_us,
        "memory_peak_bytes": usage.memory_peak_bytes,
        "host_calls": usage.host_calls,
        "http_requests": usage.http_requests,
        "http_bytes": usage.http_bytes,
    })
    .to_string()
}
