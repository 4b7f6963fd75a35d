//! Components that handle HTTP requests and know nothing of us: what they are asked, what their answers become, and that they are bounded like all others.

use std::collections::BTreeMap;

use factotum_host::{Output, Report, World};
use factotum_model::{ErrorCode, EventInput, Failure, HttpResponse};
use serde_json::{Value, json};

use crate::support::{Attempt, Fixture, guest};

/// A delivery to a path below a webhook.
pub fn delivery(method: &str, target: &str, headers: &[(&str, &str)]) -> EventInput {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut all = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in headers {
        all.entry((*name).to_owned()).or_default().push((*value).to_owned());
    }
    EventInput::Webhook { method: method.into(), path: path.into(), query: query.into(), headers: all }
}

async fn probe(fixture: &Fixture, path: &str, mut attempt: Attempt) -> Report {
    attempt.input = delivery("POST", path, &[("host", "hooks.example")]);
    attempt.raw.get_or_insert_default();
    fixture.run("http-probe", Value::Null, attempt).await
}

fn answered(report: Report) -> HttpResponse {
    match report.result {
        Ok(Output::Http(response)) => response,
        other => panic!("a response is expected: {other:?}"),
    }
}

fn failed(report: Report) -> Failure {
    report.result.expect_err("a failure is expected")
}

#[tokio::test]
async fn a_delivery_is_the_request_that_it_was() {
    let fixture = Fixture::new();
    // Longer than what is handed over at a time, read at a time, and written at a time.
    let body: Vec<u8> = (0..1_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let headers = [
        ("host", "hooks.example:8443"),
        ("content-type", "application/octet-stream"),
        ("content-length", "7"),
        ("transfer-encoding", "chunked"),
        ("x-id", "1"),
        ("x-id", "2"),
        ("x-name", "Grüße"),
    ];
    let attempt = Attempt {
        input: delivery("PATCH", "/orders/7?a=1&b=%20", &headers),
        raw: Some(body.clone()),
        ..Attempt::default()
    };
    let report = fixture.run("http-probe", Value::Null, attempt).await;
    assert!(report.usage.memory_peak_bytes < 4 << 20, "it is handed over piece by piece: {:?}", report.usage);
    let response = answered(report);
    assert_eq!((response.status, response.body.len()), (200, body.len()));
    assert!(response.body == body, "byte by byte");
    let said = |name: &str| response.headers.get(name).map(|values| values.join(", ")).unwrap_or_default();
    assert_eq!((said("x-method"), said("x-target")), ("PATCH".into(), "/orders/7?a=1&b=%20".into()));
    assert_eq!(said("x-authority"), "hooks.example:8443");
    assert_eq!((said("x-got-x-id"), said("x-got-x-name")), ("1, 2".into(), "Grüße".into()));
    assert_eq!(said("x-got-content-length"), body.len().to_string(), "what is stored is whole");
    assert_eq!(said("x-got-transfer-encoding"), "");
    assert_eq!(Output::Http(response).into_value()["body"], Value::Null, "it is no text");
}

#[tokio::test]
async fn what_is_no_request_comes_as_one_of_json() {
    let fixture = Fixture::new();
    let call = answered(fixture.run("http-probe", json!({"a": 1}), Attempt::default()).await);
    assert_eq!(call.body, br#"{"a":1}"#);
    assert_eq!((call.headers["x-method"][0].as_str(), call.headers["x-target"][0].as_str()), ("POST", "/"));
    assert_eq!(call.headers["x-got-content-type"], ["application/json"]);
    assert_eq!(call.headers["x-authority"], ["localhost"]);
    let nominal_time = factotum_model::Timestamp::from_micros(0);
    let due = Attempt { input: EventInput::Schedule { nominal_time, test: false }, ..Attempt::default() };
    let due = answered(fixture.run("http-probe", Value::Null, due).await);
    let body: Value = serde_json::from_slice(&due.body).unwrap();
    assert_eq!(body, json!({"kind": "schedule", "schedule": {"nominal_time": nominal_time}}));
}

#[tokio::test]
async fn a_component_that_others_serve_runs_unchanged() {
    let fixture = Fixture::new();
    let inspected = fixture.host.inspect(guest("hello-http")).await.unwrap();
    assert_eq!((inspected.world, inspected.world.as_str()), (World::Handler, "wasi:http"));
    // Made as a program, it exports a command beside the handler.
    let both = fixture.host.inspect(guest("http-probe")).await.unwrap();
    assert!(both.exports.iter().any(|export| export.starts_with("wasi:cli/run@")), "{both:?}");
    assert_eq!(both.world, World::Handler);
    let report = fixture.run("hello-http", Value::Null, Attempt::default()).await;
    assert_eq!(
        report.result.unwrap().into_value(),
        json!({"status": 200, "headers": {}, "body": "{\"ok\":true}\n"})
    );
}

#[tokio::test]
async fn each_end_has_its_code_and_its_words() {
    let fixture = Fixture::new();
    for (path, code, words) in [
        ("/trap", ErrorCode::Trap, "in the middle of it"),
        ("/nothing", ErrorCode::Failed, "without a response"),
        ("/error", ErrorCode::Failed, "there is no such order"),
        ("/short", ErrorCode::Failed, "broke off"),
        ("/status/500", ErrorCode::Failed, "500 Internal Server Error: as you asked"),
        ("/status/100", ErrorCode::Failed, "ends no request"),
    ] {
        let failure = failed(probe(&fixture, path, Attempt::default()).await);
        assert_eq!(failure.code, code, "{path}: {failure:?}");
        assert!(failure.message.contains(words), "{path}: {failure:?}");
        assert!(!failure.permanent, "{path}: the workflow's policy decides");
    }
    assert_eq!(failed(probe(&fixture, "/status/503", Attempt::default()).await).retry_after_ms, Some(0));
    for (path, status, body) in [("/status/404", 404, "as you asked"), ("/exit", 200, "whole")] {
        let response = answered(probe(&fixture, path, Attempt::default()).await);
        assert_eq!((response.status, response.body), (status, body.into()), "{path}");
    }
    let kept = answered(probe(&fixture, "/cookies", Attempt::default()).await);
    assert_eq!(kept.headers["x-own"], ["1", "2"]);
}

#[tokio::test]
async fn it_is_bounded_like_every_other() {
    let fixture = Fixture::new();
    let endless = probe(&fixture, "/endless", Attempt::limited(|l| l.output_bytes = 100_000)).await;
    assert_eq!(failed(endless).code, ErrorCode::OutputLimit);
    let silent = Attempt::limited(|limits| limits.wall_ms = 200);
    assert_eq!(failed(probe(&fixture, "/silent", silent).await).code, ErrorCode::DeadlineExceeded);
    let mut counted = Attempt::limited(|limits| limits.host_calls = 3);
    counted.raw = Some(vec![7; 1 << 20]);
    assert_eq!(failed(probe(&fixture, "/any", counted).await).code, ErrorCode::HostCallLimit);
}
