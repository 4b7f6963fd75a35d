//! Schedules: the next time moves on only from where it was seen, so a firing happens once whoever lives.

use std::time::Duration;

use factotum_storage::schedule_queue::{self, Cause, Queued};
use factotum_storage::schedules::{self, Step};
use factotum_storage::{triggers, workflows};

use crate::world::World;

on_both! {
    async fn a_time_is_moved_on_once(world: &World) {
        let trigger = world.trigger(world.workflow).await;
        let (org, at) = (world.org.id, world.now());
        let next = at.plus(Duration::from_mins(1));
        world.write(async |tx| schedules::set(tx, (org, trigger), Some(at), Duration::ZERO, at.minus(Duration::from_secs(1))).await).await;
        let due = world.read(async |tx| schedules::get(tx, trigger).await).await.unwrap();
        assert_eq!((due.trigger_id, due.next_at, due.nominal()), (trigger, at, at));
        assert_eq!(due.decided_at, at.minus(Duration::from_secs(1)));
        assert_eq!(world.read(async |tx| schedules::due(tx, at, 10).await).await, [due]);
        assert!(world.read(async |tx| schedules::due(tx, at.minus(Duration::from_micros(1)), 10).await).await.is_empty());
        let mut nodes = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let storage = world.storage.clone();
            nodes.spawn(async move {
                let mut tx = storage.write().await.unwrap();
                let step = Step { trigger_id: trigger, from: at, to: Some(next), decided_at: at };
                let moved = schedules::advance(&mut tx, &[step]).await.unwrap();
                tx.commit().await.unwrap();
                moved.contains(&trigger)
            });
        }
        assert_eq!(nodes.join_all().await.into_iter().filter(|moved| *moved).count(), 1);
        assert_eq!(world.read(async |tx| schedules::next(tx).await).await, Some(next));
        let end = [Step { trigger_id: trigger, from: next, to: None, decided_at: next }];
        assert!(world.write(async |tx| schedules::advance(tx, &end).await).await.contains(&trigger), "never again");
        assert!(world.write(async |tx| schedules::advance(tx, &end).await).await.is_empty());
        assert_eq!(world.read(async |tx| schedules::next(tx).await).await, None);
        assert_eq!(world.read(async |tx| schedules::get(tx, trigger).await).await, None);
    }

    async fn the_earliest_comes_first(world: &World) {
        let now = world.now();
        let mut triggers = Vec::new();
        for seconds in [30, 10, 20] {
            let trigger = world.trigger(world.workflow).await;
            let at = now.plus(Duration::from_secs(seconds));
            world.write(async |tx| schedules::set(tx, (world.org.id, trigger), Some(at), Duration::ZERO, now).await).await;
            triggers.push(trigger);
        }
        let due = world.read(async |tx| schedules::due(tx, now.plus(Duration::from_mins(1)), 2).await).await;
        assert_eq!(due.iter().map(|d| d.trigger_id).collect::<Vec<_>>(), [triggers[1], triggers[2]]);
    }

    async fn what_is_deleted_is_never_due(world: &World) {
        let now = world.now();
        let (one, two) = (world.trigger(world.workflow).await, world.trigger(world.workflow).await);
        for trigger in [one, two] {
            world.write(async |tx| schedules::set(tx, (world.org.id, trigger), Some(now), Duration::ZERO, now).await).await;
        }
        world.write(async |tx| triggers::delete(tx, world.org.id, one, now).await).await;
        let due = world.read(async |tx| schedules::due(tx, now, 10).await).await;
        assert_eq!(due.iter().map(|d| d.trigger_id).collect::<Vec<_>>(), [two]);
        world.write(async |tx| workflows::delete(tx, world.org.id, world.workflow, now).await).await;
        assert!(world.read(async |tx| schedules::due(tx, now, 10).await).await.is_empty());
    }

    async fn many_are_moved_at_once_and_each_only_from_where_it_was_seen(world: &World) {
        let (org, now) = (world.org.id, world.now());
        let later = now.plus(Duration::from_mins(1));
        let mut steps = Vec::new();
        for n in 0..150_u64 {
            let trigger = world.trigger(world.workflow).await;
            let delay = Duration::from_millis(n);
            world.write(async |tx| schedules::set(tx, (org, trigger), Some(now), delay, now).await).await;
            // Every third was moved by somebody else meanwhile.
            let seen = if n % 3 == 0 { now.minus(Duration::from_secs(9)) } else { now.plus(delay) };
            steps.push(Step { trigger_id: trigger, from: seen, to: Some(later), decided_at: now });
        }
        let moved = world.write(async |tx| schedules::advance(tx, &steps).await).await;
        assert_eq!(moved.len(), 100);
        assert!(steps.iter().enumerate().all(|(n, step)| moved.contains(&step.trigger_id) == (n % 3 != 0)));
        let ids: Vec<_> = steps.iter().map(|step| step.trigger_id).collect();
        let armed = world.read(async |tx| schedules::load(tx, &ids).await).await;
        // The world's triggers are webhooks: a schedule is loaded as one only if it is one.
        assert!(armed.is_empty());
    }

    async fn a_firing_waits_once_and_goes_in_turn(world: &World) {
        let (org_id, now) = (world.org.id, world.now());
        let (one, two) = (world.trigger(world.workflow).await, world.trigger(world.workflow).await);
        let queued = |trigger_id, seconds, in_turn| Queued {
            org_id,
            trigger_id,
            nominal_at: now.plus(Duration::from_secs(seconds)),
            cause: Cause::Backfill,
            in_turn,
            queued_at: now,
        };
        let all = [queued(one, 2, true), queued(one, 1, true), queued(two, 1, false), queued(two, 2, false)];
        for _ in 0..2 {
            world.write(async |tx| schedule_queue::add(tx, &all).await).await;
        }
        assert_eq!(world.read(async |tx| schedule_queue::waiting(tx, one).await).await, 2);
        let ready = world.read(async |tx| schedule_queue::ready(tx, 10).await).await;
        assert_eq!(ready, [all[2], all[3], all[1]]);
        world.write(async |tx| triggers::set_paused(tx, org_id, two, true, now).await).await;
        let ready = world.read(async |tx| schedule_queue::ready(tx, 10).await).await;
        assert_eq!(ready, [all[1]], "a paused trigger's wait");
        world.write(async |tx| schedule_queue::remove(tx, &ready).await).await;
        assert_eq!(world.read(async |tx| schedule_queue::ready(tx, 10).await).await, [all[0]]);
        world.write(async |tx| triggers::delete(tx, org_id, one, now).await).await;
        world.write(async |tx| workflows::delete(tx, org_id, world.workflow, now).await).await;
        assert!(world.read(async |tx| schedule_queue::is_empty(tx).await).await);
    }
}
