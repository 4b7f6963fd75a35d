//! Every limit with a guest that runs into it: each has its own code, and no guest disturbs the others.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use factotum_host::{Output, Report, StopReason};
use factotum_model::ErrorCode;
use serde_json::{Value, json};

use crate::support::{Attempt, Fixture, guest};

fn code(report: &Report) -> ErrorCode {
    report.result.as_ref().expect_err("the guest fails").code
}

fn message(report: &Report) -> &str {
    &report.result.as_ref().expect_err("the guest fails").message
}

#[tokio::test]
async fn a_command_answers() {
    let report = Fixture::new().run("hello", Value::Null, Attempt::default()).await;
    assert_eq!(report.result, Ok(Output::Json(json!({"ok": true}))));
    assert!(report.usage.memory_peak_bytes >= 64 << 10, "{:?}", report.usage);
    assert!(report.usage.cpu_us > 0 && report.usage.wall_us > 0, "{:?}", report.usage);
}

#[tokio::test]
async fn spinning_ends_with_the_cpu_limit() {
    let report = Fixture::new().run("spin", Value::Null, Attempt::limited(|l| l.cpu_ms = 200)).await;
    assert_eq!(code(&report), ErrorCode::CpuLimit);
    assert!((200_000..2_000_000).contains(&report.usage.cpu_us), "{:?}", report.usage);
}

#[tokio::test]
async fn spinning_ends_with_the_deadline_if_that_comes_first() {
    let report = Fixture::new().run("spin", Value::Null, Attempt::limited(|l| l.wall_ms = 100)).await;
    assert_eq!(code(&report), ErrorCode::DeadlineExceeded);
}

#[tokio::test]
async fn sleeping_ends_with_the_deadline_and_costs_no_cpu() {
    let attempt = Attempt::limited(|l| (l.wall_ms, l.cpu_ms) = (300, 200));
    let report = Fixture::new().run("sleeper", json!({"ms": 600_000}), attempt).await;
    assert_eq!(code(&report), ErrorCode::DeadlineExceeded);
    assert!(report.usage.cpu_us < 200_000, "{:?}", report.usage);
}

#[tokio::test]
async fn four_gigabytes_in_small_steps_end_with_the_memory_limit() {
    for step_bytes in [1_u64 << 20, 16 << 20, 1 << 30] {
        let report = Fixture::new().run("hog", json!({"step_bytes": step_bytes}), Attempt::default()).await;
        assert_eq!(code(&report), ErrorCode::MemoryLimit, "{step_bytes}: {}", message(&report));
        assert!(report.usage.memory_peak_bytes <= 256 << 20, "{:?}", report.usage);
    }
}

#[tokio::test]
async fn the_total_of_many_memories_is_limited() {
    // Three memories of 100 MiB each, none of which is over the limit.
    let wat = r#"(component
        (core module $m
            (memory 1) (memory 1) (memory 1)
            (func (export "run") (result i32)
                (if (i32.lt_s (memory.grow 0 (i32.const 1600)) (i32.const 0)) (then (return (i32.const 1))))
                (if (i32.lt_s (memory.grow 1 (i32.const 1600)) (i32.const 0)) (then (return (i32.const 1))))
                (if (i32.lt_s (memory.grow 2 (i32.const 1600)) (i32.const 0)) (then (return (i32.const 1))))
                (i32.const 0)))
        (core instance $i (instantiate $m))
        (func $run (result (result)) (canon lift (core func $i "run")))
        (instance $e (export "run" (func $run)))
        (export "wasi:cli/run@0.2.0" (instance $e)))"#;
    let fixture = Fixture::new();
    let report = fixture.run_wat(wat, Attempt::default()).await;
    assert_eq!(code(&report), ErrorCode::MemoryLimit);
    let roomy = fixture.run_wat(wat, Attempt::limited(|l| l.memory_bytes = 301 << 20)).await;
    assert_eq!(roomy.result, Ok(Output::None));
}

#[tokio::test]
async fn a_guest_that_copes_with_less_memory_succeeds() {
    let wat = r#"(component
        (core module $m
            (memory 1)
            (func (export "run") (result i32)
                (drop (memory.grow (i32.const 60000)))
                (i32.const 0)))
        (core instance $i (instantiate $m))
        (func $run (result (result)) (canon lift (core func $i "run")))
        (instance $e (export "run" (func $run)))
        (export "wasi:cli/run@0.2.0" (instance $e)))"#;
    let report = Fixture::new().run_wat(wat, Attempt::default()).await;
    assert_eq!(report.result, Ok(Output::None));
}

#[tokio::test]
async fn output_and_log_are_bounded_as_they_are_written() {
    let fixture = Fixture::new();
    let attempt = Attempt::limited(|l| (l.output_bytes, l.log_bytes) = (10_000, 20_000));
    let output = fixture.run("babble", Value::Null, attempt.clone()).await;
    assert_eq!(code(&output), ErrorCode::OutputLimit);
    let log = fixture.run("babble", json!({"to": "log"}), attempt).await;
    assert_eq!(code(&log), ErrorCode::LogLimit);
    assert!((1..=5).contains(&log.logs.len()), "what fitted is kept: {}", log.logs.len());
}

#[tokio::test]
async fn a_workflows_answer_is_bounded() {
    let attempt = Attempt::limited(|l| l.output_bytes = 100);
    let report = Fixture::new().run("echo", json!({"text": "x".repeat(200)}), attempt).await;
    assert_eq!(code(&report), ErrorCode::OutputLimit);
}

#[tokio::test]
async fn host_calls_are_bounded() {
    let fixture = Fixture::new();
    for what in ["run", "config", "kv", "log"] {
        let attempt = Attempt::limited(|l| (l.host_calls, l.log_bytes) = (1_000, 16 << 20));
        let report = fixture.run("chatty", json!({"what": what}), attempt).await;
        assert_eq!(code(&report), ErrorCode::HostCallLimit, "{what}");
        assert_eq!(report.usage.host_calls, 1_001, "{what}");
    }
}

#[tokio::test]
async fn a_trap_says_where_and_what_the_guest_said_last() {
    let fixture = Fixture::new();
    for how in ["panic", "unreachable", "abort"] {
        let report = fixture.run("crash", json!({"how": how}), Attempt::default()).await;
        assert_eq!(code(&report), ErrorCode::Trap, "{how}");
        assert!(message(&report).contains("unreachable"), "{how}: {}", message(&report));
    }
    let report = fixture.run("crash", json!({"how": "panic"}), Attempt::default()).await;
    assert!(message(&report).contains("its last line was: crash was told to panic"), "{}", message(&report));
    assert!(report.logs.iter().any(|l| l.message.contains("crash was told to panic")), "{:?}", report.logs);
    let report = fixture.run("crash", json!({"how": "exit"}), Attempt::default()).await;
    assert_eq!((code(&report), message(&report)), (ErrorCode::Failed, "the guest exited with a failure"));
}

#[tokio::test]
async fn endless_recursion_ends_with_stack_overflow() {
    let report = Fixture::new().run("recurse", Value::Null, Attempt::default()).await;
    assert_eq!(code(&report), ErrorCode::StackOverflow, "{}", message(&report));
}

#[tokio::test]
async fn a_spinning_guest_is_stopped_from_outside() {
    let fixture = Fixture::new();
    let prepared = fixture.prepared(guest("spin")).await;
    for (reason, expected) in [
        (StopReason::Cancelled, ErrorCode::Cancelled),
        (StopReason::Revoked, ErrorCode::Revoked),
        (StopReason::LeaseLost, ErrorCode::Cancelled),
    ] {
        let attempt = Attempt::default();
        let stopped_at = Mutex::new(None);
        let stop = async {
            attempt.ports.asked(3).await;
            *stopped_at.lock().unwrap() = Some(Instant::now());
            attempt.interrupt.stop(reason);
        };
        let (report, ()) = tokio::join!(fixture.invoke(&prepared, Value::Null, attempt.clone()), stop);
        assert_eq!(code(&report), expected);
        let took = stopped_at.into_inner().unwrap().expect("stopped").elapsed();
        assert!(took < Duration::from_millis(500), "{took:?}");
    }
}

#[tokio::test]
async fn a_spinning_guest_whose_account_is_revoked_stops_by_itself() {
    let fixture = Fixture::new();
    let attempt = Attempt::default();
    let prepared = fixture.prepared(guest("spin")).await;
    let revoke = async {
        attempt.ports.asked(2).await;
        *attempt.ports.stop.lock().unwrap() = Some(StopReason::Revoked);
    };
    let (report, ()) = tokio::join!(fixture.invoke(&prepared, Value::Null, attempt.clone()), revoke);
    assert_eq!(code(&report), ErrorCode::Revoked);
}

#[tokio::test]
async fn a_run_that_is_over_before_it_begins_does_not_begin() {
    let fixture = Fixture::new();
    let attempt = Attempt::default();
    *attempt.ports.stop.lock().unwrap() = Some(StopReason::LeaseLost);
    let report = fixture.run("hello", Value::Null, attempt).await;
    assert_eq!(code(&report), ErrorCode::Cancelled);
    assert_eq!(report.usage.memory_peak_bytes, 0, "nothing was instantiated");
}

#[tokio::test]
async fn a_sleeping_guest_is_stopped_from_outside() {
    let fixture = Fixture::new();
    let attempt = Attempt::default();
    let prepared = fixture.prepared(guest("sleeper")).await;
    let began = Instant::now();
    let call = fixture.invoke(&prepared, json!({"ms": 600_000}), attempt.clone());
    // Polled after the guest fell asleep, on this one thread.
    let (report, ()) = tokio::join!(biased; call, async { attempt.interrupt.stop(StopReason::Cancelled) });
    assert_eq!(code(&report), ErrorCode::Cancelled);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

/// On one thread: if a spinning guest did not yield, nothing else would ever run.
#[tokio::test]
async fn others_keep_running_beside_spinning_guests() {
    let fixture = Fixture::new();
    let spin = fixture.prepared(guest("spin")).await;
    let hello = fixture.prepared(guest("hello")).await;
    let spinning = Attempt::default();
    let spins = async {
        tokio::join!(
            fixture.invoke(&spin, Value::Null, spinning.clone()),
            fixture.invoke(&spin, Value::Null, spinning.clone()),
        )
    };
    let others = async {
        spinning.ports.asked(2).await;
        for _ in 0..10 {
            let report = fixture.invoke(&hello, Value::Null, Attempt::default()).await;
            assert_eq!(report.result, Ok(Output::Json(json!({"ok": true}))));
        }
        spinning.interrupt.stop(StopReason::Cancelled);
    };
    let ((first, second), ()) = tokio::join!(spins, others);
    assert_eq!((code(&first), code(&second)), (ErrorCode::Cancelled, ErrorCode::Cancelled));
}

/// Each computes for long, so they take turns; the deadline and the CPU limit hold for each all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_that_compute_for_long_take_turns() {
    let fixture = Fixture::new();
    let spin = fixture.prepared(guest("spin")).await;
    let spins = (0..6).map(|_| fixture.invoke(&spin, Value::Null, Attempt::limited(|l| l.cpu_ms = 60)));
    let mut spins: Vec<_> = spins.map(Box::pin).collect();
    // Polled together: none of them may starve.
    let mut codes = Vec::new();
    std::future::poll_fn(|cx| {
        spins.retain_mut(|spin| match spin.as_mut().poll(cx) {
            std::task::Poll::Ready(report) => {
                codes.push(code(&report));
                false
            }
            std::task::Poll::Pending => true,
        });
        if spins.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    assert_eq!(codes, [ErrorCode::CpuLimit; 6]);
    assert_eq!(fixture.host.memory_bytes(), 0);
}

#[tokio::test]
async fn all_guests_together_are_bounded_in_memory() {
    let fixture = Fixture::with(|config| config.max_memory_bytes = 100 << 20);
    let report = fixture.run("hog", json!({"bytes": 200 << 20}), Attempt::default()).await;
    assert_eq!(code(&report), ErrorCode::MemoryLimit);
    assert!(message(&report).contains("all guests together"), "{}", message(&report));
    assert_eq!(fixture.host.memory_bytes(), 0, "it came back");
    let report = fixture.run("hog", json!({"bytes": 50 << 20}), Attempt::default()).await;
    assert!(report.result.is_ok(), "{:?}", report.result);
}

#[tokio::test]
async fn the_pool_holds_as_many_guests_as_there_are_slots() {
    let fixture = Fixture::new();
    let prepared = fixture.prepared(guest("sleeper")).await;
    let attempt = Attempt::default();
    let calls: Vec<_> = (0..fixture.host.capacity())
        .map(|_| Box::pin(fixture.invoke(&prepared, json!({"ms": 600_000}), attempt.clone())))
        .collect();
    let mut calls = calls;
    // All of them run up to their sleep.
    for call in &mut calls {
        let polled =
            std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx).is_pending())).await;
        assert!(polled);
    }
    assert_eq!(fixture.host.free_slots(), 0);
    assert!(fixture.host.try_reserve().is_none());
    // Half are dropped, half are stopped; both give their slots back.
    calls.truncate(4);
    assert_eq!(fixture.host.free_slots(), 4);
    attempt.interrupt.stop(StopReason::Cancelled);
    for call in calls {
        assert_eq!(code(&call.await), ErrorCode::Cancelled);
    }
    assert_eq!(fixture.host.free_slots(), fixture.host.capacity());
}
