//! Schedules against a real database: each due time makes one event, whoever fires; what was missed is made up for as asked. What
//! must hold: no test sleeps; the clock is turned by hand, and waits are for conditions.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure, and unwrap shows it")]

#[macro_use]
mod world;
mod policies;

use std::time::Duration;

use factotum_model::Clock as _;
use factotum_schedule::{arm, check_config};
use factotum_storage::finish::{End, Finished};
use factotum_storage::triggers;
use serde_json::json;

use crate::world::{Node, World};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

on_both! {
    async fn each_due_time_makes_one_event(world: &World) {
        let minutely = world.schedule(json!({"cron": "* * * * *"})).await;
        let later = world.schedule(json!({"cron": "2 * * * *"})).await;
        let node = Node::start(&world.storage);
        for (expected, also) in [
            (vec!["08:01:00"], vec![]),
            (vec!["08:01:00", "08:02:00"], vec!["08:02:00"]),
            (vec!["08:01:00", "08:02:00", "08:03:00"], vec!["08:02:00"]),
        ] {
            world.advance(MINUTE);
            node.changed();
            world.wait_fired(minutely, &expected).await;
            world.wait_fired(later, &also).await;
        }
        node.stop().await;
        let counts = world.trigger(minutely).await.counts;
        assert_eq!((counts.accepted, counts.duplicates), (3, 0));
        assert_eq!(world.reasons("schedule.miss").await, Vec::<String>::new());
    }

    async fn what_was_missed_while_down_goes_by_the_policy(world: &World) {
        let make = |policy: &str| json!({"cron": "* * * * *", "missed": {"policy": policy, "window_s": 200}});
        let none = world.schedule(make("none")).await;
        let last = world.schedule(make("last")).await;
        let all = world.schedule(make("all")).await;
        world.advance(5 * MINUTE + Duration::from_secs(30));
        let node = Node::start(&world.storage);
        world.wait_fired(none, &[]).await;
        world.wait_fired(last, &["08:05:00"]).await;
        world.wait_fired(all, &["08:03:00", "08:04:00", "08:05:00"]).await;
        let mut left_out = world.reasons("schedule.miss").await;
        left_out.sort();
        assert_eq!(left_out, [
            "missed: 2 firing(s) from 2027-01-15T08:01:00.000000Z on were left out (policy \"all\", window 200 s)",
            "missed: 4 firing(s) from 2027-01-15T08:01:00.000000Z on were left out (policy \"last\", window 200 s)",
            "missed: 5 firing(s) from 2027-01-15T08:01:00.000000Z on were left out (policy \"none\", window 200 s)",
        ]);
        world.advance(Duration::from_secs(30));
        node.changed();
        world.wait_fired(none, &["08:06:00"]).await;
        node.stop().await;
    }

    async fn a_pause_holds_and_a_resume_makes_up_for_it(world: &World) {
        let all = json!({"cron": "* * * * *", "missed": {"policy": "all"}});
        let (all, none) = (world.schedule(all).await, world.schedule(json!({"cron": "* * * * *", "missed": {"policy": "none"}})).await);
        let node = Node::start(&world.storage);
        world.pause(all).await;
        world.pause(none).await;
        world.advance(3 * MINUTE + 10 * SECOND);
        node.changed();
        world.wait_fired(all, &[]).await;
        world.wait_fired(none, &[]).await;
        world.resume(all).await;
        world.resume(none).await;
        node.changed();
        world.wait_fired(all, &["08:01:00", "08:02:00", "08:03:00"]).await;
        world.wait_fired(none, &[]).await;
        world.advance(50 * SECOND);
        node.changed();
        world.wait_fired(none, &["08:04:00"]).await;
        node.stop().await;
    }

    async fn an_edit_counts_from_then_on_and_a_deletion_ends_it(world: &World) {
        let id = world.schedule(json!({"cron": "* * * * *"})).await;
        let node = Node::start(&world.storage);
        world.advance(MINUTE);
        node.changed();
        world.wait_fired(id, &["08:01:00"]).await;
        // The firing at 08:02 is in the node's memory already.
        let (config, schedule) = check_config(&json!({"cron": "5 * * * *"}), world.clock.now()).unwrap();
        let trigger = world.trigger(id).await;
        let mut tx = world.storage.write().await.unwrap();
        assert!(arm::update(&mut tx, &trigger, (&config, &schedule), world.clock.now()).await.unwrap());
        tx.commit().await.unwrap();
        let witness = world.schedule(json!({"cron": "* * * * *"})).await;
        node.changed();
        world.advance(MINUTE);
        node.changed();
        world.wait_fired(witness, &["08:02:00"]).await;
        world.wait_fired(id, &["08:01:00"]).await;
        world.advance(3 * MINUTE);
        node.changed();
        world.wait_fired(id, &["08:01:00", "08:05:00"]).await;
        let mut tx = world.storage.write().await.unwrap();
        assert!(triggers::delete(&mut tx, world.org.id, id, world.clock.now()).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(world.next(id).await, None);
        node.stop().await;
    }

    async fn an_overlap_that_is_to_be_skipped_is(world: &World) {
        let id = world.schedule(json!({"cron": "* * * * *", "overlap": "skip"})).await;
        let node = Node::start(&world.storage);
        for _ in 0..2 {
            world.advance(MINUTE);
            node.changed();
            world.wait_fired(id, &["08:01:00"]).await;
        }
        let reasons = world.reasons("schedule.skip").await;
        assert_eq!(reasons.len(), 1);
        assert!(reasons[0].starts_with("overlap: the firing of 2027-01-15T08:02:00"), "{reasons:?}");
        let run = world.storage.claim(1, &mut None).await.unwrap().runs.remove(0);
        let end = Finished { run: run.into(), end: End::Succeeded("1".into()), log: None, usage: None };
        assert!(world.storage.journal().finish(end).await.unwrap());
        world.advance(MINUTE);
        node.changed();
        world.wait_fired(id, &["08:01:00", "08:03:00"]).await;
        node.stop().await;
    }

    async fn a_deleted_workflow_takes_its_schedule_along(world: &World) {
        let id = world.schedule(json!({"cron": "* * * * *"})).await;
        let mut tx = world.storage.write().await.unwrap();
        factotum_storage::workflows::delete(&mut tx, world.org.id, world.workflow, world.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        let node = Node::start(&world.storage);
        world.advance(MINUTE);
        node.changed();
        world.wait("the schedule to be gone", async || world.next(id).await.is_none()).await;
        node.stop().await;
    }

    async fn many_at_once_are_fired_once_each(world: &World) {
        let mut ids = Vec::new();
        for _ in 0..200 {
            ids.push(world.schedule(json!({"cron": "1 * * * *"})).await);
        }
        world.advance(MINUTE);
        let node = Node::start(&world.storage);
        for id in ids {
            world.wait_fired(id, &["08:01:00"]).await;
        }
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_fire_each_time_once_and_one_goes_on_alone() {
    let world = World::start(factotum_tests::Backend::Postgres).await;
    let other = world.another_node().await;
    world.storage.heartbeat("one").await.unwrap();
    other.heartbeat("two").await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(world.schedule(json!({"cron": "* * * * *"})).await);
    }
    let (one, two) = (Node::start(&world.storage), Node::start(&other));
    for expected in [&["08:01:00"][..], &["08:01:00", "08:02:00"]] {
        world.advance(MINUTE);
        one.changed();
        two.changed();
        for id in &ids {
            world.wait_fired(*id, expected).await;
        }
    }
    // One is gone without a word; the other still thinks that it is there.
    two.stop().await;
    other.close().await;
    world.advance(MINUTE);
    one.changed();
    for id in &ids {
        world.wait_fired(*id, &["08:01:00", "08:02:00", "08:03:00"]).await;
    }
    one.stop().await;
    let mut accepted = 0;
    for id in &ids {
        accepted += world.trigger(*id).await.counts.accepted;
    }
    assert_eq!(accepted, 60);
    world.storage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firing_that_the_database_refuses_is_tried_until_it_is_taken() {
    let world = World::start(factotum_tests::Backend::Postgres).await;
    // With `none`, a firing that was dropped after its failure would not be made up for.
    let id = world.schedule(json!({"cron": "* * * * *", "missed": {"policy": "none"}})).await;
    let node = Node::start(&world.storage);
    let rolled_back = || {
        let count = "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()";
        world.psql(count).parse::<u64>().unwrap()
    };
    world.psql("ALTER TABLE events RENAME TO events_elsewhere");
    let before = rolled_back();
    world.advance(MINUTE);
    node.changed();
    world.wait("a failed attempt", async || rolled_back() > before).await;
    world.advance(30 * SECOND);
    world.psql("ALTER TABLE events_elsewhere RENAME TO events");
    world.wait_fired(id, &["08:01:00"]).await;
    node.stop().await;
    world.storage.close().await;
}
