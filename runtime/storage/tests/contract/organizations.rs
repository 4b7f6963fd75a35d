//! Organizations and accounts: I1 and I2, the built-in roles, Members with and without service accounts (I16, I17).

use std::collections::HashSet;

use factotum_model::{AccountKind, Action, Grants};
use factotum_storage::organizations::Organization;
use factotum_storage::{StorageError, accounts, organizations, people};

use crate::world::World;

async fn bases_of(world: &World, org: &Organization) -> Vec<accounts::Account> {
    let all = world.read(async |tx| accounts::list(tx, org.id, true, None, 100).await).await;
    all.into_iter().filter(|a| a.principal.kind == AccountKind::Base).collect()
}

on_both! {
    async fn i1_i2_an_organization_begins_with_one_base_account(world: &World) {
        let bases = bases_of(world, &world.org).await;
        assert_eq!(bases.len(), 1);
        assert_eq!(bases[0].principal.id, world.base());
        assert_eq!(bases[0].principal.name, "Service Account");
        let (org, base, now) = (world.org.id, world.base(), world.now());
        let held = world.write(async |tx| accounts::effective_grants(tx, org, base, now).await).await;
        assert_eq!(held, Some(Grants::all()));
    }

    async fn i1_fifty_at_once_each_have_one_base_account(world: &World) {
        let mut made = tokio::task::JoinSet::new();
        for n in 0..50 {
            let (storage, now) = (world.storage.clone(), world.now());
            made.spawn(async move {
                let mut tx = storage.write().await?;
                let org = organizations::create(&mut tx, &format!("Org {n}"), now).await?;
                tx.commit().await?;
                Ok::<_, StorageError>(org)
            });
        }
        let made: Vec<_> = made.join_all().await.into_iter().map(Result::unwrap).collect();
        let mut seen = HashSet::new();
        for org in &made {
            let bases = bases_of(world, org).await;
            assert_eq!(bases.len(), 1, "{}", org.name);
            assert_eq!(bases[0].principal.id, org.base_account);
            assert!(seen.insert(org.base_account));
        }
        let all = world.read(async |tx| organizations::list(tx).await).await;
        assert_eq!(all.len(), 51);
    }

    async fn i1_what_is_rolled_back_leaves_neither_organization_nor_account(world: &World) {
        let mut tx = world.storage.write().await.unwrap();
        let org = organizations::create(&mut tx, "Gone", world.now()).await.unwrap();
        drop(tx);
        assert_eq!(world.read(async |tx| organizations::get(tx, org.id).await).await, None);
        assert_eq!(bases_of(world, &org).await.len(), 0);
    }

    async fn i1_a_hundred_at_once_make_no_second_base_account(world: &World) {
        let mut tries = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let mut raw = world.raw().await;
            let org = raw.id(world.org.id.0);
            tries.spawn(async move {
                let mut refused = 0;
                for _ in 0..25 {
                    let fresh = raw.id(uuid::Uuid::now_v7());
                    let sql = format!(
                        "INSERT INTO accounts (id, org_id, kind, name, created_at) VALUES ({fresh}, {org}, 'base', 'Service Account', 1)"
                    );
                    refused += u32::from(raw.run(&sql).await.is_err());
                }
                refused
            });
        }
        assert_eq!(tries.join_all().await.iter().sum::<u32>(), 100);
        assert_eq!(bases_of(world, &world.org).await.len(), 1);
    }

    async fn members_hold_the_grants_of_their_roles(world: &World) {
        let (org, now) = (world.org.id, world.now());
        let (editor, viewer) = world.write(async |tx| {
            let ed = people::find_or_create(tx, " Ed@example.com ", "Ed", now).await?;
            assert_eq!(people::find_or_create(tx, "ed@EXAMPLE.com", "Ed", now).await?, ed);
            let vi = people::find_or_create(tx, "vi@example.com", "Vi", now).await?;
            Ok((
                people::add_member(tx, org, ed, "Ed", "Editor", now).await?,
                people::add_member(tx, org, vi, "Vi", "Viewer", now).await?,
            ))
        }).await;
        let (editors, viewers) = world.write(async |tx| {
            Ok((accounts::effective_grants(tx, org, editor, now).await?, accounts::effective_grants(tx, org, viewer, now).await?))
        }).await;
        let (editors, viewers) = (editors.unwrap(), viewers.unwrap());
        assert!(editors.allow(Action::WORKFLOWS_UPDATE, None) && !editors.allow(Action::API_KEYS_CREATE, None));
        assert!(viewers.allow(Action::RUNS_READ, None) && !viewers.allow(Action::AUDIT_READ, None));
        assert!(!viewers.allow(Action::WORKFLOWS_RUN, Some("echo")));
        let account = world.read(async |tx| accounts::get(tx, org, editor).await).await.unwrap();
        assert_eq!(account.roles, ["Editor"]);
    }

    async fn a_person_is_a_member_of_an_organization_once(world: &World) {
        let (org, now) = (world.org.id, world.now());
        let person = world.write(async |tx| people::find_or_create(tx, "ed@example.com", "Ed", now).await).await;
        world.write(async |tx| people::add_member(tx, org, person, "Ed", "Admin", now).await).await;
        let again = world.try_write(async |tx| people::add_member(tx, org, person, "Ed", "Admin", now).await).await;
        assert!(matches!(again, Err(StorageError::Exists { .. } | StorageError::Refused(_))), "{again:?}");
        let no_role = world.try_write(async |tx| {
            let other = people::find_or_create(tx, "vi@example.com", "Vi", now).await?;
            people::add_member(tx, org, other, "Vi", "Emperor", now).await
        }).await;
        assert!(matches!(no_role, Err(StorageError::Refused(_))), "{no_role:?}");
        let members = world.read(async |tx| accounts::list(tx, org, false, None, 100).await).await;
        assert_eq!(members.len(), 1, "what was refused was rolled back");
    }

    async fn i16_i17_service_accounts_are_listed_only_on_demand(world: &World) {
        let (org, now) = (world.org.id, world.now());
        world.write(async |tx| {
            let person = people::find_or_create(tx, "ed@example.com", "Ed", now).await?;
            people::add_member(tx, org, person, "Ed", "Admin", now).await
        }).await;
        world.key("deploy", 1, &["workflows:run"], None).await;
        let names = async |service| {
            let all = world.read(async |tx| accounts::list(tx, org, service, None, 100).await).await;
            all.into_iter().map(|a| (a.principal.name, a.principal.kind.badge())).collect::<HashSet<_>>()
        };
        assert_eq!(names(false).await, HashSet::from([("Ed".to_owned(), None)]));
        assert_eq!(names(true).await, HashSet::from([
            ("Ed".to_owned(), None),
            ("Service Account".to_owned(), Some("Base Service Account")),
            ("deploy".to_owned(), Some("API Key")),
        ]));
    }
}
