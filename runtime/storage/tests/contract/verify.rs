//! What the owner of the database can do to the trail who takes the guards away first, and that verifying finds it, against the log alone
//! or against a checkpoint that was kept elsewhere.

use factotum_model::AuditId;
use factotum_model::audit_log::{PublicKey, SignedCheckpoint};
use factotum_storage::verify::{self, Finding, Kind, Known, Report};
use factotum_storage::{ReadOnly, StorageError, audit_checkpoints, audit_signing_keys, proof, seal};

use crate::world::World;

/// The tables of the log that the owner writes anew.
const LOG: [&str; 6] = [
    "audit_leaves",
    "audit_nodes",
    "audit_checkpoints",
    "audit_epochs",
    "audit_signing_keys",
    "audit_signing_secrets",
];

impl World {
    /// A log of 370 entries, signed at 300, 350 and 370.
    async fn sealed_log(&self) {
        for more in [300, 50, 20] {
            self.record(more).await;
            self.seal().await;
        }
    }

    /// The newest checkpoint, as it is kept elsewhere.
    async fn kept(&self) -> Known {
        let note = self.checkpoint().await.note;
        let signed = SignedCheckpoint::parse(&note).unwrap();
        Known { checkpoints: vec![("kept".to_owned(), signed)], keys: Vec::new() }
    }

    async fn verify(&self, known: &Known) -> Report {
        let database = ReadOnly::open(&self.url).await.unwrap();
        let mut tx = database.snapshot().await.unwrap();
        let report = verify::organization(&mut tx, self.org.id, None, known).await.unwrap();
        drop(tx);
        database.close().await;
        report
    }

    async fn finding(&self, known: &Known) -> Finding {
        let report = self.verify(known).await;
        report.finding.clone().unwrap_or_else(|| panic!("nothing was found: {report:?}"))
    }

    /// That the log alone is enough to find this.
    async fn finds(&self, kind: Kind) -> Finding {
        let finding = self.finding(&Known::default()).await;
        assert_eq!(finding.kind, kind, "{finding:?}");
        finding
    }

    async fn owner(&self, table: &str, sql: &str) {
        self.raw().await.without_guards(table, sql).await;
    }

    /// The entry of a leaf.
    async fn entry_at(&self, index: u64) -> AuditId {
        let mut raw = self.raw().await;
        let org = raw.id(self.org.id.0);
        let text = raw
            .text(&format!(
                "SELECT lower(hex(entry_id)) FROM audit_leaves WHERE org_id = {org} AND leaf_index = {index}"
            ))
            .await;
        AuditId(uuid::Uuid::parse_str(&text).unwrap())
    }

    /// All the owner can do: the whole log anew, by the same program, over entries as they are now.
    async fn write_anew(&self) {
        for table in LOG {
            self.owner(table, &format!("DELETE FROM {table}")).await;
        }
        let mut raw = self.raw().await;
        let bound = raw.no_bound();
        raw.run(&format!("UPDATE audit_sealing SET bound = {bound}")).await.unwrap();
        self.seal().await;
    }
}

const OF_LEAF_137: &str = "id = (SELECT entry_id FROM audit_leaves WHERE leaf_index = 137)";
/// An entry like another one, but for its id and for its time, a day before.
const FORGE: &str = "INSERT INTO audit_entries (id, org_id, at, action, outcome, actor_id, actor_kind, actor_name, initiator_kind, detail) \
    SELECT #, org_id, at - 86400000000, action, outcome, actor_id, actor_kind, actor_name, initiator_kind, detail FROM audit_entries WHERE ";

on_both! {
    async fn a_trail_that_nobody_touched_is_clean(world: &World) {
        world.sealed_log().await;
        let known = world.kept().await;
        world.record(3).await;
        let report = world.verify(&known).await;
        assert_eq!(report.finding, None);
        assert_eq!((report.checkpoint.unwrap().size, report.checkpoints, report.unsealed), (370, 3, 3));
        world.seal().await;
        let report = world.verify(&known).await;
        assert_eq!((report.finding, report.unsealed), (None, 0));
    }

    async fn an_edited_entry_is_found_and_named(world: &World) {
        world.sealed_log().await;
        world.owner("audit_entries", &format!("UPDATE audit_entries SET action = 'test.n138' WHERE {OF_LEAF_137}")).await;
        let finding = world.finds(Kind::Altered).await;
        assert_eq!((finding.index, finding.entry), (Some(137), Some(world.entry_at(137).await)));
    }

    async fn an_edited_entry_whose_leaf_and_nodes_are_made_to_fit_is_found_by_what_was_signed(world: &World) {
        world.sealed_log().await;
        let mut raw = world.raw().await;
        let signed = ["audit_checkpoints", "audit_epochs", "audit_signing_keys", "audit_signing_secrets"];
        for table in signed {
            raw.run(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await.unwrap();
        }
        world.owner("audit_entries", "UPDATE audit_entries SET actor_name = 'Eve' WHERE id = (SELECT entry_id FROM audit_leaves WHERE leaf_index = 320)").await;
        world.write_anew().await;
        for table in signed {
            world.owner(table, &format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}")).await;
        }
        let finding = world.finds(Kind::Altered).await;
        assert_eq!((finding.index, finding.before), (Some(300), Some(350)), "{finding:?}");
        assert_eq!(finding.entry, Some(world.entry_at(300).await));
    }

    async fn a_deleted_entry_or_leaf_is_found_and_named(world: &World) {
        world.sealed_log().await;
        let gone = world.entry_at(137).await;
        world.owner("audit_entries", &format!("DELETE FROM audit_entries WHERE {OF_LEAF_137}")).await;
        let finding = world.finds(Kind::Missing).await;
        assert_eq!((finding.index, finding.entry), (Some(137), Some(gone)));
        world.owner("audit_leaves", "DELETE FROM audit_leaves WHERE leaf_index = 137").await;
        assert_eq!(world.finds(Kind::Missing).await.index, Some(137));
        // And the ones after it moved up.
        world.owner("audit_leaves", "UPDATE audit_leaves SET leaf_index = leaf_index + 1000000 WHERE leaf_index > 137; UPDATE audit_leaves SET leaf_index = leaf_index - 1000001 WHERE leaf_index > 1000000").await;
        let finding = world.finds(Kind::Missing).await;
        assert_eq!((finding.index, finding.before), (Some(0), Some(300)), "{finding:?}");
    }

    async fn exchanged_leaves_are_found_and_named(world: &World) {
        world.sealed_log().await;
        world.owner("audit_leaves", "UPDATE audit_leaves SET leaf_index = 1000000 WHERE leaf_index = 140; UPDATE audit_leaves SET leaf_index = 140 WHERE leaf_index = 141; UPDATE audit_leaves SET leaf_index = 141 WHERE leaf_index = 1000000").await;
        let finding = world.finds(Kind::Reordered).await;
        assert_eq!((finding.index, finding.entry), (Some(141), Some(world.entry_at(141).await)), "{finding:?}");
    }

    async fn a_tail_that_was_cut_off_is_found(world: &World) {
        world.sealed_log().await;
        let known = world.kept().await;
        world.owner("audit_entries", "DELETE FROM audit_entries WHERE id IN (SELECT entry_id FROM audit_leaves WHERE leaf_index >= 350)").await;
        world.owner("audit_leaves", "DELETE FROM audit_leaves WHERE leaf_index >= 350").await;
        assert_eq!(world.finds(Kind::Truncated).await.index, Some(350), "by the checkpoint that is left");
        world.owner("audit_checkpoints", "DELETE FROM audit_checkpoints WHERE size > 350").await;
        assert_eq!(world.verify(&Known::default()).await.finding, None, "without a checkpoint from elsewhere nobody can tell");
        let finding = world.finding(&known).await;
        assert_eq!((finding.kind, finding.index), (Kind::Truncated, Some(350)), "{finding:?}");
        // Nor does it help to fill it up again.
        world.record(20).await;
        world.seal().await;
        assert_eq!(world.finding(&known).await.kind, Kind::Rewritten);
    }

    async fn a_forged_entry_is_found_with_and_without_a_leaf(world: &World) {
        world.sealed_log().await;
        let mut raw = world.raw().await;
        let forged = AuditId::random();
        let id = raw.id(forged.0);
        raw.run(&format!("{}{OF_LEAF_137}", FORGE.replace('#', &id))).await.unwrap();
        let finding = world.finds(Kind::Forged).await;
        assert_eq!(finding.entry, Some(forged));
        let org = raw.id(world.org.id.0);
        let leaf = |index: i64, hash: String| format!("INSERT INTO audit_leaves (org_id, leaf_index, entry_id, leaf_hash) VALUES ({org}, {index}, {id}, {hash})");
        let hash = raw.bytes(7, 32);
        raw.run(&leaf(370, hash)).await.unwrap();
        let finding = world.finds(Kind::Forged).await;
        assert_eq!((finding.index, finding.entry), (Some(370), Some(forged)));
    }

    async fn a_forged_entry_with_a_leaf_among_the_others_is_found(world: &World) {
        world.sealed_log().await;
        let mut raw = world.raw().await;
        let forged = AuditId::random();
        let id = raw.id(forged.0);
        raw.run(&format!("{}{OF_LEAF_137}", FORGE.replace('#', &id))).await.unwrap();
        // The forged entry is sealed by the program itself, and its leaf then moved to where it is to seem to have been.
        world.owner("audit_checkpoints", "CREATE TABLE kept AS SELECT * FROM audit_checkpoints").await;
        world.seal().await;
        world.owner("audit_leaves", "UPDATE audit_leaves SET leaf_index = leaf_index + 1000000 WHERE leaf_index >= 138; UPDATE audit_leaves SET leaf_index = 138 WHERE leaf_index = 1000370; UPDATE audit_leaves SET leaf_index = leaf_index - 999999 WHERE leaf_index >= 1000000").await;
        world.owner("audit_checkpoints", "DELETE FROM audit_checkpoints; INSERT INTO audit_checkpoints SELECT * FROM kept").await;
        let finding = world.finds(Kind::Forged).await;
        assert_eq!((finding.index, finding.before), (Some(0), Some(300)), "{finding:?}");
    }

    async fn a_log_written_anew_is_found_by_a_checkpoint_or_a_key_kept_elsewhere(world: &World) {
        world.sealed_log().await;
        let known = world.kept().await;
        let key = world.read(async |tx| audit_signing_keys::list(tx, world.org.id).await).await[0].public;
        world.owner("audit_entries", &format!("UPDATE audit_entries SET actor_name = 'Eve' WHERE {OF_LEAF_137}")).await;
        world.write_anew().await;
        assert_eq!(world.verify(&Known::default()).await.finding, None, "it is whole in itself");
        let finding = world.finding(&known).await;
        assert_eq!(finding.kind, Kind::Rewritten, "{finding:?}");
        let pinned = Known { keys: vec![key], ..Known::default() };
        assert_eq!(world.finding(&pinned).await.kind, Kind::Rewritten);
        let text = key.verifier_key("factotum/audit/x/1");
        assert_eq!(PublicKey::from_verifier_key(&text), Ok(key));
    }

    async fn a_log_that_was_removed_is_found(world: &World) {
        world.sealed_log().await;
        for table in LOG {
            world.owner(table, &format!("DELETE FROM {table}")).await;
        }
        world.finds(Kind::Truncated).await;
    }

    async fn forged_checkpoints_keys_and_nodes_are_found(world: &World) {
        world.sealed_log().await;
        world.owner("audit_nodes", "UPDATE audit_nodes SET hash = (SELECT leaf_hash FROM audit_leaves WHERE leaf_index = 0)").await;
        let finding = world.finds(Kind::Altered).await;
        assert!(finding.reason.contains("node"), "{finding:?}");
        world.owner("audit_checkpoints", "UPDATE audit_checkpoints SET at = at + 1 WHERE size = 350").await;
        let finding = world.finds(Kind::Forged).await;
        assert!(finding.reason.contains("checkpoint 1"), "{finding:?}");
        let mut raw = world.raw().await;
        let (org, key) = (raw.id(world.org.id.0), raw.bytes(9, 32));
        raw.run(&format!("INSERT INTO audit_signing_keys (org_id, key_index, public_key, created_at) VALUES ({org}, 1, {key}, 1)")).await.unwrap();
        let finding = world.finds(Kind::Forged).await;
        assert!(finding.reason.contains("key"), "{finding:?}");
    }

    async fn a_key_that_was_rotated_is_followed_from_the_one_that_was_known(world: &World) {
        world.sealed_log().await;
        let key = world.read(async |tx| audit_signing_keys::list(tx, world.org.id).await).await[0].public;
        let now = world.now();
        world
            .write(async |tx| {
                seal::wait_turn(tx).await?;
                audit_signing_keys::rotate(&world.storage, tx, world.org.id, now).await?;
                seal::sign_again(&world.storage, tx, world.org.id).await
            })
            .await
            .unwrap();
        world.record(5).await;
        world.seal().await;
        let report = world.verify(&Known { keys: vec![key], ..Known::default() }).await;
        assert_eq!((report.finding, report.keys.len(), report.checkpoints), (None, 2, 5));
    }

    async fn after_a_restore_an_older_checkpoint_tells_what_was_lost_and_the_trail_why(world: &World) {
        world.sealed_log().await;
        let known = world.kept().await;
        // The backup was made at 350.
        world.owner("audit_entries", "DELETE FROM audit_entries WHERE id IN (SELECT entry_id FROM audit_leaves WHERE leaf_index >= 350)").await;
        world.owner("audit_leaves", "DELETE FROM audit_leaves WHERE leaf_index >= 350").await;
        world.owner("audit_checkpoints", "DELETE FROM audit_checkpoints WHERE size > 350").await;
        let checkpoints = known.checkpoints.iter().map(|(_, signed)| signed.checkpoint.clone());
        let mut sealer = seal::Sealer::remembering(world.storage.clone(), checkpoints);
        world.record(100).await;
        assert!(sealer.round().await.unwrap().complete);
        assert_eq!(world.verify(&Known::default()).await.finding, None);
        let finding = world.finding(&known).await;
        assert_eq!((finding.kind, finding.index), (Kind::Truncated, Some(350)), "{finding:?}");
        assert!(finding.reason.contains("restored"), "{finding:?}");
        let since = world.kept().await;
        world.record(3).await;
        world.seal().await;
        assert_eq!(world.verify(&since).await.finding, None, "checkpoints of the new epoch hold");
    }

    async fn an_entry_is_proved_by_a_short_path(world: &World) {
        world.sealed_log().await;
        for index in [0, 1, 137, 255, 256, 299, 300, 369] {
            let id = world.entry_at(index).await;
            let found = world.read(async |tx| proof::inclusion(tx, world.org.id, id).await).await;
            let Some(proof::Found::Sealed(proof)) = found else { panic!("{found:?}") };
            assert_eq!(proof.index, index);
            assert!(proof.hashes.len() <= 9, "{}", proof.hashes.len());
        }
        world.record(1).await;
        let unknown = world.read(async |tx| proof::inclusion(tx, world.org.id, AuditId::random()).await).await;
        assert!(unknown.is_none());
        let id = world.entry_at(137).await;
        world.owner("audit_entries", &format!("UPDATE audit_entries SET actor_name = 'Eve' WHERE {OF_LEAF_137}")).await;
        let mut tx = world.storage.read().await.unwrap();
        let error = proof::inclusion(&mut tx, world.org.id, id).await.unwrap_err();
        assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
        assert_eq!(audit_checkpoints::epochs(&mut tx, world.org.id).await.unwrap().len(), 1);
    }
}
