//! Claiming: as many as asked for, the longest due first, organizations in turn, no run twice.

use std::collections::HashSet;
use std::time::Duration;

use factotum_model::{ErrorCode, OrgId, RunState};
use factotum_storage::accept::NewRun;
use factotum_storage::{StorageError, api_keys, workflows};

use crate::fixture::{grants, workflow};
use crate::world::World;

impl World {
    async fn accept_in(
        &self,
        org: &(factotum_storage::organizations::Organization, factotum_model::WorkflowId),
    ) {
        let (org_id, workflow_id, account_id) = (org.0.id, org.1, org.0.base_account);
        self.accept(NewRun { org_id, workflow_id, account_id, ..self.new_run() }).await;
    }
}

on_both! {
    async fn a_claim_takes_as_many_as_asked_for_and_the_longest_due_first(world: &World) {
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.push(world.accept_one().await);
            world.clock.advance(Duration::from_millis(1));
        }
        let first: Vec<_> = world.claim(2).await.iter().map(|r| r.run_id).collect();
        assert_eq!(first, ids[..2]);
        let rest: Vec<_> = world.claim(10).await.iter().map(|r| r.run_id).collect();
        assert_eq!(rest, ids[2..]);
        let batch = world.storage.claim(10, &mut None).await.unwrap();
        assert!(batch.runs.is_empty() && !batch.more && batch.next_due.is_none());
        let run = world.run(ids[0]).await;
        assert_eq!((run.state, run.attempt, run.started_at), (RunState::Running, 1, Some(world.now())));
    }

    async fn nothing_is_claimed_without_a_free_instance(world: &World) {
        world.accept_one().await;
        assert!(world.claim(0).await.is_empty());
        assert_eq!(world.claim(1).await.len(), 1);
    }

    async fn organizations_take_turns(world: &World) {
        let mut orgs = vec![(world.org.clone(), world.workflow)];
        for n in 0..3 {
            orgs.push(world.another_org(&format!("Org {n}")).await);
        }
        // The first floods, the others have a little.
        for _ in 0..60 {
            world.accept_in(&orgs[0]).await;
        }
        for org in &orgs[1..] {
            for _ in 0..3 {
                world.accept_in(org).await;
            }
        }
        let mut after = None;
        let mut served: Vec<OrgId> = Vec::new();
        for _ in 0..12 {
            let batch = world.storage.claim(2, &mut after).await.unwrap();
            assert!(batch.runs.len() <= 2);
            served.extend(batch.runs.iter().map(|r| r.org_id));
        }
        for org in &orgs[1..] {
            assert_eq!(served.iter().filter(|id| **id == org.0.id).count(), 3, "nobody waits for the flood to end");
        }
        // One call with many instances serves all of them.
        for org in &orgs[1..] {
            world.accept_in(org).await;
        }
        let batch = world.storage.claim(8, &mut None).await.unwrap();
        let served: HashSet<_> = batch.runs.iter().map(|r| r.org_id).collect();
        assert_eq!(served.len(), 4);
    }

    async fn organizations_whose_runs_are_for_later_hide_nobody(world: &World) {
        let later = world.now().plus(Duration::from_hours(1));
        let mut last = None;
        for n in 0..70 {
            let org = world.another_org(&format!("Org {n}")).await;
            let (org_id, workflow_id, account_id) = (org.0.id, org.1, org.0.base_account);
            world.accept(NewRun { org_id, workflow_id, account_id, due_at: Some(later), ..world.new_run() }).await;
            last = Some(org);
        }
        world.accept_in(&last.unwrap()).await;
        let mut after = None;
        let mut claimed = 0;
        for _ in 0..3 {
            claimed += world.storage.claim(10, &mut after).await.unwrap().runs.len();
        }
        assert_eq!(claimed, 1);
    }

    async fn no_run_is_leased_twice(world: &World) {
        let other = world.another_node().await;
        for _ in 0..300 {
            world.accept_one().await;
        }
        let mut claimers = tokio::task::JoinSet::new();
        for n in 0..8 {
            let storage = if n % 2 == 0 { world.storage.clone() } else { other.clone() };
            claimers.spawn(async move {
                let (mut ids, mut after) = (Vec::new(), None);
                loop {
                    let batch = storage.claim(7, &mut after).await?;
                    if batch.runs.is_empty() && !batch.more {
                        return Ok::<_, StorageError>(ids);
                    }
                    ids.extend(batch.runs.iter().map(|r| r.run_id));
                }
            });
        }
        let ids: Vec<_> = claimers.join_all().await.into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(ids.len(), ids.iter().collect::<HashSet<_>>().len(), "a run was leased twice");
        // A claimer may see another's rows locked and stop early; what is left is claimed now.
        assert_eq!(ids.len() + world.claim(300).await.len(), 300);
        let leased = world.storage.leased_runs().await.unwrap().len() + other.leased_runs().await.unwrap().len();
        assert_eq!(leased, 300);
        other.close().await;
    }

    async fn authority_is_narrowed_once_more_by_what_the_workflow_may_now(world: &World) {
        let id = world.accept_one().await;
        world.write(async |tx| workflow(tx, &world.org, "echo", &["kv:read"], None).await).await;
        let claimed = world.claim_one().await;
        assert_eq!(claimed.authority.grants(), &grants(&["kv:read"]));
        assert_eq!(claimed.workflow_version, 1, "it runs the version it was accepted with");
        assert_eq!(world.run(id).await.authority, ["http:request", "kv:read", "kv:write"], "as frozen");
    }

    async fn a_run_whose_account_or_workflow_is_gone_ends_instead(world: &World) {
        let key = world.key("deploy", 1, &["kv:read"], Some(world.now().plus(Duration::from_mins(1)))).await;
        let expired = world.accept_as(key.account_id).await;
        let mut watcher = world.storage.watch().run(expired);
        world.clock.advance(Duration::from_mins(1));
        assert!(world.claim(10).await.is_empty());
        let run = world.run(expired).await;
        assert_eq!((run.state, run.error.unwrap().0), (RunState::Cancelled, ErrorCode::Revoked));
        assert_eq!(watcher.settled().await.unwrap().state, RunState::Cancelled);
        assert_eq!(world.actions_of(expired).await, ["workflow.run", "run.cancel"]);
        let gone = world.workflow("gone", &[], None).await;
        let id = world.accept(NewRun { workflow_id: gone, ..world.new_run() }).await;
        world.write(async |tx| workflows::delete(tx, world.org.id, gone, world.now()).await).await;
        assert!(world.claim(10).await.is_empty());
        assert_eq!(world.run(id).await.state, RunState::Cancelled);
        assert_eq!(world.raw().await.number("SELECT count(*) FROM ready").await, 0);
        let reaped = world.read(async |tx| api_keys::expired(tx, world.now(), 10).await).await;
        assert_eq!(reaped, [(world.org.id, key.id)]);
    }
}
