//! API keys and their accounts: made together, ended together; revocation stops what is queued and what runs, and erases the
//! secret's hash, while the record keeps the name (I6–I9, I18).

use std::time::Duration;

use factotum_model::{AccountKind, ErrorCode, RunState};
use factotum_storage::accept::NewRun;
use factotum_storage::api_keys::{self, ApiKey, KeyFilter};
use factotum_storage::audit_entries::AuditFilter;
use factotum_storage::finish::End;
use factotum_storage::runs::{self, Ended};
use factotum_storage::signals::{self, Signal};
use factotum_storage::{StorageError, accounts};

use crate::fixture::{entry_of, grants, key_principal, key_text};
use crate::world::World;

async fn revoke(world: &World, key: &ApiKey) -> Vec<Ended> {
    let (org, now) = (world.org.id, world.now());
    world
        .write(async |tx| {
            assert!(api_keys::revoke(tx, org, key.id, now).await?);
            let entry = |run| {
                let mut entry = entry_of(org, world.base_principal(), "run.cancel", now);
                entry.run_id = Some(run);
                entry
            };
            runs::cancel_account(tx, org, key.account_id, entry, now).await
        })
        .await
}

on_both! {
    async fn i6_i7_i8_a_key_comes_with_its_account(world: &World) {
        let key = world.key("Déploy", 1, &["workflows:run:echo", "kv:read"], None).await;
        let account = world.read(async |tx| accounts::get(tx, world.org.id, key.account_id).await).await.unwrap();
        assert_eq!((account.principal.kind, account.principal.name.as_str()), (AccountKind::ApiKey, "Déploy"));
        let held = world.write(async |tx| accounts::effective_grants(tx, world.org.id, key.account_id, world.now()).await).await;
        assert_eq!(held, Some(grants(&["workflows:run:echo", "kv:read"])));
        let holder = world.read(async |tx| api_keys::holder(tx, key_text(1).hash()).await).await.0.unwrap();
        assert_eq!((holder.key_id, holder.principal, holder.org_id), (key.id, key_principal(&key), world.org.id));
        assert!(world.read(async |tx| api_keys::holder(tx, key_text(2).hash()).await).await.0.is_none());
        let of = world.read(async |tx| api_keys::of_account(tx, world.org.id, key.account_id).await).await.unwrap();
        assert_eq!(of.id, key.id);
    }

    async fn a_nickname_like_an_active_ones_is_refused(world: &World) {
        world.key("deploy", 1, &["kv:read"], None).await;
        for alike in ["deploy", "Deploy", "dерlоу"] {
            let error = world.try_key(alike, 2, &["kv:read"], None).await.unwrap_err();
            assert!(matches!(&error, StorageError::Exists { what } if what.contains("nickname")), "{alike}: {error}");
        }
        let mut attempts = tokio::task::JoinSet::new();
        for n in 10..20 {
            let (storage, now, org, base) = (world.storage.clone(), world.now(), world.org.id, world.base());
            attempts.spawn(async move {
                let text = key_text(n);
                let new = api_keys::NewApiKey {
                    nickname: "race".into(),
                    skeleton: "race".into(),
                    grants: grants(&["kv:read"]),
                    secret_hash: text.hash(),
                    prefix: text.prefix().into(),
                    created_by: base,
                    expires_at: None,
                    allowed_networks: vec![],
                };
                let mut tx = storage.write().await?;
                api_keys::create(&mut tx, org, &new, now).await?;
                tx.commit().await
            });
        }
        let won = attempts.join_all().await.into_iter().flatten().count();
        assert_eq!(won, 1, "of ten at once, one gets the nickname");
    }

    async fn i9_revocation_stops_work_and_erases_the_secret(world: &World) {
        let key = world.key("deploy", 1, &["kv:read"], None).await;
        let running = world.accept_as(key.account_id).await;
        let claimed = world.claim_one().await;
        let queued = world.accept_as(key.account_id).await;
        let due_at = Some(world.now().plus(Duration::from_mins(1)));
        let later = world.accept(NewRun { account_id: key.account_id, due_at, ..world.new_run() }).await;
        let untouched = world.accept_one().await;
        let mut watcher = world.storage.watch().run(queued);
        let mut ended = revoke(world, &key).await;
        world.storage.tell_cancelled(&ended, ErrorCode::Revoked);
        ended.sort_by_key(|e| e.run_id);
        let mut expected = [(running, true), (queued, false), (later, false)].map(|(run_id, was_running)| Ended { run_id, was_running });
        expected.sort_by_key(|e| e.run_id);
        assert_eq!(ended, expected);
        for id in [running, queued, later] {
            let run = world.run(id).await;
            assert_eq!((run.state, run.error.unwrap().0), (RunState::Cancelled, ErrorCode::Revoked));
            assert_eq!(run.principal, key_principal(&key), "the name stands");
            assert!(world.actions_of(id).await.contains(&"run.cancel".to_owned()));
        }
        assert_eq!(watcher.settled().await.unwrap().error.as_ref().unwrap().0, ErrorCode::Revoked);
        assert!(!world.finish(&claimed, End::Succeeded("1".into())).await, "the running one lost its lease");
        let heard: Vec<_> = world.read(async |tx| signals::recent(tx, world.now()).await).await.into_iter().map(|(_, s)| s).collect();
        assert!(heard.contains(&Signal::AccountRevoked(key.account_id)) && heard.contains(&Signal::RunCancelled(running)));
        assert_eq!(world.claim_one().await.run_id, untouched);

        assert!(world.read(async |tx| api_keys::holder(tx, key_text(1).hash()).await).await.0.is_none());
        assert!(world.read(async |tx| accounts::get(tx, world.org.id, key.account_id).await).await.is_none());
        let list = world.read(async |tx| api_keys::list(tx, world.org.id, KeyFilter::default(), None, 10).await).await;
        assert!(list.is_empty());
        let gone = world.read(async |tx| api_keys::get(tx, world.org.id, key.id).await).await.unwrap();
        assert_eq!((gone.revoked_at, gone.nickname.as_str()), (Some(world.now()), "deploy"));
        let mut raw = world.raw().await;
        assert_eq!(raw.number("SELECT count(*) FROM api_keys WHERE secret_hash IS NOT NULL").await, 0);
        assert_eq!(raw.number("SELECT count(*) FROM accounts WHERE kind = 'api_key' AND deleted_at IS NULL").await, 0);
        assert!(!world.write(async |tx| api_keys::revoke(tx, world.org.id, key.id, world.now()).await).await);
    }

    async fn i18_a_nickname_used_again_does_not_change_the_record(world: &World) {
        let old = world.key("deploy", 1, &["kv:read"], None).await;
        world.accept_as(old.account_id).await;
        revoke(world, &old).await;
        let new = world.key("deploy", 2, &["kv:read"], None).await;
        assert_ne!(new.account_id, old.account_id);
        let of_new = world.accept_as(new.account_id).await;
        let entries = world.entries(&AuditFilter { account: Some(old.account_id), ..AuditFilter::default() }).await;
        assert!(!entries.is_empty() && entries.iter().all(|e| e.actor == key_principal(&old)));
        let entries = world.entries(&AuditFilter { account: Some(new.account_id), ..AuditFilter::default() }).await;
        assert_eq!(entries.iter().map(|e| e.run_id).collect::<Vec<_>>(), [Some(of_new)]);
    }

    async fn i14_a_rotated_key_lives_on_for_its_overlap(world: &World) {
        let old = world.key("deploy", 1, &["kv:read"], None).await;
        let until = world.now().plus(Duration::from_hours(1));
        assert!(world.write(async |tx| api_keys::rotate_out(tx, world.org.id, old.id, until, world.now()).await).await);
        assert!(!world.write(async |tx| api_keys::rotate_out(tx, world.org.id, old.id, until, world.now()).await).await);
        let new = world.key("deploy", 2, &["kv:read"], None).await;
        world.accept_as(old.account_id).await;
        world.accept_as(new.account_id).await;
        world.clock.advance(Duration::from_hours(1));
        let due = world.read(async |tx| api_keys::expired(tx, world.now(), 10).await).await;
        assert_eq!(due, [(world.org.id, old.id)]);
        let refused = NewRun { account_id: old.account_id, ..world.new_run() };
        assert!(world.storage.journal().accept(refused).await.is_err());
        world.accept_as(new.account_id).await;
    }

    async fn a_rotation_never_lengthens_a_keys_life(world: &World) {
        let ends = world.now().plus(Duration::from_mins(1));
        let key = world.key("deploy", 1, &["kv:read"], Some(ends)).await;
        let until = world.now().plus(Duration::from_hours(1));
        assert!(world.write(async |tx| api_keys::rotate_out(tx, world.org.id, key.id, until, world.now()).await).await);
        let key = world.read(async |tx| api_keys::get(tx, world.org.id, key.id).await).await.unwrap();
        assert_eq!((key.expires_at, key.rotated_at), (Some(ends), Some(world.now())));
    }

    async fn i15_last_use_is_kept_and_unused_keys_are_listed(world: &World) {
        let used = world.key("used", 1, &["kv:read"], None).await;
        let unused = world.key("unused", 2, &["kv:read"], None).await;
        world.clock.advance(Duration::from_hours(1));
        let use_at = world.now();
        let touch = async |at, from: &str| world.write(async |tx| api_keys::touch(tx, &[(used.id, at, from.to_owned())]).await).await;
        touch(use_at, "192.0.2.1").await;
        touch(use_at.minus(Duration::from_mins(1)), "192.0.2.9").await;
        let key = world.read(async |tx| api_keys::get(tx, world.org.id, used.id).await).await.unwrap();
        assert_eq!((key.last_used_at, key.last_used_from.as_deref()), (Some(use_at), Some("192.0.2.1")));
        let list = world.read(async |tx| api_keys::list(tx, world.org.id, KeyFilter { unused_since: Some(use_at), ..KeyFilter::default() }, None, 10).await).await;
        assert_eq!(list.iter().map(|k| k.id).collect::<Vec<_>>(), [unused.id]);
        let newest = world.read(async |tx| api_keys::list(tx, world.org.id, KeyFilter::default(), None, 1).await).await;
        assert_eq!(newest[0].id, unused.id);
        let next = world.read(async |tx| api_keys::list(tx, world.org.id, KeyFilter::default(), Some(newest[0].id), 10).await).await;
        assert_eq!(next.iter().map(|k| k.id).collect::<Vec<_>>(), [used.id]);
    }

    async fn accepts_and_a_revocation_at_once_leave_nothing_running(world: &World) {
        let key = world.key("deploy", 1, &["kv:read"], None).await;
        let mut accepts = tokio::task::JoinSet::new();
        for _ in 0..60 {
            let new = NewRun { account_id: key.account_id, ..world.new_run() };
            let storage = world.storage.clone();
            accepts.spawn(async move { storage.journal().accept(new).await.is_ok() });
        }
        let (ended, claimed) = tokio::join!(revoke(world, &key), world.claim(10));
        let accepted = accepts.join_all().await.into_iter().filter(|ok| *ok).count();
        assert_eq!(ended.len(), accepted, "what was accepted before the revocation was cancelled by it, nothing was accepted after");
        for run in claimed {
            assert!(!world.finish(&run, End::Succeeded("1".into())).await);
        }
        let mut raw = world.raw().await;
        assert_eq!(raw.number("SELECT count(*) FROM ready").await + raw.number("SELECT count(*) FROM leases").await, 0);
    }
}
