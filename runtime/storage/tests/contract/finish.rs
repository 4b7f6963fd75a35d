//! Finishing: fenced by lease, epoch and node; each end leaves its state, its log and its entry.

use std::time::Duration;

use factotum_model::audit::AuditOutcome;
use factotum_model::{ErrorCode, RunState};
use factotum_storage::audit_entries::AuditFilter;
use factotum_storage::finish::{End, Finished};
use factotum_storage::runs;

use crate::fixture::{finished, key_principal};
use crate::world::World;

fn done() -> End {
    End::Succeeded("{\"total\":3}".into())
}

on_both! {
    async fn a_success_is_stored_with_output_log_usage_and_entry(world: &World) {
        let key = world.key("deploy", 1, &["kv:read"], None).await;
        let id = world.accept_as(key.account_id).await;
        let claimed = world.claim_one().await;
        let mut watcher = world.storage.watch().run(id);
        world.clock.advance(Duration::from_millis(5));
        let end = Finished {
            log: Some("[{\"message\":\"hi \\u0000 there\"}]".into()),
            usage: Some("{\"cpu_ms\":1}".into()),
            ..finished(&claimed, done())
        };
        assert!(world.storage.journal().finish(end).await.unwrap());
        assert_eq!(watcher.settled().await.unwrap().output.as_deref(), Some("{\"total\":3}"));
        let run = world.run(id).await;
        assert_eq!((run.state, run.attempt, run.finished_at), (RunState::Succeeded, 1, Some(world.now())));
        assert_eq!((run.output.as_deref(), run.error, run.usage.as_deref()), (Some("{\"total\":3}"), None, Some("{\"cpu_ms\":1}")));
        let logs = world.read(async |tx| runs::logs(tx, id, 0).await).await;
        assert_eq!(logs, [(1, "[{\"message\":\"hi \\u0000 there\"}]".to_owned())]);
        let entries = world.entries(&AuditFilter { run: Some(id), action: Some("run.*".into()), ..AuditFilter::default() }).await;
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].action.as_str(), entries[0].outcome), ("run.succeed", AuditOutcome::Ok));
        assert_eq!(entries[0].actor, key_principal(&key), "a run's entries name the account it ran as");
        assert_eq!((entries[0].attempt, entries[0].workflow.as_deref()), (Some(1), Some("echo")));
        assert_eq!(world.storage.leased_runs().await.unwrap(), []);
    }

    async fn each_failure_has_its_state_and_entry(world: &World) {
        let ends = [
            (End::Failed(ErrorCode::Trap, "unreachable".into()), RunState::Failed, "run.fail"),
            (End::Dead(ErrorCode::Failed, "third time".into()), RunState::Dead, "run.dead"),
        ];
        for (end, state, action) in ends {
            let id = world.accept_one().await;
            let mut watcher = world.storage.watch().run(id);
            let claimed = world.claim_one().await;
            assert!(world.finish(&claimed, end.clone()).await);
            let run = world.run(id).await;
            let (End::Failed(code, message) | End::Dead(code, message)) = end else { unreachable!("listed above") };
            assert_eq!((run.state, run.error), (state, Some((code, message.clone()))));
            assert_eq!(run.finished_at, Some(world.now()));
            assert_eq!(watcher.settled().await.unwrap().error, Some((code, message)));
            assert_eq!(world.actions_of(id).await, ["workflow.run", action]);
        }
    }

    async fn a_retry_is_due_when_asked_and_counts(world: &World) {
        let id = world.accept_one().await;
        let claimed = world.claim_one().await;
        let later = world.now().plus(Duration::from_secs(5));
        assert!(world.finish(&claimed, End::Retry(later, ErrorCode::Trap, "boom".into())).await);
        let run = world.run(id).await;
        assert_eq!((run.state, run.due_at, run.finished_at), (RunState::Queued, Some(later), None));
        assert_eq!(run.error, Some((ErrorCode::Trap, "boom".to_owned())));
        assert_eq!(world.storage.claim(1, &mut None).await.unwrap().next_due, Some(later));
        world.clock.advance(Duration::from_secs(5));
        let again = world.claim_one().await;
        assert_eq!((again.attempt, again.lost), (2, 0));
        assert!(again.epoch > claimed.epoch);
        assert!(world.finish(&again, done()).await);
        let run = world.run(id).await;
        assert_eq!((run.state, run.attempt, run.error), (RunState::Succeeded, 2, None));
        assert_eq!(world.actions_of(id).await, ["workflow.run", "run.retry", "run.succeed"]);
    }

    async fn a_released_run_goes_on_elsewhere_and_is_not_charged(world: &World) {
        let id = world.accept_one().await;
        let claimed = world.claim_one().await;
        assert!(world.finish(&claimed, End::Released).await);
        let again = world.claim_one().await;
        assert_eq!((again.run_id, again.attempt, again.lost), (id, 2, 1));
        assert_eq!(world.actions_of(id).await, ["workflow.run", "run.release"]);
    }

    async fn who_has_no_lease_changes_nothing(world: &World) {
        let id = world.accept_one().await;
        let claimed = world.claim_one().await;
        let other = world.another_node().await;
        assert!(!other.journal().finish(finished(&claimed, done())).await.unwrap(), "another node");
        let mut stale = claimed.clone();
        stale.epoch -= 1;
        assert!(!world.finish(&stale, done()).await, "another epoch");
        assert_eq!(world.run(id).await.state, RunState::Running);
        assert!(world.finish(&claimed, done()).await);
        assert!(!world.finish(&claimed, End::Failed(ErrorCode::Trap, "late".into())).await, "twice");
        assert_eq!(world.run(id).await.state, RunState::Succeeded);
        assert_eq!(world.actions_of(id).await, ["workflow.run", "run.succeed"]);
        other.close().await;
    }

    async fn a_batch_of_ends_is_told_apart(world: &World) {
        for _ in 0..90 {
            world.accept_one().await;
        }
        let claimed = world.claim(100).await;
        let mut tasks = tokio::task::JoinSet::new();
        for (n, run) in claimed.iter().enumerate() {
            let mut run = run.clone();
            if n % 3 == 0 {
                run.epoch += 1;
            }
            let end = if n % 3 == 1 { done() } else { End::Failed(ErrorCode::Trap, format!("{n}")) };
            let storage = world.storage.clone();
            tasks.spawn(async move { (n, storage.journal().finish(finished(&run, end)).await.unwrap()) });
        }
        for (n, held) in tasks.join_all().await {
            assert_eq!(held, n % 3 != 0, "{n}");
            let state = world.run(claimed[n].run_id).await.state;
            let expected = [RunState::Running, RunState::Succeeded, RunState::Failed][n % 3];
            assert_eq!(state, expected, "{n}");
        }
    }

    async fn a_message_may_hold_any_character(world: &World) {
        let id = world.accept_one().await;
        let claimed = world.claim_one().await;
        assert!(world.finish(&claimed, End::Failed(ErrorCode::Failed, "a\u{0}b\u{1b}[31m é".into())).await);
        let (_, message) = world.run(id).await.error.unwrap();
        assert!(message.starts_with('a') && message.ends_with("b\u{1b}[31m é"), "{message:?}");
    }
}
