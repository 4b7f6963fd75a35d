//! What logging in rests on: passwords, second factors, recovery codes, sessions, links that work once.

use std::net::IpAddr;
use std::time::Duration;

use factotum_model::{AccountId, Digest, PersonId, SessionId};
use factotum_storage::sessions::{Method, NewSession};
use factotum_storage::{StorageError, credentials, one_time_links, people, recovery_codes, sessions, totp};

use tokio::task::JoinSet;

use crate::world::World;

const HOUR: Duration = Duration::from_hours(1);

fn token(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

async fn person(world: &World, email: &str) -> PersonId {
    world.write(async |tx| people::find_or_create(tx, email, email, world.now()).await).await
}

async fn member(world: &World, email: &str) -> (PersonId, AccountId) {
    let person = person(world, email).await;
    let now = world.now();
    let add = async |tx: &mut _| people::add_member(tx, world.org.id, person, email, "Viewer", now).await;
    (person, world.write(add).await)
}

async fn session(world: &World, (person_id, account_id): (PersonId, AccountId), name: &str) -> SessionId {
    let new = NewSession {
        token_hash: token(name),
        org_id: world.org.id,
        account_id,
        person_id,
        method: Method::Password,
        expires_at: world.now().plus(HOUR),
        from: IpAddr::from([192, 0, 2, 1]),
        user_agent: None,
    };
    world.write(async |tx| sessions::begin(tx, &new, world.now()).await).await
}

on_both! {
    async fn a_password_is_changed_only_by_who_compared_the_one_that_is_there(world: &World) {
        let ann = person(world, "Ann@example.com ").await;
        let find = async || world.read(async |tx| credentials::find(tx, " ANN@example.com").await).await;
        assert_eq!(find().await.unwrap().password_hash, None);
        assert!(world.read(async |tx| credentials::find(tx, "eve@example.com").await).await.is_none());
        let now = world.now();
        world.write(async |tx| credentials::set_password(tx, ann, "one", now).await).await;
        let change = async |old, new| {
            world.write(async |tx| credentials::change_password(tx, ann, (old, new), now).await).await
        };
        assert!(!change("other", "two").await);
        assert!(change("one", "two").await);
        assert!(!change("one", "three").await, "somebody was faster");
        assert_eq!(find().await.unwrap().password_hash.as_deref(), Some("two"));
        let still = async |hash| world.write(async |tx| credentials::is_still(tx, ann, hash).await).await;
        assert!(still("two").await && !still("one").await);
    }

    async fn a_time_step_counts_once_and_only_of_what_is_confirmed(world: &World) {
        let ann = person(world, "ann@example.com").await;
        let now = world.now();
        let begin = async |secret: &'static [u8]| {
            world.write(async |tx| totp::begin(&world.storage, tx, ann, secret, now).await).await
        };
        let take = async |step| world.write(async |tx| totp::take_step(tx, ann, step).await).await;
        let is_on = async || world.read(async |tx| totp::is_on(tx, ann).await).await;
        assert!(begin(b"first").await && begin(b"second").await, "one that is not confirmed is replaced");
        assert!(!take(5).await && !is_on().await);
        let confirm = async |step| world.write(async |tx| totp::confirm(tx, ann, step, now).await).await;
        assert!(confirm(7).await && is_on().await);
        assert!(!confirm(8).await, "it is confirmed");
        assert!(!begin(b"third").await, "a confirmed one stays");
        let kept = world.read(async |tx| totp::get(&world.storage, tx, ann).await).await.unwrap();
        assert_eq!(kept.secret.expose(), b"second");
        assert!(!take(7).await && !take(6).await && take(8).await && !take(8).await && take(10).await);
        assert!(!take(9).await);
        let mut tries = JoinSet::new();
        for _ in 0..20 {
            let storage = world.storage.clone();
            tries.spawn(async move {
                let mut tx = storage.write().await.unwrap();
                let taken = totp::take_step(&mut tx, ann, 11).await.unwrap();
                tx.commit().await.unwrap();
                taken
            });
        }
        let taken = tries.join_all().await.into_iter().filter(|taken| *taken).count();
        assert_eq!(taken, 1, "twenty at once");
        let codes = [token("a"), token("b")];
        world.write(async |tx| recovery_codes::replace(tx, ann, &codes, now).await).await;
        assert!(world.write(async |tx| totp::remove(tx, ann).await).await);
        assert!(!is_on().await);
        assert_eq!(world.read(async |tx| recovery_codes::left(tx, ann).await).await, 0);
    }

    async fn a_sealed_secret_opens_for_its_person_alone(world: &World) {
        let (ann, bob) = (person(world, "ann@example.com").await, person(world, "bob@example.com").await);
        for one in [ann, bob] {
            world.write(async |tx| totp::begin(&world.storage, tx, one, b"shared secret", world.now()).await).await;
        }
        let mut raw = world.raw().await;
        let (ann_id, bob_id) = (raw.id(ann.0), raw.id(bob.0));
        let swap = format!(
            "UPDATE totp SET sealed = (SELECT t.sealed FROM totp t WHERE t.person_id = {ann_id}) WHERE person_id = {bob_id}"
        );
        raw.run(&swap).await.unwrap();
        let mut tx = world.storage.read().await.unwrap();
        assert!(totp::get(&world.storage, &mut tx, ann).await.is_ok());
        assert!(matches!(totp::get(&world.storage, &mut tx, bob).await, Err(StorageError::Sealed(_))));
    }

    async fn a_recovery_code_counts_once_and_for_its_person_alone(world: &World) {
        let (ann, bob) = (person(world, "ann@example.com").await, person(world, "bob@example.com").await);
        let now = world.now();
        let replace = async |codes: &[Digest]| {
            world.write(async |tx| recovery_codes::replace(tx, ann, codes, now).await).await;
        };
        let take = async |who, code| world.write(async |tx| recovery_codes::take(tx, who, code).await).await;
        replace(&[token("a"), token("b")]).await;
        assert!(!take(bob, token("a")).await);
        assert!(take(ann, token("a")).await && !take(ann, token("a")).await);
        replace(&[token("c")]).await;
        assert!(!take(ann, token("b")).await && take(ann, token("c")).await);
    }

    async fn a_link_for_a_password_works_once_for_its_time_and_the_newest_alone(world: &World) {
        let ann = person(world, "ann@example.com").await;
        let now = world.now();
        let make = async |name: &str| {
            let hash = token(name);
            world.write(async |tx| one_time_links::make_password_reset(tx, ann, hash, now, now.plus(HOUR)).await).await;
        };
        let take = async |name: &str, at| {
            let hash = token(name);
            world.write(async |tx| one_time_links::take_password_reset(tx, hash, at).await).await
        };
        make("one").await;
        make("two").await;
        assert_eq!(take("one", now).await, None, "a newer one ends it");
        assert_eq!(take("two", now.plus(HOUR)).await, None, "its time is over");
        let of = async |name| {
            let hash = token(name);
            world.read(async |tx| one_time_links::password_reset_of(tx, hash, now).await).await
        };
        assert_eq!(of("two").await, Some(ann));
        assert_eq!(take("two", now).await, Some(ann));
        assert_eq!((take("two", now).await, of("two").await), (None, None));
        let setup = world.write(async |tx| one_time_links::take_setup(tx, token("two"), now).await).await;
        assert!(!setup, "a link is for its purpose");
    }

    async fn there_is_one_link_to_the_first_organization_however_many_nodes_start(world: &World) {
        let mut starts = JoinSet::new();
        for n in 0..10 {
            let (storage, now) = (world.storage.clone(), world.now());
            starts.spawn(async move {
                let mut tx = storage.write().await?;
                one_time_links::make_setup(&mut tx, token(&n.to_string()), now, now.plus(HOUR)).await?;
                tx.commit().await
            });
        }
        let started: Result<Vec<()>, StorageError> = starts.join_all().await.into_iter().collect();
        started.unwrap();
        let now = world.now();
        let mut working = 0;
        for n in 0..10 {
            let take = async |tx: &mut _| one_time_links::take_setup(tx, token(&n.to_string()), now).await;
            working += u32::from(world.write(take).await);
        }
        assert_eq!(working, 1);
    }

    async fn sessions_end_by_person_and_are_known_by_where_they_were(world: &World) {
        let (ann, bob) = (member(world, "ann@example.com").await, member(world, "bob@example.com").await);
        let (one, two) = (session(world, ann, "one").await, session(world, ann, "two").await);
        let other = session(world, bob, "other").await;
        let now = world.now();
        let open = async |id| world.write(async |tx| sessions::is_open(tx, id, now).await).await;
        let known = async |who, last: u8| {
            let from = IpAddr::from([192, 0, 2, last]);
            world.read(async |tx| credentials::is_known_from(tx, who, from, now).await).await
        };
        assert!(known(Some(ann.0), 1).await && !known(Some(ann.0), 2).await && !known(None, 1).await);
        assert!(!world.write(async |tx| sessions::end(tx, bob.0, one).await).await, "not bob's");
        assert_eq!(world.write(async |tx| sessions::end_all(tx, ann.0, Some(one)).await).await, 1);
        assert!(open(one).await && !open(two).await && open(other).await);
        world.clock.advance(HOUR);
        let later = world.now();
        assert!(!world.write(async |tx| sessions::is_open(tx, one, later).await).await);
        assert!(world.read(async |tx| sessions::get(tx, ann.0, one, later).await).await.is_none());
    }

    async fn a_person_is_listed_in_the_organizations_they_belong_to(world: &World) {
        let (ann, account) = member(world, "ann@example.com").await;
        let (other, _) = world.another_org("Other").await;
        let now = world.now();
        world.write(async |tx| people::add_member(tx, other.id, ann, "Ann", "Viewer", now.plus(HOUR)).await).await;
        let found = world.read(async |tx| people::memberships(tx, Some(ann)).await).await;
        let names: Vec<_> = found.iter().map(|m| m.org_name.as_str()).collect();
        assert_eq!(names, ["Acme", "Other"]);
        assert!(world.read(async |tx| people::memberships(tx, None).await).await.is_empty());
        let give = async |role| {
            world.write(async |tx| people::give_role(tx, world.org.id, account, role).await).await
        };
        assert!(give("Admin").await && !give("Admin").await && !give("Nothing").await);
    }
}
