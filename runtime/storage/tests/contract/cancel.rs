//! Cancelling works in every state, and whatever still runs can no longer finish.

use std::time::Duration;

use factotum_model::{ErrorCode, RunId, RunState};
use factotum_storage::accept::NewRun;
use factotum_storage::finish::{End, Finished};
use factotum_storage::runs::{self, Ended};
use factotum_storage::signals::{self, Signal};
use factotum_storage::{sweep, workflows};

use crate::fixture::finished;
use crate::world::World;

async fn cancel(world: &World, id: RunId) -> Option<Ended> {
    let ended = world.write(async |tx| runs::cancel_run(tx, world.org.id, id, world.now()).await).await;
    world.storage.tell_cancelled(ended.as_slice(), ErrorCode::Cancelled);
    ended
}

async fn assert_cancelled(world: &World, id: RunId) {
    let run = world.run(id).await;
    assert_eq!((run.state, run.finished_at, run.due_at), (RunState::Cancelled, Some(world.now()), None));
    assert_eq!(run.error.unwrap().0, ErrorCode::Cancelled);
    assert_eq!(cancel(world, id).await, None, "it has ended already");
    assert!(world.claim(10).await.is_empty());
}

on_both! {
    async fn a_queued_run(world: &World) {
        let id = world.accept_one().await;
        let mut watcher = world.storage.watch().run(id);
        assert_eq!(cancel(world, id).await, Some(Ended { run_id: id, was_running: false }));
        assert_eq!(watcher.settled().await.unwrap().state, RunState::Cancelled);
        assert_cancelled(world, id).await;
    }

    async fn a_running_run_loses_its_lease_and_all_nodes_hear_of_it(world: &World) {
        let id = world.accept_one().await;
        let claimed = world.claim_one().await;
        assert_eq!(cancel(world, id).await, Some(Ended { run_id: id, was_running: true }));
        assert_eq!(world.storage.leased_runs().await.unwrap(), []);
        assert!(!world.finish(&claimed, End::Succeeded("1".into())).await);
        assert_cancelled(world, id).await;
        let heard = world.read(async |tx| signals::recent(tx, world.now()).await).await;
        assert_eq!(heard.iter().map(|(_, s)| *s).collect::<Vec<_>>(), [Signal::RunCancelled(id)]);
        world.clock.advance(signals::WINDOW * 5);
        assert!(world.read(async |tx| signals::recent(tx, world.now()).await).await.is_empty());
        world.write(async |tx| sweep::expired(tx, world.now()).await).await;
        assert_eq!(world.raw().await.number("SELECT count(*) FROM signals").await, 0);
    }

    async fn a_run_that_waits_for_its_retry_or_its_time(world: &World) {
        let id = world.accept_one().await;
        let claimed = world.claim_one().await;
        let later = world.now().plus(Duration::from_mins(1));
        world.finish(&claimed, End::Retry(later, ErrorCode::Trap, "boom".into())).await;
        assert!(cancel(world, id).await.is_some());
        assert_cancelled(world, id).await;
        let id = world.accept(NewRun { due_at: Some(later), ..world.new_run() }).await;
        assert!(cancel(world, id).await.is_some());
        assert_cancelled(world, id).await;
    }

    async fn a_parked_run(world: &World) {
        let pause = async |on| world.write(async |tx| workflows::set_paused(tx, world.org.id, world.workflow, on, world.now()).await).await;
        pause(true).await;
        let id = world.accept_one().await;
        assert!(cancel(world, id).await.is_some());
        pause(false).await;
        assert_cancelled(world, id).await;
    }

    async fn a_run_that_has_ended_or_is_not_there_stays_as_it_is(world: &World) {
        let id = world.accept_one().await;
        let claimed = world.claim_one().await;
        world.finish(&claimed, End::Succeeded("1".into())).await;
        assert_eq!(cancel(world, id).await, None);
        assert_eq!(world.run(id).await.state, RunState::Succeeded);
        assert_eq!(cancel(world, RunId::random()).await, None);
        let state = async |id| world.read(async |tx| runs::state_of(tx, world.org.id, id).await).await;
        assert_eq!(state(id).await, Some(RunState::Succeeded));
        assert_eq!(state(RunId::random()).await, None);
    }

    async fn what_it_wrote_until_then_is_kept(world: &World) {
        let id = world.accept_one().await;
        let claimed = world.claim_one().await;
        assert!(cancel(world, id).await.is_some());
        let wrote = |text: &str| Finished {
            log: Some(format!(r#"[{{"message":"{text}"}}]"#)),
            usage: Some(r#"{"wall_us":7}"#.into()),
            ..finished(&claimed, End::Released)
        };
        assert!(!world.storage.journal().finish(wrote("first")).await.unwrap(), "it holds nothing any more");
        assert!(!world.storage.journal().finish(wrote("second")).await.unwrap());
        let logs = world.read(async |tx| runs::logs(tx, id, 0).await).await;
        assert_eq!(logs, [(1, r#"[{"message":"first"}]"#.to_owned())]);
        assert_eq!(world.run(id).await.usage.as_deref(), Some(r#"{"wall_us":7}"#));
        assert_cancelled(world, id).await;

        // Whose lease went to another node has nothing to say.
        let other = world.accept_one().await;
        let claimed = world.claim_one().await;
        assert!(world.finish(&claimed, End::Succeeded("1".into())).await);
        let late = Finished { log: Some("[]".into()), ..finished(&claimed, End::Released) };
        assert!(!world.storage.journal().finish(late).await.unwrap());
        assert!(world.read(async |tx| runs::logs(tx, other, 0).await).await.is_empty());
    }

    async fn cancel_and_finish_at_once_leave_one_end(world: &World) {
        for _ in 0..20 {
            let id = world.accept_one().await;
            let claimed = world.claim_one().await;
            let (ended, held) = tokio::join!(cancel(world, id), world.finish(&claimed, End::Succeeded("1".into())));
            let expected = if held { RunState::Succeeded } else { RunState::Cancelled };
            assert_eq!(ended.is_some(), !held, "exactly one of them ends the run");
            assert_eq!(world.run(id).await.state, expected);
        }
    }

    async fn cancel_and_claim_at_once_leave_no_lease_behind(world: &World) {
        for _ in 0..20 {
            let id = world.accept_one().await;
            let (ended, claimed) = tokio::join!(cancel(world, id), world.claim(1));
            assert!(ended.is_some());
            for run in claimed {
                assert!(!world.finish(&run, End::Succeeded("1".into())).await);
            }
            assert_eq!(world.run(id).await.state, RunState::Cancelled);
            assert_eq!(world.storage.leased_runs().await.unwrap(), []);
        }
    }
}
