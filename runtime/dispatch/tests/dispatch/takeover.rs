//! Taking over what a node left behind.

use std::time::Duration;

use factotum_model::RunState;
use factotum_model::workflow::{Limits, RetryPolicy};
use serde_json::json;

use crate::fixture::{World, dispatcher, on_both_backends};

on_both_backends! { runs_of_a_dead_node_go_on }

/// The first node claims and vanishes; the second takes its run over, and the first can no longer finish it.
async fn runs_of_a_dead_node_go_on(world: World) {
    let echo = world.workflow("echo", RetryPolicy::default(), Limits::default()).await;
    let id = world.call(echo, world.base, json!({"n": 1})).await;
    let dead = world.second_node().await;
    let claimed = dead.claim(1, &mut None).await.unwrap().runs.remove(0);
    assert_eq!((claimed.run_id, world.run(id).await.state), (id, RunState::Running));
    let dispatcher = dispatcher(&world.storage, world.host(), Duration::from_secs(5)).await;
    let run = world.until(id, RunState::Succeeded).await;
    assert_eq!(run.attempt, 2);
    assert_eq!(world.trail(id).await, ["workflow.run", "run.recover", "run.succeed"]);
    let finished = factotum_storage::finish::Finished {
        run: std::sync::Arc::new(claimed),
        end: factotum_storage::finish::End::Succeeded("\"late\"".into()),
        log: None,
        usage: None,
    };
    assert!(!dead.journal().finish(finished).await.unwrap(), "its lease is gone");
    assert_ne!(world.run(id).await.output.as_deref(), Some("\"late\""));
    dead.close().await;
    dispatcher.shut_down().await;
}
