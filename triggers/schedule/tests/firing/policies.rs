//! What becomes of a firing while the one before goes on, of firings that somebody asks for, and of those that a change or a clock gets in the way of. What must
//! hold: each nominal time becomes one event or one entry about it, never neither and never two.

use std::time::Duration;

use factotum_model::{Clock as _, RunState, Timestamp, TriggerId};
use factotum_schedule::backfill::{self, BackfillError};
use factotum_schedule::{arm, check_config, jitter};
use factotum_storage::finish::{End, Finished};
use factotum_storage::runs::{self, RunFilter};
use serde_json::{Value, json};

use crate::world::{Node, World};

const MINUTE: Duration = Duration::from_mins(1);

/// Turns the clock a minute on, and waits until these times are fired.
async fn minute(world: &World, node: &Node, trigger: TriggerId, expected: &[&str]) {
    world.advance(MINUTE);
    node.changed();
    world.wait_fired(trigger, expected).await;
}

/// Ends the run that is due first.
async fn end_one(world: &World) {
    let run = world.storage.claim(1, &mut None).await.unwrap().runs.remove(0);
    let end = Finished { run: run.into(), end: End::Succeeded("1".into()), log: None, usage: None };
    assert!(world.storage.journal().finish(end).await.unwrap());
}

/// The states of a trigger's runs, oldest first.
async fn states(world: &World, trigger: TriggerId) -> Vec<RunState> {
    let mut tx = world.storage.read().await.unwrap();
    let filter = RunFilter { trigger: Some(trigger), ..RunFilter::default() };
    let found = runs::list(&mut tx, world.org.id, &filter, None, 100).await.unwrap();
    found.iter().rev().map(|run| run.state).collect()
}

fn at(time: &str) -> Timestamp {
    format!("2027-01-15T{time}Z").parse().unwrap()
}

async fn change(world: &World, id: TriggerId, config: Value) {
    let now = world.clock.now();
    let (config, schedule) = check_config(&config, now).unwrap();
    let trigger = world.trigger(id).await;
    let mut tx = world.storage.write().await.unwrap();
    assert!(arm::update(&mut tx, &trigger, (&config, &schedule), now).await.unwrap());
    tx.commit().await.unwrap();
}

async fn backfilled(
    world: &World,
    id: TriggerId,
    from: Timestamp,
    until: Timestamp,
    again: bool,
) -> Result<(usize, usize), BackfillError> {
    let now = world.clock.now();
    let trigger = world.trigger(id).await;
    let (config, schedule) = check_config(&trigger.config, now).unwrap();
    let mut tx = world.storage.write().await.unwrap();
    let what = backfill::plan(&mut tx, &trigger, (&config, &schedule), (from, until), (again, now)).await?;
    backfill::begin(&mut tx, &trigger, &what, now).await?;
    tx.commit().await.unwrap();
    Ok((what.fire.len(), what.fired_already))
}

on_both! {
    async fn one_waits_for_the_run_before_and_others_are_left_out(world: &World) {
        let id = world.schedule(json!({"cron": "* * * * *", "overlap": "queue_one"})).await;
        let node = Node::start(&world.storage);
        for _ in 0..3 {
            minute(world, &node, id, &["08:01:00"]).await;
        }
        assert_eq!(world.trigger(id).await.waiting, 1);
        let skipped = world.reasons("schedule.skip").await;
        assert_eq!(skipped, ["overlap: the firing of 2027-01-15T08:03:00.000000Z was left out, one waits already"]);
        end_one(world).await;
        world.wait_fired(id, &["08:01:00", "08:02:00"]).await;
        world.wait("none to wait", async || world.trigger(id).await.waiting == 0).await;
        end_one(world).await;
        minute(world, &node, id, &["08:01:00", "08:02:00", "08:04:00"]).await;
        node.stop().await;
        let counts = world.trigger(id).await.counts;
        assert_eq!((counts.accepted, counts.rejected, counts.duplicates), (3, 1, 0));
    }

    async fn all_wait_and_go_one_after_the_other(world: &World) {
        let missed = json!({"policy": "all"});
        let id = world.schedule(json!({"cron": "* * * * *", "overlap": "queue_all", "missed": missed})).await;
        world.advance(3 * MINUTE);
        let node = Node::start(&world.storage);
        world.wait_fired(id, &["08:01:00"]).await;
        minute(world, &node, id, &["08:01:00"]).await;
        world.wait("three to wait", async || world.trigger(id).await.waiting == 3).await;
        // Another node takes over what waits.
        node.stop().await;
        let node = Node::start(&world.storage);
        let times = ["08:01:00", "08:02:00", "08:03:00", "08:04:00"];
        for fired in 2..=4 {
            end_one(world).await;
            world.wait_fired(id, &times[..fired]).await;
        }
        end_one(world).await;
        node.stop().await;
        assert_eq!(states(world, id).await, [RunState::Succeeded; 4]);
        assert!(world.reasons("schedule.skip").await.is_empty());
    }

    async fn what_is_paused_or_deleted_keeps_nothing_going(world: &World) {
        let queue = json!({"cron": "* * * * *", "overlap": "queue_all"});
        let (held, gone) = (world.schedule(queue.clone()).await, world.schedule(queue).await);
        let node = Node::start(&world.storage);
        for _ in 0..2 {
            world.advance(MINUTE);
            node.changed();
            world.wait_fired(held, &["08:01:00"]).await;
            world.wait_fired(gone, &["08:01:00"]).await;
        }
        world.wait("one of each to wait", async || {
            world.trigger(held).await.waiting == 1 && world.trigger(gone).await.waiting == 1
        }).await;
        world.pause(held).await;
        let mut tx = world.storage.write().await.unwrap();
        factotum_storage::triggers::delete(&mut tx, world.org.id, gone, world.clock.now()).await.unwrap();
        assert!(factotum_storage::schedule_queue::waiting(&mut tx, gone).await.unwrap() == 0);
        tx.commit().await.unwrap();
        end_one(world).await;
        end_one(world).await;
        // What another schedule does meanwhile shows that the node had time to look.
        let witness = world.schedule(json!({"cron": "* * * * * *"})).await;
        world.advance(Duration::from_secs(1));
        node.changed();
        world.wait_fired(witness, &["08:02:01"]).await;
        assert_eq!(world.trigger(held).await.waiting, 1, "a pause holds it");
        world.resume(held).await;
        node.changed();
        world.wait_fired(held, &["08:01:00", "08:02:00"]).await;
        node.stop().await;
    }

    async fn a_new_firing_takes_the_place_of_what_runs(world: &World) {
        let cancels = world.schedule(json!({"cron": "* * * * *", "overlap": "cancel_running"})).await;
        let node = Node::start(&world.storage);
        minute(world, &node, cancels, &["08:01:00"]).await;
        let claimed = world.storage.claim(1, &mut None).await.unwrap().runs.remove(0);
        minute(world, &node, cancels, &["08:01:00", "08:02:00"]).await;
        assert_eq!(states(world, cancels).await, [RunState::Cancelled, RunState::Queued]);
        // The attempt that was cancelled can finish no more.
        let end = Finished { run: claimed.into(), end: End::Succeeded("1".into()), log: None, usage: None };
        assert!(!world.storage.journal().finish(end).await.unwrap());
        // What only waits for its turn is not running: it stays.
        minute(world, &node, cancels, &["08:01:00", "08:02:00", "08:03:00"]).await;
        assert_eq!(states(world, cancels).await, [RunState::Cancelled, RunState::Queued, RunState::Queued]);
        assert_eq!(world.reasons("run.cancel").await, ["overlap: a newer firing takes its place"]);
        node.stop().await;
    }

    async fn a_replacement_ends_what_waits_too(world: &World) {
        let missed = json!({"policy": "all"});
        let id = world.schedule(json!({"cron": "* * * * *", "overlap": "replace", "missed": missed})).await;
        let node = Node::start(&world.storage);
        minute(world, &node, id, &["08:01:00"]).await;
        minute(world, &node, id, &["08:01:00", "08:02:00"]).await;
        assert_eq!(states(world, id).await, [RunState::Cancelled, RunState::Queued]);
        world.advance(2 * MINUTE);
        node.changed();
        world.wait_fired(id, &["08:01:00", "08:02:00", "08:04:00"]).await;
        let skipped = world.reasons("schedule.skip").await;
        assert_eq!(skipped, ["overlap: the firing of 2027-01-15T08:03:00.000000Z was left out, only the newest of several at once is fired"]);
        node.stop().await;
    }

    async fn what_was_accepted_before_a_crash_is_not_reported_as_left_out(world: &World) {
        let skips = world.schedule(json!({"cron": "* * * * *", "overlap": "skip"})).await;
        let replaces = world.schedule(json!({"cron": "* * * * *", "overlap": "replace"})).await;
        let node = Node::start(&world.storage);
        world.advance(MINUTE);
        node.changed();
        world.wait_fired(skips, &["08:01:00"]).await;
        world.wait_fired(replaces, &["08:01:00"]).await;
        node.stop().await;
        // As if the node had been killed after the accept: the schedule stands where it stood.
        for id in [skips, replaces] {
            let mut tx = world.storage.write().await.unwrap();
            let place = (world.org.id, id);
            let before = at("08:00:00");
            factotum_storage::schedules::set(&mut tx, place, Some(at("08:01:00")), Duration::ZERO, before).await.unwrap();
            tx.commit().await.unwrap();
        }
        let node = Node::start(&world.storage);
        world.wait_fired(skips, &["08:01:00"]).await;
        world.wait_fired(replaces, &["08:01:00"]).await;
        node.stop().await;
        assert!(world.reasons("schedule.skip").await.is_empty());
        assert_eq!(states(world, replaces).await, [RunState::Queued], "it is not replaced by itself");
    }

    async fn jitter_shifts_the_firing_and_not_its_time(world: &World) {
        let id = world.schedule(json!({"cron": "* * * * *", "jitter_s": 40})).await;
        let delay = jitter::delay(id, 40);
        let nominal = at("08:01:00");
        assert_eq!(world.next(id).await, Some(nominal.plus(delay)));
        let node = Node::start(&world.storage);
        let witness = world.schedule(json!({"cron": "* * * * *"})).await;
        // Just before its turn it has not fired, at its turn it has.
        world.advance((MINUTE + delay).saturating_sub(Duration::from_millis(1)));
        node.changed();
        world.wait("another to fire", async || !world.fired(witness).await.is_empty()).await;
        if !delay.is_zero() {
            assert!(world.fired(id).await.is_empty());
        }
        world.advance(Duration::from_millis(1));
        node.changed();
        world.wait_fired(id, &["08:01:00"]).await;
        assert_eq!(world.next(id).await, Some(at("08:02:00").plus(delay)));
        node.stop().await;
        assert!(world.reasons("schedule.miss").await.is_empty(), "it is not late");
    }

    async fn an_edit_loses_nothing_that_was_due(world: &World) {
        let id = world.schedule(json!({"cron": "* * * * *"})).await;
        let none = world.schedule(json!({"cron": "* * * * *", "missed": {"policy": "none"}})).await;
        world.advance(MINUTE);
        for id in [id, none] {
            change(world, id, json!({"cron": "30 * * * *"})).await;
        }
        world.advance(MINUTE);
        change(world, none, json!({"cron": "40 * * * *"})).await;
        let node = Node::start(&world.storage);
        world.wait_fired(id, &["08:01:00"]).await;
        world.wait_fired(none, &["08:01:00"]).await;
        world.advance(28 * MINUTE);
        node.changed();
        world.wait_fired(id, &["08:01:00", "08:30:00"]).await;
        // While it is paused, what is due is left out by the change, and that is said.
        world.pause(id).await;
        world.advance(60 * MINUTE);
        change(world, id, json!({"cron": "45 * * * *"})).await;
        world.resume(id).await;
        node.changed();
        world.advance(15 * MINUTE);
        node.changed();
        world.wait_fired(id, &["08:01:00", "08:30:00", "09:45:00"]).await;
        node.stop().await;
        let missed = world.reasons("schedule.miss").await;
        assert!(missed.iter().any(|reason| reason.contains("1 firing(s) from 2027-01-15T09:30:00")), "{missed:?}");
    }

    async fn steps_of_the_clock_lose_and_double_nothing(world: &World) {
        let all = world.schedule(json!({"cron": "* * * * *", "missed": {"policy": "all"}})).await;
        let once = world.schedule(json!({"at": "2027-01-15T08:02:30Z"})).await;
        let node = Node::start(&world.storage);
        let mut expected: Vec<String> = Vec::new();
        world.advance(3 * MINUTE);
        node.changed();
        for m in 1..=3 {
            expected.push(format!("08:0{m}:00"));
        }
        let texts = |expected: &[String]| expected.iter().map(|t| t.as_str().to_owned()).collect::<Vec<_>>();
        let wait = async |expected: &[String]| {
            let times = texts(expected);
            let times: Vec<&str> = times.iter().map(String::as_str).collect();
            world.wait_fired(all, &times).await;
        };
        wait(&expected).await;
        world.wait_fired(once, &["08:02:30"]).await;
        // Back by two minutes: what was fired is not fired again as its time comes once more.
        world.step_back(2 * MINUTE);
        node.changed();
        for _ in 0..2 {
            world.advance(MINUTE);
            node.changed();
            wait(&expected).await;
        }
        // On from there, and ahead by an hour in one step.
        world.advance(MINUTE);
        node.changed();
        expected.push("08:04:00".into());
        wait(&expected).await;
        world.advance(60 * MINUTE);
        node.changed();
        for m in 5..=59 {
            expected.push(format!("08:{m:02}:00"));
        }
        for m in 0..=4 {
            expected.push(format!("09:{m:02}:00"));
        }
        wait(&expected).await;
        world.wait_fired(once, &["08:02:30"]).await;
        assert_eq!(world.next(once).await, None);
        node.stop().await;
        let counts = world.trigger(all).await.counts;
        assert_eq!((counts.accepted, counts.duplicates), (expected.len() as u64, 0));
    }

    async fn changed_rules_of_a_zone_are_followed(world: &World) {
        // As if the zone's rules had said, when this was armed, that it is due an hour later than they say now.
        let id = world.schedule(json!({"cron": "1 * * * *", "missed": {"policy": "all", "window_s": 7200}})).await;
        let mut tx = world.storage.write().await.unwrap();
        let stood = (world.org.id, id);
        factotum_storage::schedules::set(&mut tx, stood, Some(at("09:01:00")), Duration::ZERO, at("08:00:00")).await.unwrap();
        tx.commit().await.unwrap();
        let node = Node::start(&world.storage);
        world.advance(61 * MINUTE);
        node.changed();
        world.wait_fired(id, &["08:01:00", "09:01:00"]).await;
        node.stop().await;
    }

    async fn a_backfill_fires_each_time_once(world: &World) {
        let id = world.schedule(json!({"cron": "0 * * * *"})).await;
        let node = Node::start(&world.storage);
        world.advance(60 * MINUTE);
        node.changed();
        world.wait_fired(id, &["09:00:00"]).await;
        world.advance(Duration::from_secs(1));
        let range = (at("02:00:00"), at("09:00:00").plus(Duration::from_secs(1)));
        assert_eq!(backfilled(world, id, range.0, range.1, false).await.unwrap(), (7, 1));
        // Asked again before it is fired, and after: the same times.
        let (fire, fired) = backfilled(world, id, range.0, range.1, false).await.unwrap();
        assert_eq!(fire + fired, 8);
        node.changed();
        let all = ["02:00:00", "03:00:00", "04:00:00", "05:00:00", "06:00:00", "07:00:00", "08:00:00", "09:00:00"];
        world.wait_fired(id, &all).await;
        world.wait("none to wait", async || world.trigger(id).await.waiting == 0).await;
        assert_eq!(backfilled(world, id, range.0, range.1, false).await.unwrap(), (0, 8));
        // Years later that is still known, as somebody asked for it; of what fired by itself it is not.
        world.advance(Duration::from_hours(40 * 24));
        node.changed();
        world.wait("the newest", async || world.next(id).await.is_some_and(|next| next > world.clock.now())).await;
        let mut tx = world.storage.write().await.unwrap();
        factotum_storage::sweep::expired(&mut tx, world.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(backfilled(world, id, range.0, at("08:00:00"), false).await.unwrap(), (0, 6));
        let forgotten = backfilled(world, id, range.0, range.1, false).await;
        assert!(matches!(forgotten, Err(BackfillError::Forgotten(_))), "{forgotten:?}");
        assert_eq!(backfilled(world, id, range.0, range.1, true).await.unwrap(), (1, 7));
        assert!(matches!(backfilled(world, id, range.1, range.0, false).await, Err(BackfillError::Order)));
        let ahead = world.clock.now().plus(MINUTE);
        assert!(matches!(backfilled(world, id, range.0, ahead, false).await, Err(BackfillError::Future)));
        node.stop().await;
    }

    async fn a_backfill_that_is_too_long_says_where_to_cut_it(world: &World) {
        let id = world.schedule(json!({"cron": "* * * * *"})).await;
        let from: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let Err(BackfillError::TooMany(cut)) = backfilled(world, id, from, at("08:00:00"), false).await else {
            panic!("a year has more minutes");
        };
        assert_eq!(backfilled(world, id, from, cut, false).await.unwrap().0, 10_000);
    }
}
