//! How a failed attempt goes on.

use std::time::Duration;

use factotum_model::workflow::{Limits, RetryPolicy};
use factotum_model::{ErrorCode, RunState};
use serde_json::json;

use crate::fixture::{World, on_both_backends};

on_both_backends! { a_retry_succeeds exhausted_retries_are_dead a_permanent_failure_is_not_retried a_trap_has_its_code }

const THRICE: RetryPolicy = RetryPolicy { attempts: 3, backoff_ms: 20, on: Vec::new() };

async fn a_retry_succeeds(world: World) {
    let flaky = world.workflow("flaky", THRICE, Limits::default()).await;
    let dispatcher = world.dispatcher(Duration::from_secs(5)).await;
    let id = world.call(flaky, world.base, json!({"until": 3})).await;
    let run = world.until(id, RunState::Succeeded).await;
    assert_eq!(run.attempt, 3);
    assert_eq!(run.error, None, "an earlier attempt's error does not stand beside a success");
    assert_eq!(world.trail(id).await, ["workflow.run", "run.retry", "run.retry", "run.succeed"]);
    dispatcher.shut_down().await;
}

async fn exhausted_retries_are_dead(world: World) {
    let flaky = world.workflow("flaky", THRICE, Limits::default()).await;
    let dispatcher = world.dispatcher(Duration::from_secs(5)).await;
    let id = world.call(flaky, world.base, json!({"until": 9})).await;
    let run = world.until(id, RunState::Dead).await;
    assert_eq!((run.attempt, run.error.unwrap().0), (3, ErrorCode::Failed));
    dispatcher.shut_down().await;
}

async fn a_permanent_failure_is_not_retried(world: World) {
    let flaky = world.workflow("flaky", THRICE, Limits::default()).await;
    let dispatcher = world.dispatcher(Duration::from_secs(5)).await;
    let id = world.call(flaky, world.base, json!({"until": 9, "permanent": true})).await;
    let run = world.until(id, RunState::Failed).await;
    assert_eq!(run.attempt, 1);
    dispatcher.shut_down().await;
}

async fn a_trap_has_its_code(world: World) {
    let crash = world.workflow("crash", RetryPolicy::default(), Limits::default()).await;
    let dispatcher = world.dispatcher(Duration::from_secs(5)).await;
    let id = world.call(crash, world.base, json!({})).await;
    let run = world.until(id, RunState::Failed).await;
    assert_eq!(run.error.unwrap().0, ErrorCode::Trap);
    assert_eq!(world.trail(id).await, ["workflow.run", "run.fail"]);
    dispatcher.shut_down().await;
}
