//! Stopping what runs: cancel, revocation, the kill switch, a drain.

use std::time::{Duration, Instant};

use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome};
use factotum_model::workflow::{Limits, RetryPolicy};
use factotum_model::{ErrorCode, InitiatorKind, Principal, RunState};
use factotum_storage::accept::AcceptError;
use factotum_storage::signals::Signal;
use factotum_storage::{api_keys, runs, suspensions};
use serde_json::json;

use crate::fixture::{World, now, on_both_backends};

on_both_backends! { a_spinning_run_is_cancelled a_revoked_key_stops_its_runs a_suspended_account_waits a_drain_gives_back }

async fn a_spinning_run_is_cancelled(world: World) {
    let spin = world.workflow("spin", RetryPolicy::default(), Limits::default()).await;
    let dispatcher = world.dispatcher(Duration::from_secs(5)).await;
    let id = world.call(spin, world.base, json!({})).await;
    world.until(id, RunState::Running).await;
    let mut tx = world.storage.write().await.unwrap();
    let ended = runs::cancel_run(&mut tx, world.org, id, now()).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert!(ended.was_running);
    // Nobody tells the dispatcher: it hears of the signal by itself, as on another node.
    let began = Instant::now();
    while dispatcher.metrics().running > 0 {
        assert!(began.elapsed() < Duration::from_secs(5), "it still spins");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let run = world.run(id).await;
    assert_eq!((run.state, run.error.unwrap().0), (RunState::Cancelled, ErrorCode::Cancelled));
    dispatcher.shut_down().await;
}

async fn a_revoked_key_stops_its_runs(world: World) {
    let spin = world.workflow("spin", RetryPolicy::default(), Limits::default()).await;
    let key = world.key("robot").await;
    let dispatcher = world.dispatcher(Duration::from_secs(5)).await;
    let mut ids = Vec::new();
    // Eight instances: some run, the rest queue.
    for _ in 0..12 {
        ids.push(world.call(spin, key.account_id, json!({})).await);
    }
    world.until(ids[0], RunState::Running).await;
    let mut tx = world.storage.write().await.unwrap();
    assert!(api_keys::revoke(&mut tx, world.org, key.id, now()).await.unwrap());
    let actor = Principal {
        id: key.account_id,
        kind: factotum_model::AccountKind::ApiKey,
        name: key.nickname.clone(),
    };
    let entry = |run| {
        let initiator = AuditInitiator::of(InitiatorKind::Api);
        let mut entry =
            AuditEntry::new(world.org, now(), "run.cancel", AuditOutcome::Ok, actor.clone(), initiator);
        entry.run_id = Some(run);
        entry
    };
    let ended = runs::cancel_account(&mut tx, world.org, key.account_id, entry, now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(ended.len(), 12);
    dispatcher.act_on(Signal::AccountRevoked(key.account_id));
    let began = Instant::now();
    while dispatcher.metrics().running > 0 {
        assert!(began.elapsed() < Duration::from_secs(5), "it still spins");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for id in ids {
        let run = world.run(id).await;
        assert_eq!((run.state, run.error.unwrap().0), (RunState::Cancelled, ErrorCode::Revoked));
        assert_eq!(run.principal.name, "robot", "the name stays");
        assert_eq!(world.trail(id).await, ["workflow.run", "run.cancel"]);
    }
    let refused = world.try_call(spin, key.account_id, json!({})).await;
    assert!(matches!(refused, Err(AcceptError::AccountRevoked)), "{refused:?}");
    dispatcher.shut_down().await;
}

async fn a_suspended_account_waits(world: World) {
    let echo = world.workflow("echo", RetryPolicy::default(), Limits::default()).await;
    let mut tx = world.storage.write().await.unwrap();
    assert!(suspensions::suspend_account(&mut tx, world.org, world.base, now()).await.unwrap());
    tx.commit().await.unwrap();
    let dispatcher = world.dispatcher(Duration::from_secs(5)).await;
    let held = world.call(echo, world.base, json!({"n": 1})).await;
    let key = world.key("free").await;
    let free = world.call(echo, key.account_id, json!({"n": 2})).await;
    world.until(free, RunState::Succeeded).await;
    assert_eq!(world.run(held).await.state, RunState::Queued, "the base account is switched off");
    let mut tx = world.storage.write().await.unwrap();
    assert!(suspensions::resume_account(&mut tx, world.base).await.unwrap());
    tx.commit().await.unwrap();
    dispatcher.wake();
    world.until(held, RunState::Succeeded).await;
    dispatcher.shut_down().await;
}

async fn a_drain_gives_back(world: World) {
    let spin = world.workflow("spin", RetryPolicy::default(), Limits::default()).await;
    let dispatcher = world.dispatcher(Duration::from_millis(100)).await;
    let id = world.call(spin, world.base, json!({})).await;
    world.until(id, RunState::Running).await;
    dispatcher.shut_down().await;
    let run = world.run(id).await;
    assert_eq!(run.state, RunState::Queued, "it is there for the next start");
    assert_eq!(world.trail(id).await, ["workflow.run", "run.release"]);
}
