//! Schedules: the next time moves on only from where it was seen, so a firing happens once whoever lives.

use std::time::Duration;

use factotum_storage::schedules::{self, Due};
use factotum_storage::{triggers, workflows};

use crate::world::World;

on_both! {
    async fn a_time_is_moved_on_once(world: &World) {
        let trigger = world.trigger(world.workflow).await;
        let (org, at) = (world.org.id, world.now());
        let next = at.plus(Duration::from_mins(1));
        world.write(async |tx| schedules::set(tx, org, trigger, Some(at)).await).await;
        assert_eq!(world.read(async |tx| schedules::get(tx, trigger).await).await, Some(at));
        let due = Due { trigger_id: trigger, org_id: org, next_at: at };
        assert_eq!(world.read(async |tx| schedules::due(tx, at, 10).await).await, [due]);
        assert!(world.read(async |tx| schedules::due(tx, at.minus(Duration::from_micros(1)), 10).await).await.is_empty());
        let mut nodes = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let storage = world.storage.clone();
            nodes.spawn(async move {
                let mut tx = storage.write().await.unwrap();
                let moved = schedules::advance(&mut tx, trigger, at, Some(next)).await.unwrap();
                tx.commit().await.unwrap();
                moved
            });
        }
        assert_eq!(nodes.join_all().await.into_iter().filter(|moved| *moved).count(), 1);
        assert_eq!(world.read(async |tx| schedules::next(tx).await).await, Some(next));
        assert!(world.write(async |tx| schedules::advance(tx, trigger, next, None).await).await, "never again");
        assert!(!world.write(async |tx| schedules::advance(tx, trigger, next, None).await).await);
        assert_eq!(world.read(async |tx| schedules::next(tx).await).await, None);
        assert_eq!(world.read(async |tx| schedules::get(tx, trigger).await).await, None);
    }

    async fn the_earliest_comes_first(world: &World) {
        let now = world.now();
        let mut triggers = Vec::new();
        for seconds in [30, 10, 20] {
            let trigger = world.trigger(world.workflow).await;
            let at = now.plus(Duration::from_secs(seconds));
            world.write(async |tx| schedules::set(tx, world.org.id, trigger, Some(at)).await).await;
            triggers.push(trigger);
        }
        let due = world.read(async |tx| schedules::due(tx, now.plus(Duration::from_mins(1)), 2).await).await;
        assert_eq!(due.iter().map(|d| d.trigger_id).collect::<Vec<_>>(), [triggers[1], triggers[2]]);
    }

    async fn what_is_deleted_is_never_due(world: &World) {
        let now = world.now();
        let (one, two) = (world.trigger(world.workflow).await, world.trigger(world.workflow).await);
        for trigger in [one, two] {
            world.write(async |tx| schedules::set(tx, world.org.id, trigger, Some(now)).await).await;
        }
        world.write(async |tx| triggers::delete(tx, world.org.id, one, now).await).await;
        let due = world.read(async |tx| schedules::due(tx, now, 10).await).await;
        assert_eq!(due.iter().map(|d| d.trigger_id).collect::<Vec<_>>(), [two]);
        world.write(async |tx| workflows::delete(tx, world.org.id, world.workflow, now).await).await;
        assert!(world.read(async |tx| schedules::due(tx, now, 10).await).await.is_empty());
    }
}
