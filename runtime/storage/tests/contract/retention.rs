//! Removing the beginning of a sealed log. What must hold: nothing young, nothing unsealed, nothing out of order goes, whoever asks; what is
//! proved of the log stays proved; and a log that was tampered with is not cut, which would hide it.

use std::time::Duration;

use factotum_model::audit::{AuditEntry, Target};
use factotum_model::{AccountKind, OrgId, Principal, Timestamp};
use factotum_storage::audit_entries::{self, AuditFilter};
use factotum_storage::retention::{self, Removed};
use factotum_storage::{StorageError, audit_leaves, people};

use crate::world::{Raw, World};

/// A time long ago: 2020-09-13.
const LONG_AGO: Timestamp = Timestamp::from_micros(1_600_000_000_000_000);

fn year_later() -> Timestamp {
    LONG_AGO.plus(Duration::from_hours(365 * 24))
}

fn old(world: &World, n: u64) -> AuditEntry {
    AuditEntry { at: LONG_AGO.plus(Duration::from_secs(n)), ..world.entry(&format!("old.n{n}")) }
}

/// So many entries from long ago, then so many of today, all sealed.
async fn sealed(world: &World, old_ones: u64, young: usize) {
    let entries: Vec<_> = (0..old_ones).map(|n| old(world, n)).collect();
    world.write(async |tx| audit_entries::append(tx, &entries).await).await;
    world.seal().await;
    world.record(young).await;
    world.seal().await;
}

async fn try_remove(world: &World, org: OrgId, before: Timestamp) -> Result<Option<Removed>, StorageError> {
    world.try_write(async |tx| retention::remove(tx, org, before, world.now()).await).await
}

async fn remove(world: &World, before: Timestamp) -> Option<Removed> {
    try_remove(world, world.org.id, before).await.unwrap()
}

async fn actions(world: &World) -> Vec<String> {
    world.entries(&AuditFilter::default()).await.into_iter().map(|e| e.action).collect()
}

async fn count(world: &World, table: &str) -> i64 {
    world.raw().await.number(&format!("SELECT count(*) FROM {table}")).await
}

on_both! {
    async fn what_is_past_its_time_goes_and_the_log_stays(world: &World) {
        let now = world.now();
        let mut about = old(world, 0);
        let person = world.write(async |tx| people::find_or_create(tx, "ann@example.com", "Ann", now).await).await;
        about.targets = vec![Target::named("person", person, "Ann")];
        about.actor = Principal { kind: AccountKind::Member, name: "Ann".into(), ..about.actor };
        world.write(async |tx| audit_entries::append(tx, &[about]).await).await;
        sealed(world, 60, 5).await;
        assert!(count(world, "audit_personal").await > 0);
        let (before, leaves) = (world.checkpoint().await, world.raw().await.dump().await["audit_leaves"].clone());

        assert_eq!(remove(world, LONG_AGO).await, None, "nothing is older than that");
        let removed = remove(world, year_later()).await.unwrap();
        assert_eq!((removed.from, removed.size, &removed.checkpoint), (0, 61, &before.checkpoint));
        assert_eq!(actions(world).await, ["test.n4", "test.n3", "test.n2", "test.n1", "test.n0"]);
        assert_eq!((count(world, "audit_personal").await, count(world, "audit_retention").await), (0, 1));
        assert_eq!(world.raw().await.dump().await["audit_leaves"], leaves, "the leaves are as they were");
        assert_eq!(world.read(async |tx| retention::removed(tx, world.org.id).await).await, 61);
        assert_eq!(remove(world, year_later()).await, None, "once more removes nothing");

        world.record(3).await;
        let round = world.seal().await;
        assert_eq!((round.sealed, round.refused.len()), (3, 0), "the log goes on");
        assert_eq!(world.checkpoint().await.checkpoint.size, before.checkpoint.size + 3);
        assert_eq!(world.read(async |tx| audit_leaves::hashes(tx, world.org.id, 0, 100).await).await.len(), 69);
    }

    async fn the_order_of_the_leaves_counts_and_the_newest_stays(world: &World) {
        sealed(world, 3, 1).await;
        let late: Vec<_> = (10..20).map(|n| old(world, n)).collect();
        world.write(async |tx| audit_entries::append(tx, &late).await).await;
        assert_eq!(remove(world, year_later()).await.map(|r| r.size), Some(3), "what is not sealed yet is no part of the log");
        world.seal().await;
        assert_eq!(remove(world, year_later()).await, None, "a young entry stands before them");
        let (other, _) = world.another_org("Other").await;
        let all: Vec<_> = (0..5).map(|n| AuditEntry { org_id: other.id, ..old(world, n) }).collect();
        world.write(async |tx| audit_entries::append(tx, &all).await).await;
        world.seal().await;
        assert_eq!(try_remove(world, other.id, year_later()).await.unwrap().map(|r| r.size), Some(4), "all but the newest");
        assert_eq!(actions(world).await.len(), 11, "one organization's log is not the other's");
    }

    async fn a_long_beginning_goes_in_batches(world: &World) {
        let n = retention::BATCH + 10;
        sealed(world, n, 2).await;
        let mut cuts = Vec::new();
        while let Some(removed) = remove(world, year_later()).await {
            cuts.push((removed.from, removed.size));
        }
        assert_eq!(cuts, [(0, retention::BATCH), (retention::BATCH, n)]);
        assert_eq!(count(world, "audit_entries").await, 2);
    }

    async fn no_boundary_but_a_true_one_is_taken_by_the_database(world: &World) {
        sealed(world, 20, 5).await;
        // Old, committed, and not sealed.
        world.write(async |tx| audit_entries::append(tx, &[old(world, 99)]).await).await;
        let mut raw = world.raw().await;
        let org = raw.id(world.org.id.0);
        let head = world.checkpoint().await.checkpoint;
        let (cut, young, today) = (year_later().as_micros(), world.now().as_micros(), i64::MAX);
        let root = format!("(SELECT root FROM audit_checkpoints WHERE org_id = {org} AND size = {})", head.size);
        let insert = |size: u64, before: i64, checkpoint: u64, root: &str| {
            format!("INSERT INTO audit_retention (org_id, size, older_than, checkpoint_size, checkpoint_root, at) VALUES ({org}, {size}, {before}, {checkpoint}, {root}, 1)")
        };
        let mut attacks = vec![
            insert(head.size, cut, head.size, &root),
            insert(head.size + 1, cut, head.size + 1, &root),
            insert(10, cut, head.size + 100, &root),
            insert(10, cut, head.size, &raw.bytes(7, 32)),
            // A checkpoint that was true once, and is not the newest.
            insert(10, cut, 20, &format!("(SELECT root FROM audit_checkpoints WHERE org_id = {org} AND size = 20)")),
            insert(21, cut, head.size, &root),
            insert(24, young, head.size, &root),
            insert(24, today, head.size, &root),
            insert(0, cut, head.size, &root),
            "DELETE FROM audit_entries".to_owned(),
            format!("DELETE FROM audit_entries WHERE at < {cut}"),
            "DELETE FROM audit_entries WHERE action = 'old.n99'".to_owned(),
            "DELETE FROM audit_leaves".to_owned(),
            "UPDATE audit_entries SET at = 1".to_owned(),
        ];
        if matches!(raw, Raw::Postgres(_)) {
            for (size, before) in [(head.size, cut), (head.size + 5, cut), (21, cut), (24, young), (24, today), (0, cut)] {
                attacks.push(format!("SELECT retain_audit({org}, {size}, {before}, 1)"));
            }
            attacks.push(format!("SELECT retain_audit({}, 5, {cut}, 1)", raw.id(uuid::Uuid::nil())));
            attacks.push("TRUNCATE audit_retention".to_owned());
            // A table of one's own that says what one likes.
            attacks.push(format!("CREATE TEMP TABLE audit_retention AS SELECT {org} AS org_id, 1000000::bigint AS size; DELETE FROM audit_entries"));
        } else {
            attacks.push(insert(5, cut, head.size, &root).replace("INSERT", "INSERT OR REPLACE") + "; INSERT OR REPLACE INTO audit_retention SELECT * FROM audit_retention");
            attacks.push(format!("CREATE TEMP TABLE audit_retention AS SELECT {org} AS org_id, 1000000 AS size; DELETE FROM audit_entries"));
        }
        for attack in &attacks {
            let words = raw.run(&format!("BEGIN; {attack}; COMMIT")).await.expect_err(attack);
            assert!(["guard: ", "constraint", "violates"].iter().any(|w| words.contains(w)), "{attack}: {words}");
            raw.run("ROLLBACK").await.ok();
        }
        assert_eq!((count(world, "audit_entries").await, count(world, "audit_retention").await), (26, 0));

        assert_eq!(remove(world, year_later()).await.map(|r| r.size), Some(20));
        for attack in [
            "DELETE FROM audit_retention".to_owned(),
            "UPDATE audit_retention SET size = 24".to_owned(),
            insert(20, cut, head.size, &root),
            insert(5, cut, head.size, &root),
            insert(24, cut, head.size, &root),
            "DELETE FROM audit_entries".to_owned(),
        ] {
            raw.run(&attack).await.expect_err(&attack);
        }
        assert_eq!(count(world, "audit_entries").await, 6);
    }

    async fn a_log_that_was_tampered_with_is_not_cut(world: &World) {
        sealed(world, 20, 5).await;
        let mut raw = world.raw().await;
        let on = if matches!(raw, Raw::Postgres(_)) { " ON audit_entries" } else { "" };
        for guard in ["update", "delete"] {
            raw.run(&format!("DROP TRIGGER audit_entries_guard_{guard}{on}")).await.unwrap();
        }
        raw.run("UPDATE audit_entries SET outcome = 'denied' WHERE action = 'old.n7'").await.unwrap();
        let error = try_remove(world, world.org.id, year_later()).await.unwrap_err().to_string();
        assert!(error.contains("entry 7 ") && error.contains("altered"), "{error}");
        raw.run("UPDATE audit_entries SET outcome = 'ok' WHERE action = 'old.n7'").await.unwrap();
        raw.run("DELETE FROM audit_entries WHERE action = 'old.n3'").await.unwrap();
        let error = try_remove(world, world.org.id, year_later()).await.unwrap_err().to_string();
        assert!(error.contains("entry 3 ") && error.contains("missing"), "{error}");
        assert_eq!((count(world, "audit_entries").await, count(world, "audit_retention").await), (24, 0));
    }
}
