//! Identities at a provider, and log-ins on their way there: one person each, one answer each, sealed at rest.

use std::time::Duration;

use factotum_model::{Digest, PersonId, Redacted};
use factotum_storage::identities::{self, WaysIn};
use factotum_storage::oidc_flows::{self, NewFlow};
use factotum_storage::{StorageError, accounts, credentials, people};

use crate::world::{Raw, World};

const ISSUER: &str = "https://id.example.com";

async fn person(world: &World, email: &str) -> PersonId {
    world.write(async |tx| people::create(tx, email, email, world.now()).await).await.unwrap()
}

async fn link(world: &World, person: PersonId, subject: &str) -> Result<(), StorageError> {
    world.try_write(async |tx| identities::link(tx, person, ISSUER, subject, world.now()).await).await
}

async fn begin(world: &World, state: &[u8]) -> Digest {
    let state_hash = Digest::of(state);
    let new = NewFlow {
        state_hash,
        browser_hash: Digest::of(b"browser"),
        checks: Redacted::new(b"nonce-and-verifier".to_vec()),
        expires_at: world.now().plus(Duration::from_mins(10)),
    };
    world.write(async |tx| oidc_flows::create(&world.storage, tx, &new, world.now()).await).await;
    state_hash
}

async fn take(world: &World, state: Digest) -> Option<oidc_flows::Flow> {
    world.write(async |tx| oidc_flows::take(&world.storage, tx, state, world.now()).await).await
}

on_both! {
    async fn an_identity_is_one_persons_until_it_is_unlinked(world: &World) {
        let (ann, bob) = (person(world, "ann@example.com").await, person(world, "bob@example.com").await);
        link(world, ann, "s1").await.unwrap();
        link(world, ann, "s2").await.unwrap();
        for person in [ann, bob] {
            assert!(matches!(link(world, person, "s1").await, Err(StorageError::Exists { .. })));
        }
        let find = async |issuer: &str, subject: &str| {
            world.read(async |tx| identities::find(tx, issuer, subject).await).await
        };
        assert_eq!(find(ISSUER, "s1").await, Some(ann));
        assert_eq!(find("https://evil.example.com", "s1").await, None, "the same subject elsewhere is somebody else");
        assert_eq!(find(ISSUER, "S1").await, None, "subjects are compared byte by byte");
        let all = world.read(async |tx| identities::list(tx, ann).await).await;
        assert_eq!(all.len(), 2);
        assert_ne!(all[0].id(), all[1].id());
        let gone = async |whose, subject: &str| {
            world.write(async |tx| identities::unlink(tx, whose, ISSUER, subject).await).await
        };
        assert!(!gone(bob, "s1").await, "not his");
        assert!(gone(ann, "s1").await);
        assert!(!gone(ann, "s1").await);
        assert_eq!(find(ISSUER, "s1").await, None);
        link(world, bob, "s1").await.unwrap();
    }

    async fn the_ways_in_are_counted(world: &World) {
        let ann = person(world, "ann@example.com").await;
        let ways = async || world.write(async |tx| identities::ways_in(tx, ann).await).await;
        assert_eq!(ways().await, WaysIn { password: false, identities: 0 });
        link(world, ann, "s1").await.unwrap();
        world.write(async |tx| credentials::set_password(tx, ann, "$argon2id$x", world.now()).await).await;
        assert_eq!(ways().await, WaysIn { password: true, identities: 1 });
    }

    async fn a_known_address_makes_no_second_person(world: &World) {
        let ann = person(world, "ann@example.com").await;
        let again = world.write(async |tx| people::create(tx, " Ann@Example.com", "x", world.now()).await).await;
        assert_eq!(again, None);
        let found = world.read(async |tx| people::by_email(tx, "ANN@example.com").await).await;
        assert_eq!(found, Some(ann));
    }

    async fn a_removed_member_is_told_from_one_who_is_there(world: &World) {
        let ann = person(world, "ann@example.com").await;
        let membership = async || world.read(async |tx| accounts::of_person(tx, world.org.id, ann).await).await;
        assert!(membership().await.is_none());
        let join = async || {
            world.write(async |tx| people::add_member(tx, world.org.id, ann, "ann", "Viewer", world.now()).await).await
        };
        let first = join().await;
        let mut raw = world.raw().await;
        let account = raw.id(first.0);
        raw.run(&format!("UPDATE accounts SET deleted_at = 1 WHERE id = {account}")).await.unwrap();
        let removed = membership().await.unwrap();
        assert!(removed.removed && removed.principal.id == first);
        let second = join().await;
        let back = membership().await.unwrap();
        assert!(!back.removed && back.principal.id == second);
    }

    async fn a_log_in_serves_one_answer(world: &World) {
        let state = begin(world, b"state").await;
        assert!(take(world, Digest::of(b"guessed")).await.is_none());
        let flow = take(world, state).await.unwrap();
        assert_eq!(flow.checks.expose(), b"nonce-and-verifier");
        assert_eq!(flow.browser_hash, Digest::of(b"browser"));
        assert!(take(world, state).await.is_none(), "a replay");
        let late = begin(world, b"late").await;
        world.clock.advance(Duration::from_mins(10));
        assert!(take(world, late).await.is_none(), "too late");
    }

    async fn one_of_two_answers_at_once_wins(world: &World) {
        for round in 0..20_u8 {
            let state = begin(world, &[round]).await;
            let (one, two) = tokio::join!(take(world, state), take(world, state));
            assert_eq!(u8::from(one.is_some()) + u8::from(two.is_some()), 1);
        }
    }

    async fn the_database_refuses_to_hand_an_identity_on(world: &World) {
        let (ann, bob) = (person(world, "ann@example.com").await, person(world, "bob@example.com").await);
        link(world, ann, "s1").await.unwrap();
        let mut raw = world.raw().await;
        let thief = raw.id(bob.0);
        for attack in [
            format!("UPDATE identities SET person_id = {thief}"),
            "UPDATE identities SET subject = 's2'".to_owned(),
            format!("INSERT INTO identities (issuer, subject, person_id, created_at) VALUES ('{ISSUER}', 's1', {thief}, 1)"),
            format!("INSERT INTO identities (issuer, subject, person_id, created_at) VALUES ('{ISSUER}', 's2', {}, 1)", raw.id(uuid::Uuid::now_v7())),
        ] {
            assert!(raw.run(&attack).await.is_err(), "{attack}");
        }
        if let Raw::Sqlite(_) = raw {
            raw.run("PRAGMA foreign_keys = OFF").await.unwrap();
            let replace = format!("INSERT OR REPLACE INTO identities (issuer, subject, person_id, created_at) VALUES ('{ISSUER}', 's1', {thief}, 1)");
            assert!(raw.run(&replace).await.unwrap_err().contains("guard:"));
        }
        assert_eq!(world.read(async |tx| identities::find(tx, ISSUER, "s1").await).await, Some(ann));
    }

    async fn a_log_in_under_way_is_sealed_and_not_changed(world: &World) {
        begin(world, b"one").await;
        let two = begin(world, b"two").await;
        let mut raw = world.raw().await;
        assert!(raw.run("UPDATE oidc_flows SET expires_at = expires_at + 1").await.is_err());
        // Another log-in's checks, put into this row by whoever owns the database, do not open there.
        let (one, own) = match raw {
            Raw::Sqlite(_) => (format!("X'{}'", Digest::of(b"one").hex()), format!("X'{}'", two.hex())),
            Raw::Postgres(_) => {
                (format!(r"'\x{}'::bytea", Digest::of(b"one").hex()), format!(r"'\x{}'::bytea", two.hex()))
            }
        };
        let columns = "browser_hash, data_key_id, sealed, created_at, expires_at";
        raw.run(&format!("DELETE FROM oidc_flows WHERE state_hash = {own}")).await.unwrap();
        raw.run(&format!("INSERT INTO oidc_flows (state_hash, {columns}) SELECT {own}, {columns} FROM oidc_flows WHERE state_hash = {one}"))
            .await
            .unwrap();
        let error = world
            .try_write(async |tx| oidc_flows::take(&world.storage, tx, two, world.now()).await)
            .await
            .unwrap_err();
        assert!(matches!(error, StorageError::Sealed(_)), "{error}");
    }
}
