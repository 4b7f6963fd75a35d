//! Sealing: leaves without gaps, a tree whose root is RFC 6962's, signed checkpoints, epochs; and that what is sealed is not changed.

use std::collections::HashSet;
use std::time::Duration;

use factotum_model::audit_log::{Frontier, SignedCheckpoint};
use factotum_storage::audit_checkpoints::{self, Stored};
use factotum_storage::audit_entries::{self, AuditFilter};
use factotum_storage::seal::{BATCH, Round, Sealer};
use factotum_storage::{StorageError, audit_leaves, audit_signing_keys};

use crate::world::World;

impl World {
    /// Puts so many entries on the record, each in a transaction of its own for the first ten, the rest at once.
    pub async fn record(&self, entries: usize) {
        for n in 0..entries.min(10) {
            let entry = self.entry(&format!("test.n{n}"));
            self.write(async |tx| audit_entries::append(tx, &[entry]).await).await;
        }
        let rest: Vec<_> = (10..entries).map(|n| self.entry(&format!("test.n{n}"))).collect();
        self.write(async |tx| audit_entries::append(tx, &rest).await).await;
    }

    /// A sealer that remembers nothing.
    pub fn sealer(&self) -> Sealer {
        Sealer::remembering(self.storage.clone(), [])
    }

    /// Seals all that there is.
    pub async fn seal(&self) -> Round {
        let round = self.sealer().round().await.unwrap();
        assert!(round.complete, "{round:?}");
        round
    }

    /// The newest checkpoint.
    pub async fn checkpoint(&self) -> Stored {
        self.read(async |tx| audit_checkpoints::newest(tx, self.org.id).await).await.unwrap()
    }

    /// That the log is whole: each entry is one leaf, the root is that of the leaves, the note is signed by the organization's key.
    pub async fn check_log(&self, entries: i64) {
        let mut raw = self.raw().await;
        let org = raw.id(self.org.id.0);
        assert_eq!(raw.number("SELECT count(*) FROM audit_entries").await, entries);
        for (sql, wanted) in [
            ("SELECT count(*) FROM audit_leaves WHERE org_id = #", entries),
            ("SELECT max(leaf_index) FROM audit_leaves WHERE org_id = #", entries - 1),
            ("SELECT count(DISTINCT leaf_index) FROM audit_leaves WHERE org_id = #", entries),
            ("SELECT count(DISTINCT entry_id) FROM audit_leaves WHERE org_id = #", entries),
        ] {
            assert_eq!(raw.number(&sql.replace('#', &org)).await, wanted, "{sql}");
        }
        let stored = self.checkpoint().await;
        let signed = SignedCheckpoint::parse(&stored.note).unwrap();
        assert_eq!(signed.checkpoint, stored.checkpoint, "note and columns say the same");
        assert_eq!(stored.checkpoint.size, u64::try_from(entries).unwrap());
        let keys = self.read(async |tx| audit_signing_keys::list(tx, self.org.id).await).await;
        assert!(signed.is_signed_by(keys.last().unwrap().public));
        let mut tree = Frontier::default();
        for hash in self.read(async |tx| audit_leaves::hashes(tx, self.org.id, 0, 1 << 40).await).await {
            tree.append(hash, |_, _, _| {});
        }
        assert_eq!((tree.size(), tree.root()), (stored.checkpoint.size, stored.checkpoint.root));
    }
}

on_both! {
    async fn each_entry_becomes_one_leaf_and_the_root_is_signed(world: &World) {
        // There may be entries from the setting up.
        let before = world.raw().await.number("SELECT count(*) FROM audit_entries").await;
        let mut all = before;
        for more in [1, 2, 254, 1, 300] {
            world.record(more).await;
            all += i64::try_from(more).unwrap();
            let round = world.seal().await;
            assert_eq!(round.signed.len(), 1);
            world.check_log(all).await;
        }
        let round = world.seal().await;
        assert_eq!((round.found, round.sealed, round.signed.len()), (0, 0, 0), "nothing is sealed twice");
        world.check_log(all).await;
        let mut raw = world.raw().await;
        assert_eq!(raw.number("SELECT count(*) FROM audit_nodes WHERE level = 1").await, all / 256);
    }

    async fn a_backlog_is_sealed_in_batches_and_taken_up_where_it_was_cut_off(world: &World) {
        let batch = BATCH as usize;
        world.record(2 * batch + 100).await;
        // Cut off after the first batch: its future is dropped somewhere in the second.
        let mut sealer = world.sealer();
        let cut = tokio::time::timeout(Duration::from_mins(1), async {
            let watch = async {
                loop {
                    let stored = world.read(async |tx| audit_checkpoints::newest(tx, world.org.id).await).await;
                    if stored.is_some() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! { _ = sealer.round() => {}, () = watch => {} }
        });
        cut.await.unwrap();
        world.seal().await;
        world.check_log(2 * i64::from(BATCH) + 100).await;
    }

    async fn sealers_side_by_side_seal_each_entry_once(world: &World) {
        let nodes = [world.another_node().await, world.another_node().await];
        let mut sealers: Vec<_> = nodes.iter().map(|node| Sealer::remembering(node.clone(), [])).collect();
        let (first, second) = sealers.split_at_mut(1);
        for _ in 0..10 {
            world.record(30).await;
            let (a, b, ()) = tokio::join!(first[0].round(), second[0].round(), world.record(5));
            for round in [a, b] {
                // On SQLite two processes would not; here they collide at the worst.
                assert!(round.as_ref().map_or_else(StorageError::is_transient, |r| r.refused.is_empty()), "{round:?}");
            }
        }
        world.seal().await;
        world.check_log(350).await;
        for node in nodes {
            node.close().await;
        }
    }

    async fn each_organization_has_a_log_of_its_own(world: &World) {
        let now = world.now();
        let other = world.write(async |tx| factotum_storage::organizations::create(tx, "Other", now).await).await;
        world.record(3).await;
        let mut entry = world.entry("test.other");
        entry.org_id = other.id;
        entry.actor.id = other.base_account;
        world.write(async |tx| audit_entries::append(tx, &[entry]).await).await;
        world.seal().await;
        let stored = world.read(async |tx| audit_checkpoints::newest(tx, other.id).await).await.unwrap();
        assert_eq!(stored.checkpoint.size, 1);
        assert_eq!(world.checkpoint().await.checkpoint.size, 3);
        let keys: HashSet<_> = [
            world.read(async |tx| audit_signing_keys::list(tx, other.id).await).await,
            world.read(async |tx| audit_signing_keys::list(tx, world.org.id).await).await,
        ]
        .into_iter()
        .map(|keys| keys[0].public)
        .collect();
        assert_eq!(keys.len(), 2, "and a key of its own");
    }

    async fn what_is_sealed_cannot_be_changed(world: &World) {
        world.record(300).await;
        world.seal().await;
        let mut raw = world.raw().await;
        for table in ["audit_entries", "audit_leaves", "audit_nodes", "audit_epochs", "audit_checkpoints", "audit_signing_keys"] {
            assert!(raw.number(&format!("SELECT count(*) FROM {table}")).await > 0, "{table}");
            for attack in [format!("DELETE FROM {table}"), format!("UPDATE {table} SET org_id = org_id")] {
                let error = raw.run(&attack).await.unwrap_err();
                assert!(error.contains("guard:"), "{attack}: {error}");
            }
            let again = raw.run(&format!("INSERT INTO {table} SELECT * FROM {table}")).await.unwrap_err();
            assert!(again.contains("guard:") || again.contains("duplicate key"), "{table}: {again}");
        }
        world.check_log(300).await;
    }

    async fn nothing_is_sealed_on_top_of_a_log_that_was_tampered_with(world: &World) {
        world.record(20).await;
        world.seal().await;
        let mut raw = world.raw().await;
        raw.without_guards("audit_leaves", "DELETE FROM audit_leaves WHERE leaf_index = 7").await;
        world.record(5).await;
        let round = world.sealer().round().await.unwrap();
        assert!(!round.complete && round.sealed == 0, "{round:?}");
        let [(org, error)] = round.refused.as_slice() else { panic!("{round:?}") };
        assert_eq!(*org, world.org.id);
        assert!(error.to_string().contains("tampered"), "{error}");
        // The others go on.
        let now = world.now();
        let other = world.write(async |tx| factotum_storage::organizations::create(tx, "Other", now).await).await;
        let mut entry = world.entry("test.other");
        entry.org_id = other.id;
        world.write(async |tx| audit_entries::append(tx, &[entry]).await).await;
        let round = world.sealer().round().await.unwrap();
        assert_eq!((round.sealed, round.refused.len()), (1, 1), "{round:?}");
    }

    async fn a_log_that_is_behind_what_is_remembered_begins_a_new_epoch(world: &World) {
        world.record(10).await;
        let mut sealer = world.sealer();
        sealer.round().await.unwrap();
        let was = world.checkpoint().await.checkpoint;
        // The backup is older than this.
        let mut ahead = was.clone();
        ahead.size += 5;
        let mut after = Sealer::remembering(world.storage.clone(), [ahead]);
        world.record(2).await;
        let round = after.round().await.unwrap();
        assert!(round.complete, "{round:?}");
        let now = world.checkpoint().await.checkpoint;
        assert!(now.epoch > was.epoch);
        let filter = AuditFilter { action: Some("audit.begin_epoch".into()), ..AuditFilter::default() };
        let said = world.entries(&filter).await;
        assert_eq!(said.len(), 1, "it is on the record");
        assert!(said[0].reason.as_ref().unwrap().contains("restored"), "{said:?}");
        let epochs = world.read(async |tx| audit_checkpoints::epochs(tx, world.org.id).await).await;
        assert_eq!(epochs.iter().map(|e| e.size).collect::<Vec<_>>(), [0, 10]);
        world.seal().await;
        world.check_log(13).await;
        assert_eq!(after.round().await.unwrap().found, 0, "once");
    }
}
