//! The capabilities that a guest has: what it learns of its run, its configuration, its log and its stores.

use std::collections::BTreeMap;

use factotum_host::{LogLevel, Output};
use factotum_model::{ErrorCode, EventInput, Timestamp};
use serde_json::{Value, json};

use crate::support::{Attempt, Fixture, guest};

#[tokio::test]
async fn a_workflow_sees_its_event_and_its_run() {
    let fixture = Fixture::new();
    let report = fixture.run("echo", json!({"order": 7}), Attempt::default()).await;
    let answer = report.result.unwrap().into_value();
    assert_eq!(answer["event"]["kind"], "call");
    assert_eq!(answer["payload"], json!({"order": 7}));
    assert_eq!(answer["run"]["workflow"], "orders");
    assert_eq!(answer["run"]["attempt"], 1);
    assert_eq!(answer["run"]["principal"]["kind"], "base");
    assert_eq!(answer["run"]["initiator"]["id"], "key_1");

    let input = EventInput::Webhook {
        method: "POST".to_owned(),
        path: "/in".to_owned(),
        query: "a=b".to_owned(),
        headers: BTreeMap::from([("x-id".to_owned(), vec!["1".to_owned(), "2".to_owned()])]),
    };
    let report = fixture.run("echo", json!([1]), Attempt { input, ..Attempt::default() }).await;
    let answer = report.result.unwrap().into_value();
    assert_eq!(answer["event"]["method"], "POST");
    assert_eq!(answer["event"]["headers"]["x-id"], json!(["1", "2"]));
    assert_eq!(answer["payload"], json!([1]));

    let input =
        EventInput::Schedule { nominal_time: Timestamp::from_micros(1_794_000_000_123_456), test: false };
    let report = fixture.run("echo", Value::Null, Attempt { input, ..Attempt::default() }).await;
    assert_eq!(report.result.unwrap().into_value()["event"]["nominal_time_ms"], 1_794_000_000_123_u64);
}

/// A preview 1 module that copies standard input to standard output.
const CAT: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
    (memory (export "memory") 2)
    (func (export "_start")
        ;; No environment variables, and no folder: EBADF is 8.
        (drop (call $environ (i32.const 8) (i32.const 12)))
        (if (i32.load (i32.const 8)) (then unreachable))
        (if (i32.ne (call $prestat (i32.const 3) (i32.const 16)) (i32.const 8)) (then unreachable))
        (loop $more
            (i32.store (i32.const 0) (i32.const 1024))
            (i32.store (i32.const 4) (i32.const 65536))
            (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            (if (i32.load (i32.const 8)) (then
                (i32.store (i32.const 4) (i32.load (i32.const 8)))
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
                (br $more)))))
)"#;

#[tokio::test]
async fn a_command_reads_run_and_event_as_json() {
    let fixture = Fixture::new();
    let prepared = fixture.prepared(wat::parse_str(CAT).unwrap()).await;
    let long = "x".repeat(200_000);
    let report = fixture.invoke(&prepared, json!({"text": long}), Attempt::default()).await;
    let input = report.result.unwrap().into_value();
    assert_eq!(input["event"], json!({"kind": "call", "call": {"text": long}}));
    assert_eq!(input["run"]["workflow"], "orders");
    assert_eq!(input["run"]["attempt"], 1);
    assert!(input["run"]["id"].as_str().unwrap().starts_with("run_"));
    assert_eq!(input["run"]["principal"]["name"], "Service Account");
    assert_eq!(input["run"]["initiator"], json!({"kind": "api", "id": "key_1"}));
}

#[tokio::test]
async fn a_failure_keeps_what_the_workflow_said() {
    let fixture = Fixture::new();
    let prepared = fixture.prepared(guest("flaky")).await;
    let report = fixture.invoke(&prepared, json!({"until": 2}), Attempt::default()).await;
    let failure = report.result.unwrap_err();
    assert_eq!((failure.code, failure.permanent, failure.retry_after_ms), (ErrorCode::Failed, false, None));
    assert_eq!(failure.message, "attempt 1 fails, as told");
    let report =
        fixture.invoke(&prepared, json!({"until": 2, "retry_after_ms": 70}), Attempt::default()).await;
    assert_eq!(report.result.unwrap_err().retry_after_ms, Some(70));
    let report = fixture.invoke(&prepared, json!({"until": 2, "permanent": true}), Attempt::default()).await;
    assert!(report.result.unwrap_err().permanent);
}

#[tokio::test]
async fn log_lines_are_kept_in_order() {
    let attempt = Attempt::limited(|l| l.host_calls = 5);
    let report = Fixture::new().run("chatty", json!({"what": "log"}), attempt).await;
    assert!((1..=5).contains(&report.logs.len()), "{:?}", report.logs);
    assert!(report.logs.iter().all(|l| l.level == LogLevel::Info && l.message == "once more"));
    assert!(report.logs.is_sorted_by_key(|l| l.at_ms));
}

#[tokio::test]
async fn stores_work_with_grants() {
    let attempt = Attempt::granted(&["kv:read", "kv:write"]);
    let ops = json!({"ops": [
        {"op": "get", "key": "a"},
        {"op": "set", "key": "a", "value": 1},
        {"op": "get", "key": "a"},
        {"op": "swap", "key": "a", "expected": 9, "value": 2},
        {"op": "swap", "key": "a", "expected": 1, "value": 2},
        {"op": "set", "key": "ab", "value": [], "ttl_ms": 1000},
        {"op": "list", "prefix": "a"},
        {"op": "list", "prefix": "a", "after": "a"},
        {"op": "delete", "key": "a"},
        {"op": "delete", "key": "a"},
        {"op": "get", "key": "unavailable"},
    ]});
    let report = Fixture::new().run("kvtest", ops, attempt.clone()).await;
    let answers = report.result.unwrap().into_value();
    assert_eq!(
        answers.as_array().unwrap()[..10],
        [
            json!({"ok": null}),
            json!({"ok": null}),
            json!({"ok": {"value": 1, "version": 1}}),
            json!({"ok": null}),
            json!({"ok": 2}),
            json!({"ok": null}),
            json!({"ok": ["a", "ab"]}),
            json!({"ok": ["ab"]}),
            json!({"ok": true}),
            json!({"ok": false}),
        ]
    );
    assert_eq!(answers[10]["error"]["kind"], "unavailable");
    let stores = attempt.ports.stores.lock().unwrap();
    assert!(stores.keys().all(|(store, _)| store == "orders"), "{stores:?}");
}

#[tokio::test]
async fn without_the_grant_a_call_is_denied_and_recorded() {
    let fixture = Fixture::new();
    let attempt = Attempt::granted(&["kv:read", "kv:write:reports"]);
    let ops = json!({"ops": [{"op": "set", "key": "a", "value": 1}, {"op": "get", "key": "a"}]});
    let report = fixture.run("kvtest", ops, attempt.clone()).await;
    let answers = report.result.unwrap().into_value();
    assert_eq!(answers[0]["error"]["kind"], "denied");
    assert_eq!(answers[1], json!({"ok": null}));
    assert_eq!(attempt.ports.denials(), ["kv:write orders the grant `kv:write:orders` is needed for this"]);
    let ops = json!({"store": "reports", "ops": [{"op": "set", "key": "a", "value": 1}]});
    let report = fixture.run("kvtest", ops, attempt.clone()).await;
    assert_eq!(report.result.unwrap().into_value(), json!([{"ok": null}]));
    assert_eq!(attempt.ports.denials().len(), 1, "that one was granted");
}

#[tokio::test]
async fn keys_and_values_are_bounded() {
    let attempt = Attempt::granted(&["kv:read", "kv:write"]);
    let ops = json!({"ops": [
        {"op": "set", "key": "k".repeat(513), "value": 1},
        {"op": "set", "key": "k".repeat(512), "value": "v".repeat(1 << 20)},
        {"op": "get", "key": "k".repeat(513)},
    ]});
    let report = Fixture::new().run("kvtest", ops, attempt.clone()).await;
    let answers = report.result.unwrap().into_value();
    for n in 0..3 {
        assert_eq!(answers[n]["error"]["kind"], "too_large", "{n}");
    }
    assert!(attempt.ports.stores.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_text_that_is_no_json_is_the_output_as_it_is() {
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 16) "done\n")
        (func (export "_start")
            (i32.store (i32.const 0) (i32.const 16))
            (i32.store (i32.const 4) (i32.const 5))
            (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;
    let report = Fixture::new().run_wat(wat, Attempt::default()).await;
    assert_eq!(report.result, Ok(Output::Text("done\n".to_owned())));
}

#[tokio::test]
async fn an_exit_code_is_a_failure_with_the_last_words() {
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (data (i32.const 16) "no such order")
        (func (export "_start")
            (i32.store (i32.const 0) (i32.const 16))
            (i32.store (i32.const 4) (i32.const 13))
            (drop (call $w (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
            (call $exit (i32.const 7))))"#;
    let report = Fixture::new().run_wat(wat, Attempt::default()).await;
    let failure = report.result.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Failed);
    // The preview 1 adapter keeps only whether it failed.
    assert_eq!(failure.message, "the guest exited with a failure; its last line was: no such order");
    assert_eq!(report.logs.len(), 1);
}
