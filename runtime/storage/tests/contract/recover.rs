//! Recovery: what a dead node ran is run again, what a live one runs is left alone, and the dead one's late finish is refused.

use std::time::Duration;

use factotum_model::{InitiatorKind, RunState};
use factotum_storage::audit_entries::AuditFilter;
use factotum_storage::claim::{self, Claimed};
use factotum_storage::finish::End;
use factotum_storage::nodes;
use factotum_storage::recover::Dead;

use crate::fixture::finished;
use crate::world::World;

on_both! {
    async fn a_silent_nodes_runs_are_taken_over(world: &World) {
        let id = world.accept_one().await;
        let claimed = world.claim_one().await;
        let other = world.another_node().await;
        other.heartbeat("other").await.unwrap();
        // This node has never been heard of.
        assert_eq!(other.recover(Dead::SilentFor(Duration::from_secs(10))).await.unwrap(), 1);
        assert_eq!(world.run(id).await.state, RunState::Queued);
        assert!(!world.finish(&claimed, End::Succeeded("1".into())).await, "a late finish is refused");
        let again = other.claim(10, &mut None).await.unwrap().runs;
        assert_eq!((again[0].run_id, again[0].attempt, again[0].lost), (id, 2, 1));
        assert!(!world.finish(&claimed, End::Succeeded("1".into())).await, "and so it is while another runs it");
        assert!(other.journal().finish(finished(&again[0], End::Succeeded("2".into()))).await.unwrap());
        assert_eq!(world.run(id).await.output.as_deref(), Some("2"));
        let entries = world.entries(&AuditFilter { run: Some(id), action: Some("run.recover".into()), ..AuditFilter::default() }).await;
        assert_eq!(entries.len(), 1);
        assert_eq!((&entries[0].actor, entries[0].initiator.kind), (&world.base_principal(), InitiatorKind::System), "I20");
        other.close().await;
    }

    async fn a_live_nodes_runs_are_left_alone(world: &World) {
        let id = world.accept_one().await;
        world.storage.heartbeat("this").await.unwrap();
        let claimed = world.claim_one().await;
        let other = world.another_node().await;
        assert_eq!(other.recover(Dead::SilentFor(Duration::from_hours(1))).await.unwrap(), 0);
        assert_eq!(world.storage.recover(Dead::AllOthers).await.unwrap(), 0, "its own are never taken over");
        assert_eq!(world.run(id).await.state, RunState::Running);
        let names: Vec<_> = world.read(async |tx| nodes::list(tx).await).await.into_iter().map(|n| n.name).collect();
        assert_eq!(names, ["this"]);
        assert!(world.finish(&claimed, End::Succeeded("1".into())).await);
        other.close().await;
    }

    async fn a_predecessor_that_is_proven_dead_is_not_waited_for(world: &World) {
        world.storage.heartbeat("predecessor").await.unwrap();
        for _ in 0..20 {
            world.accept_one().await;
        }
        assert_eq!(world.claim(12).await.len(), 12);
        let next = world.another_node().await;
        next.heartbeat("next").await.unwrap();
        assert_eq!(next.recover(Dead::AllOthers).await.unwrap(), 12);
        assert_eq!(next.recover(Dead::AllOthers).await.unwrap(), 0);
        assert_eq!(next.claim(100, &mut None).await.unwrap().runs.len(), 20);
        let names: Vec<_> = world.read(async |tx| nodes::list(tx).await).await.into_iter().map(|n| n.name).collect();
        assert_eq!(names, ["next"]);
        next.close().await;
    }

    async fn many_at_a_time_are_taken_over_once(world: &World) {
        let mut accepts = tokio::task::JoinSet::new();
        for _ in 0..700 {
            let (storage, new) = (world.storage.clone(), world.new_run());
            accepts.spawn(async move { storage.journal().accept(new).await.unwrap() });
        }
        accepts.join_all().await;
        assert_eq!(world.claim(1000).await.len(), 700);
        let (a, b) = (world.another_node().await, world.another_node().await);
        a.heartbeat("a").await.unwrap();
        b.heartbeat("b").await.unwrap();
        let dead = Dead::SilentFor(Duration::from_hours(1));
        let (one, two) = tokio::join!(a.recover(dead), b.recover(dead));
        let left = a.recover(dead).await.unwrap();
        assert_eq!(one.unwrap() + two.unwrap() + left, 700);
        assert_eq!(a.claim(1000, &mut None).await.unwrap().runs.len(), 700);
        a.close().await;
        b.close().await;
    }

    async fn an_orderly_node_signs_off(world: &World) {
        world.storage.heartbeat("this").await.unwrap();
        world.accept_one().await;
        let claimed = world.claim_one().await;
        world.storage.sign_off().await.unwrap();
        assert_eq!(world.read(async |tx| nodes::list(tx).await).await.len(), 1, "not while it has leases");
        assert!(world.finish(&claimed, End::Released).await);
        world.storage.sign_off().await.unwrap();
        assert!(world.read(async |tx| nodes::list(tx).await).await.is_empty());
    }

    async fn a_lease_that_nothing_works_on_is_given_back(world: &World) {
        let (lost, kept) = (world.accept_one().await, world.accept_one().await);
        let claimed = world.claim(2).await;
        assert_eq!(world.storage.release(&[lost]).await.unwrap(), 1);
        assert_eq!(world.storage.release(&[lost]).await.unwrap(), 0);
        let other = world.another_node().await;
        assert_eq!(other.release(&[kept]).await.unwrap(), 0, "another node's lease is not its to give");
        let holds = async |run: &Claimed| world.read(async |tx| claim::holds(tx, world.storage.node(), run).await).await;
        for run in &claimed {
            assert_eq!(holds(run).await, run.run_id == kept);
            assert_eq!(world.finish(run, End::Succeeded("1".into())).await, run.run_id == kept);
        }
        let again = world.claim_one().await;
        assert_eq!((again.run_id, again.attempt, again.lost), (lost, 2, 1));
        other.close().await;
    }
}
