//! The count of revocations: it grows with each one, in the order of commits, and is read together with the key. Nodes report how far they
//! have seen; that is PostgreSQL's alone, as SQLite has one node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use factotum_storage::api_keys;
use factotum_storage::revocations::{self, Revocations};

use crate::fixture::key_text;
use crate::world::World;

async fn count(world: &World) -> i64 {
    world.read(async |tx| revocations::count(tx).await).await.0
}

on_both! {
    async fn each_shortened_life_counts_and_nothing_else(world: &World) {
        let before = count(world).await;
        let one = world.key("one", 1, &["kv:read"], None).await;
        let two = world.key("two", 2, &["kv:read"], None).await;
        let used = [(one.id, world.now(), "192.0.2.1".to_owned())];
        world.write(async |tx| api_keys::touch(tx, &used).await).await;
        assert_eq!(count(world).await, before, "a new key and a use are no news to a cache");

        let within = world.write(async |tx| {
            assert!(api_keys::revoke(tx, world.org.id, one.id, world.now()).await?);
            revocations::count(tx).await
        }).await;
        assert_eq!((within.0, count(world).await), (before + 1, before + 1));
        assert!(!world.write(async |tx| api_keys::revoke(tx, world.org.id, one.id, world.now()).await).await);
        assert_eq!(count(world).await, before + 1, "it was revoked already");

        let until = world.now().plus(Duration::from_mins(1));
        assert!(world.write(async |tx| api_keys::rotate_out(tx, world.org.id, two.id, until, world.now()).await).await);
        assert_eq!(count(world).await, before + 2);

        let mut tx = world.storage.write().await.unwrap();
        assert!(api_keys::revoke(&mut tx, world.org.id, two.id, world.now()).await.unwrap());
        drop(tx);
        assert_eq!(count(world).await, before + 2, "what was rolled back did not happen");
    }

    async fn a_key_is_read_together_with_the_count(world: &World) {
        let mut keys = Vec::new();
        for byte in 1..=20 {
            keys.push(world.key(&format!("key-{byte}-{}", "x".repeat(usize::from(byte))), byte, &["kv:read"], None).await);
        }
        let before = count(world).await;
        let going = Arc::new(AtomicBool::new(true));
        let mut readers = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let (storage, going) = (world.storage.clone(), Arc::clone(&going));
            readers.spawn(async move {
                let mut looked = 0;
                while going.load(Ordering::SeqCst) {
                    for byte in 1..=20_u8 {
                        let mut tx = storage.read().await.unwrap();
                        let (holder, known) = api_keys::holder(&mut tx, key_text(byte).hash()).await.unwrap();
                        // They are revoked in order: the n-th is gone as soon as n are counted, and not before.
                        assert_eq!(holder.is_none(), known.0 - before >= i64::from(byte), "key {byte} at {known:?}");
                        looked += 1;
                    }
                }
                looked
            });
        }
        for key in &keys {
            assert!(world.write(async |tx| api_keys::revoke(tx, world.org.id, key.id, world.now()).await).await);
        }
        going.store(false, Ordering::SeqCst);
        assert!(readers.join_all().await.into_iter().all(|looked| looked > 0));
        assert_eq!(count(world).await, before + 20);
    }

    async fn the_count_only_grows(world: &World) {
        let key = world.key("one", 1, &["kv:read"], None).await;
        world.write(async |tx| api_keys::revoke(tx, world.org.id, key.id, world.now()).await).await;
        let before = count(world).await;
        let mut raw = world.raw().await;
        for attack in [
            "UPDATE revocations SET seq = 0",
            "UPDATE revocations SET seq = seq",
            "DELETE FROM revocations",
            "INSERT INTO revocations (one, seq) VALUES (1, 0)",
            "INSERT INTO revocations (one, seq) VALUES (2, 0)",
            "INSERT INTO revocations (one, seq) VALUES (1, 0) ON CONFLICT (one) DO UPDATE SET seq = 0",
        ] {
            assert!(raw.run(attack).await.is_err(), "{attack}");
        }
        assert_eq!(count(world).await, before);
    }
}

#[tokio::test]
async fn on_sqlite_the_count_is_not_replaced_either() {
    let world = World::sqlite().await;
    let mut raw = world.raw().await;
    let replaced = raw.run("INSERT OR REPLACE INTO revocations (one, seq) VALUES (1, 99)").await;
    assert!(replaced.is_err_and(|e| e.contains("only grows")));
    assert_eq!(count(&world).await, 0);
    world.close().await;
}

#[tokio::test]
async fn on_sqlite_nobody_is_waited_for() {
    let world = World::sqlite().await;
    world.storage.heartbeat("this").await.unwrap();
    // A predecessor that was killed: its row is still there.
    let predecessor = world.another_node().await;
    predecessor.heartbeat("killed").await.unwrap();
    let behind =
        world.read(async |tx| revocations::behind(tx, world.storage.node(), Revocations(5)).await).await;
    assert!(behind.is_empty());
    predecessor.close().await;
    world.close().await;
}

#[tokio::test]
async fn a_node_is_behind_until_it_has_reported() {
    let world = World::postgres().await;
    let other = world.another_node().await;
    let behind = async |count: i64| {
        world.read(async |tx| revocations::behind(tx, world.storage.node(), Revocations(count)).await).await
    };
    let report = async |count: i64| {
        let mut tx = other.write().await.unwrap();
        revocations::report(&mut tx, other.node(), Revocations(count)).await.unwrap();
        tx.commit().await.unwrap();
    };
    world.storage.heartbeat("this").await.unwrap();
    assert!(behind(5).await.is_empty(), "it does not wait for itself");
    other.heartbeat("other").await.unwrap();
    assert_eq!(behind(5).await, [other.node()]);
    report(4).await;
    assert_eq!(behind(5).await, [other.node()]);
    report(5).await;
    assert!(behind(5).await.is_empty());
    report(3).await;
    other.heartbeat("other").await.unwrap();
    assert!(behind(5).await.is_empty(), "a late report and a heartbeat take nothing back");
    assert_eq!(behind(6).await, [other.node()]);
    other.sign_off().await.unwrap();
    assert!(behind(6).await.is_empty());
    other.close().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_of_two_nodes_at_once_are_counted_in_the_order_of_commits() {
    let world = World::postgres().await;
    let other = world.another_node().await;
    let before = count(&world).await;
    let mut revokers = tokio::task::JoinSet::new();
    for byte in 1..=16_u8 {
        let name = format!("key-{}", "x".repeat(usize::from(byte)));
        let key = world.key(&name, byte, &["kv:read"], None).await;
        let storage = if byte % 2 == 0 { world.storage.clone() } else { other.clone() };
        let (org, now) = (world.org.id, world.now());
        revokers.spawn(async move {
            let mut tx = storage.write().await.unwrap();
            assert!(api_keys::revoke(&mut tx, org, key.id, now).await.unwrap());
            let own = revocations::count(&mut tx).await.unwrap();
            tx.commit().await.unwrap();
            // Whoever reads it now finds all that it counts.
            let mut tx = storage.read().await.unwrap();
            assert!(revocations::count(&mut tx).await.unwrap() >= own);
            assert!(api_keys::holder(&mut tx, key_text(byte).hash()).await.unwrap().0.is_none());
            own.0
        });
    }
    let mut counts = revokers.join_all().await;
    counts.sort_unstable();
    assert_eq!(counts, (before + 1..=before + 16).collect::<Vec<_>>(), "each has a count of its own");
    other.close().await;
    world.close().await;
}
