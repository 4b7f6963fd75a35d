//! A workflow's limit of runs at a time: beyond it runs wait without being looked at, and none is forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use factotum_model::{ErrorCode, RunId, WorkflowId};
use factotum_storage::accept::NewRun;
use factotum_storage::finish::End;
use factotum_storage::recover::Dead;
use factotum_storage::{StorageError, runs, suspensions};

use crate::world::World;

fn done() -> End {
    End::Succeeded("1".into())
}

impl World {
    async fn accept_some(&self, workflow_id: WorkflowId, n: usize) -> Vec<RunId> {
        let mut ids = Vec::new();
        for _ in 0..n {
            ids.push(self.accept(NewRun { workflow_id, ..self.new_run() }).await);
            self.clock.advance(Duration::from_millis(1));
        }
        ids
    }
}

on_both! {
    async fn beyond_the_limit_runs_wait_and_come_up_in_order(world: &World) {
        let limited = world.workflow("limited", &[], Some(2)).await;
        let ids = world.accept_some(limited, 5).await;
        let mut going = world.claim(10).await;
        assert_eq!(going.iter().map(|r| r.run_id).collect::<Vec<_>>(), ids[..2]);
        assert!(world.claim(10).await.is_empty(), "parked, not spun on");
        assert_eq!(world.storage.claim(10, &mut None).await.unwrap().runs.len(), 0);
        for id in &ids[2..] {
            assert!(world.finish(&going.remove(0), done()).await);
            let run = world.claim_one().await;
            assert_eq!(run.run_id, *id);
            going.push(run);
        }
    }

    async fn the_limit_holds_for_two_nodes_under_load(world: &World) {
        let other = world.another_node().await;
        let limited = world.workflow("limited", &[], Some(3)).await;
        world.accept_some(limited, 60).await;
        let (going, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut workers = tokio::task::JoinSet::new();
        for n in 0..4 {
            let storage = if n % 2 == 0 { world.storage.clone() } else { other.clone() };
            let (going, ended) = (Arc::clone(&going), Arc::clone(&ended));
            workers.spawn(async move {
                while ended.load(Ordering::SeqCst) < 60 {
                    for run in storage.claim(2, &mut None).await?.runs {
                        assert!(going.fetch_add(1, Ordering::SeqCst) < 3, "more than three at a time");
                        tokio::task::yield_now().await;
                        // Before the finish commits, since the next may begin right after.
                        going.fetch_sub(1, Ordering::SeqCst);
                        assert!(storage.journal().finish(crate::fixture::finished(&run, done())).await?);
                        ended.fetch_add(1, Ordering::SeqCst);
                    }
                    tokio::task::yield_now().await;
                }
                Ok::<_, StorageError>(())
            });
        }
        let all = async {
            for outcome in workers.join_all().await {
                outcome.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_mins(1), all).await.expect("a run was left behind");
        other.close().await;
    }

    async fn a_cancelled_run_gives_its_turn_to_the_next(world: &World) {
        let limited = world.workflow("limited", &[], Some(1)).await;
        let ids = world.accept_some(limited, 4).await;
        let first = world.claim_one().await;
        assert!(world.claim(10).await.is_empty());
        assert!(world.finish(&first, done()).await);
        // The second has come up, but is cancelled before it is claimed.
        let cancel = async |id| world.write(async |tx| runs::cancel_run(tx, world.org.id, id, world.now()).await).await;
        assert!(cancel(ids[1]).await.is_some());
        let third = world.claim_one().await;
        assert_eq!(third.run_id, ids[2]);
        assert!(world.claim(10).await.is_empty());
        // The third is cancelled while it runs.
        assert!(cancel(ids[2]).await.unwrap().was_running);
        assert_eq!(world.claim_one().await.run_id, ids[3]);
    }

    async fn runs_that_waited_for_two_reasons_come_up_when_both_are_gone(world: &World) {
        let limited = world.workflow("limited", &[], Some(1)).await;
        let ids = world.accept_some(limited, 2).await;
        let first = world.claim_one().await;
        assert!(world.claim(10).await.is_empty());
        world.write(async |tx| suspensions::suspend_org(tx, world.org.id, world.now()).await).await;
        assert!(world.finish(&first, done()).await);
        assert!(world.claim(10).await.is_empty());
        world.write(async |tx| suspensions::resume_org(tx, world.org.id).await).await;
        assert_eq!(world.claim_one().await.run_id, ids[1]);
    }

    async fn a_turn_that_cannot_be_taken_goes_to_the_next(world: &World) {
        let limited = world.workflow("limited", &[], Some(1)).await;
        let key = world.key("deploy", 1, &["kv:read"], None).await;
        world.accept_some(limited, 1).await;
        world.accept(NewRun { workflow_id: limited, account_id: key.account_id, ..world.new_run() }).await;
        let last = world.accept_some(limited, 1).await;
        let first = world.claim_one().await;
        assert!(world.claim(10).await.is_empty());
        world.write(async |tx| suspensions::suspend_account(tx, world.org.id, key.account_id, world.now()).await).await;
        assert!(world.finish(&first, done()).await);
        let claimed = loop {
            let batch = world.storage.claim(10, &mut None).await.unwrap();
            if !batch.runs.is_empty() || !batch.more {
                break batch.runs;
            }
        };
        assert_eq!(claimed.iter().map(|r| r.run_id).collect::<Vec<_>>(), last);
    }

    async fn a_limit_set_while_runs_go_on_is_kept_and_lets_runs_come_up(world: &World) {
        let workflow = world.workflow("grows", &[], None).await;
        let ids = world.accept_some(workflow, 2).await;
        let going = world.claim(1).await;
        world.workflow("grows", &[], Some(1)).await;
        assert!(world.claim(10).await.is_empty(), "one goes on already");
        assert!(world.finish(&going[0], done()).await);
        let second = world.claim_one().await;
        assert_eq!(second.run_id, ids[1]);
        let more = world.accept_some(workflow, 2).await;
        assert!(world.claim(10).await.is_empty());
        world.workflow("grows", &[], None).await;
        let claimed: Vec<_> = world.claim(10).await.iter().map(|r| r.run_id).collect();
        assert_eq!(claimed, more, "without limit all come up");
    }

    async fn retries_and_dead_nodes_give_their_places_back(world: &World) {
        let limited = world.workflow("limited", &[], Some(1)).await;
        let ids = world.accept_some(limited, 2).await;
        let first = world.claim_one().await;
        assert!(world.claim(10).await.is_empty());
        let later = world.now().plus(Duration::from_mins(1));
        assert!(world.finish(&first, End::Retry(later, ErrorCode::Failed, "again".into())).await);
        assert_eq!(world.claim_one().await.run_id, ids[1]);
        let other = world.another_node().await;
        assert_eq!(other.recover(Dead::AllOthers).await.unwrap(), 1);
        world.clock.advance(Duration::from_mins(1));
        let again = other.claim(10, &mut None).await.unwrap().runs;
        assert_eq!(again.len(), 1);
        assert!(other.journal().finish(crate::fixture::finished(&again[0], done())).await.unwrap());
        assert_eq!(other.claim(10, &mut None).await.unwrap().runs.len(), 1);
        other.close().await;
    }
}
