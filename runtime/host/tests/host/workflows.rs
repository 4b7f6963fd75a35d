//! Starting other workflows and waiting for them: what reaches the port, what a guest is told, what is on the record, and that who
//! waits keeps nobody out.

use std::sync::Arc;
use std::time::Duration;

use factotum_host::{CallPlace, ChildEnd, Report, StopReason};
use factotum_model::ErrorCode;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::support::{Attempt, Fixture, TestPorts, child, guest};

fn output(report: Report) -> Value {
    report.result.expect("the guest answers").into_value()
}

#[tokio::test]
async fn calls_are_numbered_in_order_and_keys_stand_apart() {
    let attempt = Attempt::granted(&["workflows:run"]);
    let ops = json!({"ops": [
        {"op": "start", "workflow": "reports", "payload": {"n": 1}},
        {"op": "start", "workflow": "reports", "payload": {"n": 2}, "key": "two"},
        {"op": "start", "workflow": "nowhere"},
        {"op": "start", "workflow": "away"},
        {"op": "start", "workflow": "reports", "payload": null},
    ]});
    let answers = output(Fixture::new().run("starter", ops, attempt.clone()).await);
    assert_eq!(answers[0], json!({"ok": child(0).to_string()}));
    assert_eq!(answers[2]["error"]["kind"], "not_found");
    assert_eq!(answers[3]["error"]["kind"], "unavailable");
    let calls = attempt.ports.children.lock().unwrap();
    let places: Vec<_> = calls.iter().map(|c| c.place.clone()).collect();
    // What was not there has used its number; what may have been started, and is not known to be, has not.
    assert_eq!(places, [CallPlace::Number(1), CallPlace::Key("two".into()), CallPlace::Number(3)]);
    assert_eq!((calls[0].workflow.as_str(), calls[0].payload.as_str()), ("reports", r#"{"n":1}"#));
    assert!(attempt.ports.denials().is_empty());
}

#[tokio::test]
async fn each_refusal_has_its_kind_and_an_attackers_is_on_the_record() {
    let attempt =
        Attempt::granted(&["workflows:run:too-*", "workflows:run:other-call", "workflows:run:lost-grant"]);
    let tries =
        ["secret", "too-deep", "too-many", "other-call", "lost-grant", "No Such Name", "too-\u{1b}[31m"];
    let ops: Vec<Value> = tries.iter().map(|name| json!({"op": "start", "workflow": name})).collect();
    let answers = output(Fixture::new().run("starter", json!({"ops": ops}), attempt.clone()).await);
    let kinds: Vec<_> = (0..tries.len()).map(|n| answers[n]["error"]["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["denied", "depth_limit", "too_many", "changed", "denied", "not_found", "not_found"]);
    assert_eq!(
        attempt.ports.denials(),
        [
            "workflows:run secret the grant `workflows:run:secret` is needed for this",
            "workflows:run too-deep depth_limit: as the test has it: too-deep",
            "workflows:run too-many too_many: as the test has it: too-many",
            "workflows:run lost-grant as the test has it: lost-grant",
        ]
    );
}

#[tokio::test]
async fn payloads_and_keys_are_bounded() {
    let attempt = Attempt::granted(&["workflows:run"]);
    let ops = json!({"ops": [
        {"op": "start", "workflow": "a", "payload": "x".repeat(1 << 20)},
        {"op": "start", "workflow": "a", "key": "k".repeat(201)},
        {"op": "start", "workflow": "a", "key": ""},
        {"op": "start", "workflow": "a", "key": "a\u{0}b"},
        {"op": "start", "workflow": "a", "payload": "x".repeat((1 << 20) - 2), "key": "k".repeat(200)},
    ]});
    let answers = output(Fixture::new().run("starter", ops, attempt.clone()).await);
    let kinds: Vec<_> = (0..4).map(|n| answers[n]["error"]["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["too_large", "too_large", "other", "other"]);
    assert_eq!(answers[4], json!({"ok": child(0).to_string()}));
}

#[tokio::test]
async fn a_child_gives_its_output_or_how_it_failed() {
    let attempt = Attempt::granted(&["workflows:run"]);
    let failed = ChildEnd::Failed { code: ErrorCode::Trap, message: "unreachable".into() };
    let ends = [("good".to_owned(), ChildEnd::Output(r#"{"total":3}"#.into())), ("bad".to_owned(), failed)];
    attempt.ports.ends.lock().unwrap().extend(ends);
    let ops = json!({"ops": [
        {"op": "call", "workflow": "good"},
        {"op": "call", "workflow": "bad"},
        {"op": "wait", "run": child(0).to_string()},
        {"op": "wait", "run": child(9).to_string()},
        {"op": "wait", "run": "run_7"},
    ]});
    let answers = output(Fixture::new().run("starter", ops, attempt.clone()).await);
    assert_eq!(answers[0], json!({"ok": {"total": 3}}));
    assert_eq!(
        (&answers[1]["error"]["kind"], &answers[1]["error"]["code"]),
        (&json!("failed"), &json!("trap"))
    );
    assert_eq!(answers[2], answers[0]);
    assert_eq!(answers[3]["error"]["kind"], "not_found");
    assert_eq!(answers[4]["error"]["kind"], "not_found");
}

/// Runs `starter` to wait for a child that has not ended.
async fn waiting(fixture: &Fixture, attempt: &Attempt) -> JoinHandle<Report> {
    let (host, attempt) = (fixture.host.clone(), attempt.clone());
    let prepared = fixture.prepared(guest("starter")).await;
    let ops = json!({"ops": [{"op": "call", "workflow": "slow"}]});
    TaskTracker::new().spawn(async move {
        let slot = host.reserve().await;
        host.invoke(&prepared, slot, attempt.invocation(ops)).await
    })
}

#[tokio::test]
async fn who_waits_gives_its_place_away_and_takes_its_turn_again() {
    let fixture = Fixture::with(|config| config.max_instances = 1);
    let attempt = Attempt::granted(&["workflows:run"]);
    let parent = waiting(&fixture, &attempt).await;
    attempt.ports.waited(1).await;
    // Another guest runs in the one place.
    let report = fixture.run("echo", json!(1), Attempt::default()).await;
    assert!(report.result.is_ok());
    let slot = fixture.host.reserve().await;
    attempt.ports.finish("slow", ChildEnd::Output("7".into()));
    assert!(!parent.is_finished(), "somebody else has the place");
    drop(slot);
    assert_eq!(output(parent.await.unwrap()), json!([{"ok": 7}]));
    assert_eq!(fixture.host.free_slots(), 1);
}

#[tokio::test]
async fn a_wait_ends_with_the_attempt() {
    let fixture = Fixture::with(|config| config.max_instances = 1);
    let mut attempt = Attempt::granted(&["workflows:run"]);
    attempt.limits.wall_ms = 1_000;
    let report = waiting(&fixture, &attempt).await.await.unwrap();
    assert_eq!(report.result.unwrap_err().code, ErrorCode::DeadlineExceeded);
    assert_eq!(fixture.host.free_slots(), 1);

    let attempt = Attempt::granted(&["workflows:run"]);
    let parent = waiting(&fixture, &attempt).await;
    attempt.ports.waited(1).await;
    attempt.interrupt.stop(StopReason::Revoked);
    assert_eq!(parent.await.unwrap().result.unwrap_err().code, ErrorCode::Revoked);
    assert_eq!(fixture.host.free_slots(), 1);
}

#[tokio::test]
async fn so_many_wait_and_the_next_is_told_so() {
    let fixture = Fixture::with(|config| config.max_instances = 1);
    let mut parents = Vec::new();
    let ports: Arc<TestPorts> = Arc::default();
    for n in 1..=16 {
        let attempt = Attempt { ports: Arc::clone(&ports), ..Attempt::granted(&["workflows:run"]) };
        parents.push(waiting(&fixture, &attempt).await);
        ports.waited(n).await;
    }
    let attempt = Attempt { ports: Arc::clone(&ports), ..Attempt::granted(&["workflows:run"]) };
    let late = waiting(&fixture, &attempt).await;
    let refused = tokio::time::timeout(Duration::from_mins(1), late).await;
    let answers = output(refused.expect("it does not wait").unwrap());
    assert_eq!(answers[0]["error"]["kind"], "unavailable");
    ports.finish("slow", ChildEnd::Output("1".into()));
    for parent in parents {
        assert_eq!(output(parent.await.unwrap()), json!([{"ok": 1}]));
    }
    assert_eq!(fixture.host.free_slots(), 1);
}
