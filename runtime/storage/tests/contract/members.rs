//! Members, roles and invitations. What must hold: changes take turns, so that an organization keeps an Admin; an invitation is taken up once; and
//! whoever has the database's password makes no illegal ones either.

use std::time::Duration;

use factotum_model::{AccountId, Digest, OrgId, PersonId, RoleId};
use factotum_storage::invitations::{self, NewInvitation};
use factotum_storage::{Storage, StorageError, members, people, roles};
use tokio::task::JoinSet;

use crate::attacks::Scene;
use crate::fixture::grants;
use crate::world::World;

/// How often two changes meet.
const TRIES: usize = 100;

impl World {
    async fn role_id(&self, name: &str) -> RoleId {
        let roles = self.read(async |tx| roles::list(tx, self.org.id, None, 100).await).await;
        roles.into_iter().find(|role| role.name == name).unwrap().id
    }

    async fn member(&self, email: &str, roles: &[RoleId]) -> (PersonId, AccountId) {
        let now = self.now();
        self.write(async |tx| {
            let person = people::find_or_create(tx, email, email, now).await?;
            Ok((person, members::create(tx, self.org.id, person, email, roles, now).await?))
        })
        .await
    }

    fn invitation(&self, email: &str, byte: u8, role: RoleId) -> NewInvitation {
        NewInvitation {
            email: email.to_owned(),
            roles: vec![role],
            token_hash: Digest([byte; 32]),
            invited_by: self.base(),
            expires_at: self.now().plus(Duration::from_hours(1)),
        }
    }
}

/// Takes an Admin's rights away, if another Admin stays.
async fn demote(storage: Storage, org: OrgId, account: AccountId, to: RoleId) -> Result<bool, StorageError> {
    let mut tx = storage.write().await?;
    members::take_turn(&mut tx, org).await?;
    members::set_roles(&mut tx, org, account, &[to]).await?;
    if members::admins(&mut tx, org).await?.is_empty() {
        return Ok(false);
    }
    tx.commit().await?;
    Ok(true)
}

on_both! {
    async fn of_two_admins_who_go_at_once_one_stays(world: &World) {
        let (admin, viewer) = (world.role_id("Admin").await, world.role_id("Viewer").await);
        let (_, ann) = world.member("ann@example.com", &[admin]).await;
        let (_, bob) = world.member("bob@example.com", &[admin]).await;
        let (org, other) = (world.org.id, world.another_node().await);
        for round in 0..TRIES {
            let mut both = JoinSet::new();
            both.spawn(demote(world.storage.clone(), org, ann, viewer));
            both.spawn(demote(other.clone(), org, bob, viewer));
            let went: Vec<bool> = both.join_all().await.into_iter().map(Result::unwrap).collect();
            assert_eq!(went.iter().filter(|went| **went).count(), 1, "round {round}");
            assert_eq!(world.read(async |tx| members::admins(tx, org).await).await.len(), 1, "round {round}");
            for account in [ann, bob] {
                world.write(async |tx| members::set_roles(tx, org, account, &[admin]).await).await;
            }
        }
        other.close().await;
    }

    async fn who_may_do_everything_is_an_admin_by_whatever_role(world: &World) {
        let (org, now) = (world.org.id, world.now());
        let (admin, editor) = (world.role_id("Admin").await, world.role_id("Editor").await);
        let root = world.write(async |tx| roles::create(tx, org, "Root", &grants(&["*:*", "kv:read"]), now).await).await;
        let admins = async || world.read(async |tx| members::admins(tx, org).await).await;
        world.member("eve@example.com", &[editor]).await;
        assert!(admins().await.is_empty());
        let (_, ann) = world.member("ann@example.com", &[root.id, admin, editor]).await;
        assert_eq!(admins().await, [ann], "once, however many roles say so");
        world.write(async |tx| members::set_roles(tx, org, ann, &[root.id]).await).await;
        assert_eq!(admins().await, [ann]);
        world.write(async |tx| roles::update(tx, org, root.id, "Root", &grants(&["kv:read"])).await).await;
        assert!(admins().await.is_empty());
        world.write(async |tx| members::set_roles(tx, org, ann, &[admin]).await).await;
        assert!(world.write(async |tx| members::remove(tx, org, ann, now).await).await);
        assert!(admins().await.is_empty());
        assert!(!world.write(async |tx| members::remove(tx, org, ann, now).await).await, "once");
        assert!(!world.write(async |tx| members::remove(tx, org, world.base(), now).await).await, "I3");
    }

    async fn an_invitation_is_one_of_its_address_and_taken_up_once(world: &World) {
        let (org, viewer) = (world.org.id, world.role_id("Viewer").await);
        let create = async |email: &str, byte| {
            let new = world.invitation(email, byte, viewer);
            world.try_write(async |tx| invitations::create(tx, org, &new, world.now()).await).await
        };
        let first = create("ann@example.com", 1).await.unwrap();
        assert!(matches!(create("ann@example.com", 2).await, Err(StorageError::Exists { .. })));
        assert!(world.read(async |tx| invitations::gives(tx, org, viewer, world.now()).await).await);
        world.clock.advance(Duration::from_hours(1));
        assert!(world.read(async |tx| invitations::list(tx, org, world.now(), None, 10).await).await.is_empty(), "too late");
        assert!(!world.read(async |tx| invitations::gives(tx, org, viewer, world.now()).await).await);
        let second = create("ann@example.com", 2).await.unwrap();
        assert!(world.read(async |tx| invitations::by_token(tx, Digest([1; 32])).await).await.is_none(), "withdrawn");
        let (_, ann) = world.member("ann@example.com", &[viewer]).await;
        assert!(!world.write(async |tx| invitations::take_up(tx, &first, ann, world.now()).await).await);
        assert!(world.write(async |tx| invitations::take_up(tx, &second, ann, world.now()).await).await);
        assert!(!world.write(async |tx| invitations::take_up(tx, &second, ann, world.now()).await).await, "once");
        assert!(!world.write(async |tx| invitations::withdraw(tx, org, second.id, world.now()).await).await);
        assert!(world.read(async |tx| invitations::by_token(tx, Digest([2; 32])).await).await.is_none());
        let guest = world.read(async |tx| invitations::guest(tx, org, "ann@example.com").await).await.unwrap();
        assert_eq!((guest.account, guest.password_hash, guest.second_factor), (Some(ann), None, false));
        assert_eq!(world.read(async |tx| invitations::guest(tx, org, "bob@example.com").await).await, None);
    }

    async fn a_person_is_made_once_however_many_try(world: &World) {
        let other = world.another_node().await;
        for n in 0..TRIES {
            let make = async |storage: Storage| {
                let mut tx = storage.write().await?;
                let made = people::create(&mut tx, &format!("p{n}@example.com"), "P", world.now()).await?;
                tx.commit().await.map(|()| made)
            };
            let (first, second) = tokio::join!(make(world.storage.clone()), make(other.clone()));
            let made = [first.unwrap(), second.unwrap()];
            assert_eq!(made.iter().flatten().count(), 1, "round {n}");
        }
        other.close().await;
    }

    async fn attacks_on_invitations_and_roles_are_refused(world: &World) {
        attack(world, None).await;
    }
}

#[tokio::test]
async fn attacks_on_invitations_and_roles_are_refused_without_foreign_keys() {
    let world = World::sqlite().await;
    attack(&world, Some("PRAGMA foreign_keys = OFF")).await;
    world.close().await;
}

async fn attack(world: &World, before: Option<&str>) {
    let (org, viewer) = (world.org.id, world.role_id("Viewer").await);
    let new =
        [world.invitation("open@example.com", 1, viewer), world.invitation("taken@example.com", 2, viewer)];
    let (_, guest) = world.member("taken@example.com", &[viewer]).await;
    let [open, taken] = world
        .write(async |tx| {
            let open = invitations::create(tx, org, &new[0], world.now()).await?;
            let taken = invitations::create(tx, org, &new[1], world.now()).await?;
            invitations::take_up(tx, &taken, guest, world.now()).await?;
            Ok([open, taken])
        })
        .await;
    let mut scene = Scene::set(world).await;
    if let Some(statement) = before {
        scene.raw.run(statement).await.unwrap();
    }
    let (open, taken) = (scene.raw.id(open.id.0), scene.raw.id(taken.id.0));
    let hash = scene.raw.bytes(0xbb, 32);
    let Scene { org, other_org, base, key_account, member, fresh, .. } = &scene;
    let columns = "id, org_id, email, roles, token_hash, invited_by, created_at, expires_at";
    let mut attacks = vec![
        format!(
            "UPDATE invitations SET accepted_at = NULL, accepted_by = NULL, token_hash = {hash} WHERE id = {taken}"
        ),
        format!("UPDATE invitations SET revoked_at = 1 WHERE id = {taken}"),
        format!("UPDATE invitations SET accepted_by = {member} WHERE id = {taken}"),
        format!("DELETE FROM invitations WHERE id = {taken}"),
        format!("DELETE FROM invitations WHERE id = {open}"),
        // Taken up as a service account, as nobody, as a member of another organization, or by nobody at all.
        format!(
            "UPDATE invitations SET accepted_at = 1, accepted_by = {base}, token_hash = NULL WHERE id = {open}"
        ),
        format!(
            "UPDATE invitations SET accepted_at = 1, accepted_by = {key_account}, token_hash = NULL WHERE id = {open}"
        ),
        format!(
            "UPDATE invitations SET accepted_at = 1, accepted_by = {fresh}, token_hash = NULL WHERE id = {open}"
        ),
        format!("UPDATE invitations SET accepted_at = 1, token_hash = NULL WHERE id = {open}"),
        format!(
            "UPDATE invitations SET accepted_at = 1, accepted_by = {member}, revoked_at = 1, token_hash = NULL WHERE id = {open}"
        ),
        format!("UPDATE invitations SET accepted_at = 1, accepted_by = {member} WHERE id = {open}"),
        format!(
            "INSERT INTO invitations ({columns}) VALUES ({fresh}, {org}, 'open@example.com', '[]', {hash}, {base}, 1, 9)"
        ),
        format!(
            "INSERT INTO invitations ({columns}) VALUES ({fresh}, {org}, 'Open@example.com', '[]', {hash}, {base}, 1, 9)"
        ),
        format!(
            "INSERT INTO invitations ({columns}) VALUES ({open}, {org}, 'x@example.com', '[]', {hash}, {base}, 1, 9)"
        ),
        format!(
            "INSERT INTO invitations ({columns}) VALUES ({fresh}, {org}, 'x@example.com', '[]', NULL, {base}, 1, 9)"
        ),
        format!(
            "INSERT INTO invitations ({columns}) VALUES ({fresh}, {org}, 'x@example.com', '[]', {hash}, {fresh}, 1, 9)"
        ),
        format!(
            "INSERT INTO invitations ({columns}) VALUES ({fresh}, {other_org}, 'x@example.com', '[]', {hash}, {base}, 1, 9)"
        ),
        format!(
            "INSERT INTO invitations ({columns}) VALUES ({fresh}, {fresh}, 'x@example.com', '[]', {hash}, {base}, 1, 9)"
        ),
    ];
    for change in [
        "email = 'eve@example.com'".to_owned(),
        "roles = '[]'".to_owned(),
        format!("token_hash = {hash}"),
        format!("invited_by = {member}"),
        format!("org_id = {other_org}"),
        format!("id = {fresh}"),
        "expires_at = expires_at + 1".to_owned(),
        "created_at = 1".to_owned(),
    ] {
        attacks.push(format!("UPDATE invitations SET {change} WHERE id = {open}"));
    }
    let admin =
        format!("SELECT org_id, id, {member} FROM roles WHERE org_id = {other_org} AND name = 'Admin'");
    attacks.extend([
        format!("INSERT INTO role_members (org_id, role_id, account_id) {admin}"),
        format!("INSERT INTO roles (id, org_id, name, grants, built_in, created_at) VALUES ({fresh}, {org}, 'Admin', '[]', 0, 1)"),
        format!("INSERT INTO roles (id, org_id, name, grants, built_in, created_at) VALUES ({fresh}, {fresh}, 'Own', '[]', 0, 1)"),
    ]);
    for attack in attacks {
        scene.refuses(&attack).await;
    }
    let intact = "SELECT count(*) FROM invitations WHERE (email = 'open@example.com' AND token_hash IS NOT NULL) OR (email = 'taken@example.com' AND accepted_by IS NOT NULL)";
    assert_eq!(scene.raw.number(intact).await, 2);
    assert_eq!(scene.raw.number("SELECT count(*) FROM invitations").await, 2);
}
