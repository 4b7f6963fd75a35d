//! Example `order-report`: on a schedule, sums up the orders that `order-intake` stored and posts the report. What must hold:
//! the receiver can tell a repeated report from a new one (`Idempotency-Key`), and an answer other than 2xx is tried
//! again; README.md says how to try it.

mod report;

use std::time::Duration;

use factotum_sdk::http::{Request, Response};
use factotum_sdk::{Event, Failure, Outcome, config, kv, log, run, workflow};
use serde_json::json;

use report::{Report, StoredOrder};

/// Whose store is read unless `store` is configured.
const DEFAULT_STORE: &str = "order-intake";
/// How long the receiver may take.
const POST_TIMEOUT: Duration = Duration::from_secs(10);

workflow!(handle);

fn handle(event: Event) -> Result<Outcome, Failure> {
    let store: String = config::get("store")?.unwrap_or_else(|| DEFAULT_STORE.to_owned());
    let url: Option<String> = config::get("report_url")?;
    let due_ms = match event {
        Event::Schedule(due) => Some(due.nominal_time_ms),
        _ => None,
    };

    let report = sum_up(&kv::Store::of(store))?;
    let body = json!({"due_ms": due_ms, "report": report});
    let posted = url.as_deref().map(|url| post(url, &body)).transpose()?;
    log::info("report made", &[("orders", &report.orders), ("posted", &posted.is_some())]);
    Outcome::json(&json!({"report": report, "posted": posted}))
}

fn sum_up(store: &kv::Store) -> Result<Report, Failure> {
    let mut report = Report::default();
    for key in store.keys("order/") {
        let key = key?;
        // Removed since it was listed: no order any more.
        let Some(entry) = store.get(&key)? else { continue };
        match entry.json::<StoredOrder>() {
            Ok(order) => report.add(order),
            Err(error) => {
                log::warn("an entry of the store is no order", &[("key", &key), ("error", &error)]);
                report.unreadable += 1;
            }
        }
    }
    Ok(report)
}

/// Posts the report and gives the status.
fn post(url: &str, body: &serde_json::Value) -> Result<u16, Failure> {
    let answer = Request::post(url)
        .header("idempotency-key", run::current().id)
        .json(body)?
        .timeout(POST_TIMEOUT)
        .send()?;
    accept(&answer)
}

/// 2xx is fine; anything else is tried again, when the receiver says so (RFC 9110 §10.2.3) or as the workflow's policy
/// has it.
fn accept(answer: &Response) -> Result<u16, Failure> {
    if answer.is_success() {
        return Ok(answer.status);
    }
    let message = format!("the receiver of the report answered {}", answer.status);
    match answer.header("retry-after").and_then(|seconds| seconds.trim().parse().ok()) {
        Some(seconds) => Err(Failure::retry_after(Duration::from_secs(seconds), message)),
        None => Err(Failure::retryable(message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_is_a_success() {
        let answer = |status, headers| Response { status, headers, body: Vec::new() };
        assert_eq!(accept(&answer(204, vec![])), Ok(204));
        for status in [302, 404, 500] {
            assert!(matches!(accept(&answer(status, vec![])), Err(Failure::Retryable(_))), "{status}");
        }
        let busy = answer(503, vec![("retry-after".to_owned(), b"30".to_vec())]);
        assert!(matches!(accept(&busy), Err(Failure::RetryAfter(wait, _)) if wait.as_secs() == 30));
    }
}
