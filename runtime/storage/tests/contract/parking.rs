//! The kill switch and the pause: what is suspended is accepted and waits, and comes up when that ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use factotum_model::RunState;
use factotum_storage::finish::End;
use factotum_storage::{StorageError, accounts, organizations, suspensions, workflows};

use crate::world::World;

#[derive(Clone, Copy, Debug)]
enum Switch {
    Org,
    Account,
    Workflow,
}

const SWITCHES: [Switch; 3] = [Switch::Org, Switch::Account, Switch::Workflow];

async fn set(world: &World, switch: Switch, on: bool) -> bool {
    let (org, base, workflow, now) = (world.org.id, world.base(), world.workflow, world.now());
    world
        .write(async |tx| match (switch, on) {
            (Switch::Org, true) => suspensions::suspend_org(tx, org, now).await,
            (Switch::Org, false) => suspensions::resume_org(tx, org).await,
            (Switch::Account, true) => suspensions::suspend_account(tx, org, base, now).await,
            (Switch::Account, false) => suspensions::resume_account(tx, base).await,
            (Switch::Workflow, on) => workflows::set_paused(tx, org, workflow, on, now).await,
        })
        .await
}

on_both! {
    async fn what_was_queued_waits_and_comes_up(world: &World) {
        for switch in SWITCHES {
            let id = world.accept_one().await;
            assert!(set(world, switch, true).await, "{switch:?}");
            assert!(!set(world, switch, true).await, "{switch:?} is on already");
            assert!(world.claim(10).await.is_empty(), "{switch:?}");
            assert_eq!(world.run(id).await.state, RunState::Queued);
            assert!(set(world, switch, false).await, "{switch:?}");
            assert!(!set(world, switch, false).await, "{switch:?} is off already");
            assert_eq!(world.claim_one().await.run_id, id, "{switch:?}");
        }
    }

    async fn what_is_accepted_meanwhile_waits_and_comes_up(world: &World) {
        for switch in SWITCHES {
            set(world, switch, true).await;
            let id = world.accept_one().await;
            assert!(world.claim(10).await.is_empty(), "{switch:?}");
            set(world, switch, false).await;
            assert_eq!(world.claim_one().await.run_id, id, "{switch:?}");
        }
    }

    async fn a_retry_that_comes_due_meanwhile_waits_and_comes_up(world: &World) {
        for switch in SWITCHES {
            let id = world.accept_one().await;
            let run = world.claim_one().await;
            set(world, switch, true).await;
            assert!(world.finish(&run, End::Released).await);
            assert!(world.claim(10).await.is_empty(), "{switch:?}");
            set(world, switch, false).await;
            assert_eq!(world.claim_one().await.run_id, id, "{switch:?}");
        }
    }

    async fn all_reasons_must_go(world: &World) {
        let id = world.accept_one().await;
        for switch in SWITCHES {
            set(world, switch, true).await;
        }
        for switch in SWITCHES {
            assert!(world.claim(10).await.is_empty(), "{switch:?} is still on");
            set(world, switch, false).await;
        }
        assert_eq!(world.claim_one().await.run_id, id);
    }

    async fn others_are_not_touched(world: &World) {
        let (other_org, other_workflow) = world.another_org("Other").await;
        let key = world.key("deploy", 1, &["kv:read"], None).await;
        set(world, Switch::Account, true).await;
        let waiting = world.accept_one().await;
        let by_key = world.accept_as(key.account_id).await;
        assert_eq!(world.claim_one().await.run_id, by_key);
        set(world, Switch::Account, false).await;
        set(world, Switch::Org, true).await;
        let mut new = world.new_run();
        (new.org_id, new.workflow_id, new.account_id) = (other_org.id, other_workflow, other_org.base_account);
        let elsewhere = world.accept(new).await;
        assert_eq!(world.claim_one().await.run_id, elsewhere);
        assert_eq!(world.run(waiting).await.state, RunState::Queued);
    }

    async fn it_shows(world: &World) {
        set(world, Switch::Org, true).await;
        set(world, Switch::Account, true).await;
        set(world, Switch::Workflow, true).await;
        let org = world.read(async |tx| organizations::get(tx, world.org.id).await).await.unwrap();
        assert_eq!(org.suspended_at, Some(world.now()));
        let base = world.read(async |tx| accounts::get(tx, world.org.id, world.base()).await).await.unwrap();
        assert_eq!(base.suspended_at, Some(world.now()));
        let workflow = world.read(async |tx| workflows::find(tx, world.org.id, "echo").await).await.unwrap();
        assert_eq!(workflow.paused_at, Some(world.now()));
    }

    async fn no_run_stays_behind_when_the_switch_is_flipped_under_load(world: &World) {
        let over = Arc::new(AtomicBool::new(false));
        let mut claimers = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let (storage, over) = (world.storage.clone(), Arc::clone(&over));
            claimers.spawn(async move {
                let mut runs = Vec::new();
                loop {
                    let last = over.load(Ordering::SeqCst);
                    let batch = storage.claim(5, &mut None).await?;
                    let idle = batch.runs.is_empty();
                    runs.extend(batch.runs.into_iter().map(|run| run.run_id));
                    if idle && last {
                        return Ok::<_, StorageError>(runs);
                    }
                    tokio::task::yield_now().await;
                }
            });
        }
        let mut accepts = tokio::task::JoinSet::new();
        for _ in 0..150 {
            let (storage, new) = (world.storage.clone(), world.new_run());
            accepts.spawn(async move { storage.journal().accept(new).await.unwrap().run_id() });
        }
        for switch in SWITCHES.into_iter().cycle().take(15) {
            set(world, switch, true).await;
            set(world, switch, false).await;
        }
        let mut accepted = accepts.join_all().await;
        over.store(true, Ordering::SeqCst);
        let mut claimed: Vec<_> = claimers.join_all().await.into_iter().flat_map(Result::unwrap).collect();
        accepted.sort();
        claimed.sort();
        assert_eq!(claimed, accepted);
    }
}
