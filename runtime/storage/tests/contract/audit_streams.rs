//! The trail in its sealed order, and how far streams have come in it.

use std::collections::BTreeSet;
use std::time::Duration;

use factotum_model::NodeId;
use factotum_model::audit::{AuditEntry, AuditOutcome, Target};
use factotum_storage::audit_entries::{self, AuditFilter};
use factotum_storage::audit_streams::{self, Position};
use factotum_storage::{Backend, audit_sealed};

use crate::world::World;

/// Writes entries and makes them leaves in this order, as the sealer does.
async fn sealed(world: &World, first: u64, actions: &[&str]) -> Vec<AuditEntry> {
    let entries: Vec<_> = actions.iter().map(|action| world.entry(action)).collect();
    world.write(async |tx| audit_entries::append(tx, &entries).await).await;
    let mut raw = world.raw().await;
    for (index, entry) in (first..).zip(&entries) {
        let (org, id, hash) = (raw.id(world.org.id.0), raw.id(entry.id.0), raw.bytes(7, 32));
        let sql = format!(
            "INSERT INTO audit_leaves (org_id, leaf_index, entry_id, leaf_hash) VALUES ({org}, {index}, {id}, {hash})"
        );
        raw.run(&sql).await.unwrap();
    }
    entries
}

on_both! {
    async fn a_range_follows_the_leaves_and_stays_in_its_organization(world: &World) {
        let (other, _) = world.another_org("Other").await;
        let entries = sealed(world, 0, &["run.a", "run.b", "run.c"]).await;
        let org = world.org.id;
        let range = world.read(async |tx| audit_sealed::range(tx, org, 1, 10).await).await;
        assert_eq!(range.entries.iter().map(|s| (s.index, s.entry.clone())).collect::<Vec<_>>(), [(1, entries[1].clone()), (2, entries[2].clone())]);
        assert_eq!(range.next, 3);
        let one = world.read(async |tx| audit_sealed::range(tx, org, 0, 1).await).await;
        assert_eq!((one.entries.len(), one.next), (1, 1));
        let end = world.read(async |tx| audit_sealed::range(tx, org, 3, 10).await).await;
        assert_eq!((end.entries.len(), end.next), (0, 3));
        assert_eq!(world.read(async |tx| audit_sealed::size(tx, org).await).await, 3);
        assert_eq!(world.read(async |tx| audit_sealed::size(tx, other.id).await).await, 0);
        assert!(world.read(async |tx| audit_sealed::range(tx, other.id, 0, 10).await).await.entries.is_empty());
    }

    async fn a_cursor_moves_only_from_where_it_was_seen(world: &World) {
        sealed(world, 0, &["run.a", "run.b", "run.c"]).await;
        let (org, now) = (world.org.id, world.now());
        let pending = || world.read(async |tx| audit_streams::pending(tx, "siem").await);
        let at = |next, moved_at| Position { org_id: org, name: world.org.name.clone(), next, moved_at };
        assert_eq!(pending().await, [at(0, None)]);
        let lag = world.read(async |tx| audit_streams::lag(tx, "siem").await).await;
        let own = lag.iter().find(|l| l.position.org_id == org).unwrap();
        assert_eq!((own.entries, own.since), (3, Some(now)));
        let advance = async |from, to| world.write(async |tx| audit_streams::advance(tx, "siem", org, (from, to), now).await).await;
        assert!(advance(0, 2).await);
        assert!(!advance(0, 3).await, "it stands elsewhere");
        assert_eq!(pending().await, [at(2, Some(now))]);
        assert!(advance(2, 3).await);
        assert_eq!(pending().await, []);
        let lag = world.read(async |tx| audit_streams::lag(tx, "siem").await).await;
        assert!(lag.iter().all(|l| l.entries == 0 && l.since.is_none()), "{lag:?}");
        let other = world.read(async |tx| audit_streams::pending(tx, "another").await).await;
        assert_eq!(other, [at(0, None)], "each stream has its own");
    }

    async fn one_node_has_the_lease_until_it_gives_it_back_or_falls_silent(world: &World) {
        let (first, second, long) = (NodeId::random(), NodeId::random(), Duration::from_mins(10));
        let lease = async |node, lasts| world.write(async |tx| audit_streams::lease(tx, "siem", node, lasts).await).await;
        assert!(lease(first, long).await);
        assert!(!lease(second, long).await);
        assert!(lease(first, long).await, "who has it renews it");
        world.write(async |tx| audit_streams::release(tx, "siem", second).await).await;
        assert!(!lease(second, long).await, "nobody gives back what another has");
        world.write(async |tx| audit_streams::release(tx, "siem", first).await).await;
        assert!(lease(second, Duration::ZERO).await);
        // It has run out as soon as the database's clock has moved on.
        while !lease(first, long).await {}
        assert_eq!(world.read(async |tx| Ok(audit_streams::is_shared(tx))).await, world.storage.backend() == Backend::Postgres);
    }

    async fn the_filters_take_from_a_tail_what_they_take_from_the_list(world: &World) {
        let mut all: Vec<_> = ["api_key.create", "api_key.revoke", "run.fail", "workflow.run"].map(|action| world.entry(action)).into();
        all[1].outcome = AuditOutcome::Denied;
        all[1].reason = Some("denied: 100% no".into());
        all[2].targets = vec![Target::new("run", "run_1"), Target::named("workflow", "wfl_1", "order \"intake\"")];
        all[3].user_agent = Some("curl/8 (ÉTAT)".into());
        world.write(async |tx| audit_entries::append(tx, &all).await).await;
        let none = AuditFilter::default;
        let text = |text: &str| AuditFilter { text: Some(text.into()), ..none() };
        let target = |id: &str| AuditFilter { target: Some(id.into()), ..none() };
        let action = |action: &str| AuditFilter { action: Some(action.into()), ..none() };
        let mut found_any = 0;
        for filter in [
            none(), action("api_key.*"), action("run.fail"), action("api_key"), action("*"), target("wfl_1"), target("run_1"), target("run"),
            text("100%"), text("REVOKE"), text("curl"), text("intake"), text("nowhere"), text("ÉTAT"),
            AuditFilter { outcome: Some(AuditOutcome::Denied), ..none() },
            AuditFilter { account: Some(all[0].actor.id), since: Some(all[0].at), ..none() },
            AuditFilter { until: Some(all[0].at), ..none() },
        ] {
            let listed: BTreeSet<_> = world.entries(&filter).await.into_iter().map(|e| e.id).collect();
            let matched: BTreeSet<_> = all.iter().filter(|e| filter.matches(e)).map(|e| e.id).collect();
            assert_eq!(listed, matched, "{filter:?}");
            found_any += listed.len();
        }
        assert!(found_any > 20);
    }
}
