//! Repeated deliveries: answered with their first run, in one batch and across batches, until the key's time is up.

use std::time::Duration;

use factotum_model::RunId;
use factotum_storage::accept::{Accepted, NewRun};
use factotum_storage::sweep;

use crate::world::World;

const HOUR: Duration = Duration::from_hours(1);

async fn accept_all(world: &World, runs: Vec<NewRun>) -> Vec<Accepted> {
    let mut tasks = tokio::task::JoinSet::new();
    for (index, new) in runs.into_iter().enumerate() {
        let storage = world.storage.clone();
        tasks.spawn(async move { (index, storage.journal().accept(new).await.unwrap()) });
    }
    let mut answers = tasks.join_all().await;
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn news(answers: &[Accepted]) -> Vec<RunId> {
    answers.iter().filter_map(|a| if let Accepted::New(id) = a { Some(*id) } else { None }).collect()
}

on_both! {
    async fn a_repeated_delivery_is_answered_with_its_first_run(world: &World) {
        let trigger = world.trigger(world.workflow).await;
        let first = world.accept(world.delivery(trigger, Some("d1"), world.now().plus(HOUR))).await;
        let again = world.delivery(trigger, Some("d1"), world.now().plus(HOUR));
        assert_eq!(world.storage.journal().accept(again).await.unwrap(), Accepted::Duplicate(first));
        assert_eq!(world.actions_of(first).await, ["event.accept", "event.duplicate"]);
        world.accept(world.delivery(trigger, Some("d2"), world.now().plus(HOUR))).await;
        world.accept(world.delivery(trigger, None, world.now())).await;
        world.accept(world.delivery(trigger, None, world.now())).await;
        let other = world.trigger(world.workflow).await;
        world.accept(world.delivery(other, Some("d1"), world.now().plus(HOUR))).await;
        assert_eq!(world.claim(100).await.len(), 5, "the same key at another trigger is another delivery");
    }

    async fn of_many_at_once_one_runs(world: &World) {
        let trigger = world.trigger(world.workflow).await;
        let deliveries = (0..200).map(|n| {
            world.delivery(trigger, Some(&format!("d{}", n % 10)), world.now().plus(HOUR))
        });
        let answers = accept_all(world, deliveries.collect()).await;
        let new = news(&answers);
        assert_eq!(new.len(), 10);
        for (n, answer) in answers.iter().enumerate() {
            assert!(new.contains(&answer.run_id()), "delivery {n} was answered with a run that is none: {answer:?}");
            assert_eq!(answer.run_id(), answers[n % 10].run_id(), "delivery {n}");
        }
        assert_eq!(world.claim(100).await.len(), 10);
    }

    async fn two_nodes_take_a_delivery_once(world: &World) {
        let other = world.another_node().await;
        let trigger = world.trigger(world.workflow).await;
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..100 {
            let storage = if n % 2 == 0 { world.storage.clone() } else { other.clone() };
            let new = world.delivery(trigger, Some(&format!("d{}", n / 10)), world.now().plus(HOUR));
            tasks.spawn(async move { storage.journal().accept(new).await.unwrap() });
        }
        assert_eq!(news(&tasks.join_all().await).len(), 10);
        assert_eq!(world.claim(100).await.len(), 10);
        other.close().await;
    }

    async fn a_key_past_its_time_is_forgotten(world: &World) {
        let trigger = world.trigger(world.workflow).await;
        let delivery = || world.delivery(trigger, Some("d1"), world.now().plus(HOUR));
        let first = world.accept(delivery()).await;
        world.clock.advance(HOUR);
        assert_eq!(world.storage.journal().accept(delivery()).await.unwrap(), Accepted::Duplicate(first), "not past yet");
        world.clock.advance(Duration::from_micros(1));
        let second = world.accept(delivery()).await;
        assert_eq!(world.storage.journal().accept(delivery()).await.unwrap(), Accepted::Duplicate(second));
        world.clock.advance(HOUR * 2);
        world.write(async |tx| sweep::expired(tx, world.now()).await).await;
        assert_eq!(world.raw().await.number("SELECT count(*) FROM dedup_keys").await, 0);
        world.accept(delivery()).await;
    }

    async fn a_run_handed_in_again_after_a_lost_answer_is_the_same_run(world: &World) {
        let trigger = world.trigger(world.workflow).await;
        let new = world.delivery(trigger, Some("d1"), world.now().plus(HOUR));
        let id = world.accept(new.clone()).await;
        assert_eq!(world.storage.journal().accept(new).await.unwrap().run_id(), id);
        assert_eq!(world.claim(10).await.len(), 1);
    }

    async fn a_dedup_key_may_hold_any_character(world: &World) {
        let trigger = world.trigger(world.workflow).await;
        for key in ["\u{0}", "a\u{0}b", "é'\"%", "\u{1F600}"] {
            let first = world.accept(world.delivery(trigger, Some(key), world.now().plus(HOUR))).await;
            let again = world.delivery(trigger, Some(key), world.now().plus(HOUR));
            assert_eq!(world.storage.journal().accept(again).await.unwrap(), Accepted::Duplicate(first), "{key:?}");
        }
    }
}
