//! The workflows' stores: swap by version, time to live, lists in byte order.

use std::time::Duration;

use factotum_storage::kv::{self, Entry};
use factotum_storage::{StorageError, sweep};

use crate::world::World;

on_both! {
    async fn values_are_set_read_and_deleted(world: &World) {
        let store = world.read(async |tx| kv::store(tx, world.org.id, "echo").await).await.unwrap();
        assert_eq!(store, world.workflow);
        assert_eq!(world.read(async |tx| kv::store(tx, world.org.id, "nobody").await).await, None);
        world.write(async |tx| {
            let now = world.now();
            assert_eq!(kv::get(tx, store, "a", now).await?, None);
            kv::set(tx, store, "a", b"\x00\xff", None).await?;
            assert_eq!(kv::get(tx, store, "a", now).await?, Some(Entry { value: b"\x00\xff".to_vec(), version: 1 }));
            kv::set(tx, store, "a", b"", None).await?;
            assert_eq!(kv::get(tx, store, "a", now).await?, Some(Entry { value: vec![], version: 2 }));
            assert!(kv::delete(tx, store, "a", now).await?);
            assert!(!kv::delete(tx, store, "a", now).await?);
            assert_eq!(kv::get(tx, store, "a", now).await?, None);
            Ok(())
        }).await;
    }

    async fn a_swap_needs_the_version_it_read(world: &World) {
        let (store, now) = (world.workflow, world.now());
        world.write(async |tx| {
            assert_eq!(kv::swap(tx, store, "n", 1, b"x", None, now).await?, None, "nothing is there");
            assert_eq!(kv::swap(tx, store, "n", 0, b"1", None, now).await?, Some(1));
            assert_eq!(kv::swap(tx, store, "n", 0, b"2", None, now).await?, None, "something is there");
            assert_eq!(kv::swap(tx, store, "n", 1, b"2", None, now).await?, Some(2));
            assert_eq!(kv::swap(tx, store, "n", 1, b"3", None, now).await?, None, "an old version");
            assert_eq!(kv::get(tx, store, "n", now).await?, Some(Entry { value: b"2".to_vec(), version: 2 }));
            Ok(())
        }).await;
    }

    async fn swaps_at_once_lose_no_update(world: &World) {
        let store = world.workflow;
        let mut adders = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (storage, now) = (world.storage.clone(), world.now());
            adders.spawn(async move {
                for _ in 0..10 {
                    loop {
                        let mut tx = storage.write().await?;
                        let found = kv::get(&mut tx, store, "n", now).await?;
                        let (n, version) = found.map_or((0, 0), |e| (e.value[0], e.version));
                        let swapped = kv::swap(&mut tx, store, "n", version, &[n + 1], None, now).await?;
                        tx.commit().await?;
                        if swapped.is_some() {
                            break;
                        }
                    }
                }
                Ok::<_, StorageError>(())
            });
        }
        for outcome in adders.join_all().await {
            outcome.unwrap();
        }
        let end = world.read(async |tx| kv::get(tx, store, "n", world.now()).await).await.unwrap();
        assert_eq!((end.value, end.version), (vec![80], 80));
    }

    async fn a_value_past_its_time_is_not_there(world: &World) {
        let store = world.workflow;
        let ends = Some(world.now().plus(Duration::from_mins(1)));
        world.write(async |tx| kv::set(tx, store, "a", b"1", ends).await).await;
        world.clock.advance(Duration::from_mins(1));
        let now = world.now();
        world.write(async |tx| {
            assert_eq!(kv::get(tx, store, "a", now).await?, None);
            assert!(kv::list(tx, store, "", "", now, 10).await?.is_empty());
            assert_eq!(kv::swap(tx, store, "a", 1, b"2", None, now).await?, None);
            assert_eq!(kv::swap(tx, store, "a", 0, b"2", ends, now).await?, Some(2), "a version never comes twice");
            assert!(!kv::delete(tx, store, "a", now).await?, "what is past its time was not there to delete");
            kv::set(tx, store, "b", b"1", ends).await
        }).await;
        world.clock.advance(Duration::from_secs(1));
        world.write(async |tx| sweep::expired(tx, world.now()).await).await;
        assert_eq!(world.raw().await.number("SELECT count(*) FROM kv").await, 0);
    }

    async fn keys_are_listed_by_prefix_in_byte_order(world: &World) {
        let (store, now) = (world.workflow, world.now());
        let other = world.workflow("other", &[], None).await;
        let mut keys = ["order/1", "order/10", "order/2", "Order/3", "order_", "order/é", "order/Z", "orders", "o%der/1", "order/%"];
        world.write(async |tx| {
            for key in keys {
                kv::set(tx, store, key, b"1", None).await?;
            }
            kv::set(tx, other, "order/other", b"1", None).await
        }).await;
        keys.sort_unstable();
        let list = async |prefix: &str, after: &str, limit| {
            world.read(async |tx| kv::list(tx, store, prefix, after, now, limit).await).await
        };
        assert_eq!(list("", "", 100).await, keys);
        let orders: Vec<_> = keys.iter().copied().filter(|k| k.starts_with("order/")).collect();
        assert_eq!(list("order/", "", 100).await, orders);
        let mut paged: Vec<String> = Vec::new();
        loop {
            let after = paged.last().cloned().unwrap_or_default();
            let page = list("order/", &after, 2).await;
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, orders);
        assert_eq!(list("o%", "", 100).await, ["o%der/1"], "no character of a prefix is a wildcard");
    }

    async fn a_key_that_cannot_be_stored_is_refused_not_mangled(world: &World) {
        let outcome = world.try_write(async |tx| kv::set(tx, world.workflow, "a\u{0}b", b"1", None).await).await;
        match outcome {
            Ok(()) => {
                let found = world.read(async |tx| kv::get(tx, world.workflow, "a\u{0}b", world.now()).await).await;
                assert_eq!(found.unwrap().value, b"1");
                assert_eq!(world.read(async |tx| kv::get(tx, world.workflow, "a", world.now()).await).await, None);
            }
            Err(error) => assert!(matches!(error, StorageError::Refused(_)), "{error}"),
        }
    }
}
