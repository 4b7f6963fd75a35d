//! What the audit trail says about people. What must hold: entries only commit to it; it reads as it was written until it is erased, and then
//! every entry stays as it was; erased is all that can be done to it, even for somebody with the database's password.

use std::time::Duration;

use factotum_model::audit::{ALTERED, AuditEntry, AuditOutcome, ERASED, Target};
use factotum_model::{AccountId, AccountKind, Digest, Initiator, InitiatorKind, OrgId, PersonId, Principal};
use factotum_storage::accept::{NewRun, Origin};
use factotum_storage::audit_entries::{self, AuditFilter};
use factotum_storage::erasure::{self, Standing};
use factotum_storage::finish::End;
use factotum_storage::invitations::{self, NewInvitation};
use factotum_storage::sessions::{self, Method, NewSession};
use factotum_storage::{Storage, credentials, idempotency_keys, identities, members, people, roles};

use crate::dump::found_in;
use crate::fixture::entry_of;
use crate::world::World;

const NAME: &str = "Wilhelmina Quist";
const EMAIL: &str = "wilhelmina.quist@example.com";
const ADDRESS: &str = "203.0.113.77";
const BROWSER: &str = "Netscape/4.7 (Qx)";
const WORDS: [&str; 5] = [NAME, "Quist", EMAIL, ADDRESS, BROWSER];

struct Someone {
    person: PersonId,
    principal: Principal,
}

async fn someone(world: &World, org: OrgId, name: &str, email: &str) -> Someone {
    let now = world.now();
    world
        .write(async |tx| {
            let person = people::find_or_create(tx, email, name, now).await?;
            let id = people::add_member(tx, org, person, name, "Admin", now).await?;
            Ok(Someone {
                person,
                principal: Principal { id, kind: AccountKind::Member, name: name.to_owned() },
            })
        })
        .await
}

fn by(world: &World, org: OrgId, who: &Principal, action: &str) -> AuditEntry {
    let mut entry = entry_of(org, who.clone(), action, world.now());
    entry.initiator.kind = InitiatorKind::Member;
    entry.ip = Some(ADDRESS.parse().unwrap());
    entry.user_agent = Some(BROWSER.into());
    entry
}

/// Entries that have every kind of value about a person in them.
fn written(world: &World, ann: &Principal, other: &Principal) -> Vec<AuditEntry> {
    let org = world.org.id;
    let mut about = by(world, org, ann, "member.update");
    about.targets =
        vec![Target::named("account", other.id, &other.name), Target::named("account", ann.id, NAME)];
    let mut searched = by(world, org, ann, "audit.read");
    searched.change =
        Some(serde_json::json!({"query": {"q": format!("what did {NAME} do"), "actor_kind": "member"}}));
    let mut asked = world.entry("audit.read");
    asked.change = Some(serde_json::json!({"query": {"q": NAME, "target": EMAIL}}));
    let mut refused = world.entry("invitation.create");
    refused.outcome = AuditOutcome::Denied;
    refused.reason = Some(format!("conflict: <{EMAIL}> is a member already"));
    let mut recovered = world.entry("recovery.begin");
    recovered.reason = Some(format!("by `factotum admin recover`: {NAME} lost her telephone"));
    recovered.targets = vec![Target::named("person", "none yet", EMAIL)];
    let mut mail = world.entry("trigger.create");
    mail.permission = Some(format!("mail:send:{EMAIL}"));
    mail.change = Some(serde_json::json!({"after": {"config": {"allow_senders": ["example.org", EMAIL]}}}));
    vec![about, searched, asked, refused, recovered, mail]
}

async fn append(world: &World, entries: &[AuditEntry]) {
    world.write(async |tx| audit_entries::append(tx, entries).await).await;
}

async fn read(world: &World, org: OrgId) -> Vec<AuditEntry> {
    world.read(async |tx| audit_entries::list(tx, org, &AuditFilter::default(), None, 1000).await).await
}

fn reversed(mut entries: Vec<AuditEntry>) -> Vec<AuditEntry> {
    entries.reverse();
    entries
}

on_both! {
    async fn entries_commit_to_what_they_say_about_people_and_read_as_written(world: &World) {
        let ann = someone(world, world.org.id, NAME, EMAIL).await.principal;
        let other = someone(world, world.org.id, "Bob", "bob@example.com").await.principal;
        let entries = written(world, &ann, &other);
        append(world, &entries).await;
        assert_eq!(read(world, world.org.id).await, reversed(entries.clone()));
        let dump = world.raw().await.dump().await;
        for word in WORDS {
            assert!(!found_in(&dump, word).contains(&"audit_entries"), "{word}: {}", dump["audit_entries"]);
        }
        for (text, many) in [("lost her telephone", 1), ("wilhelmina.QUIST@", 6), ("wilhelmina.QUIST@example", 4), ("Quist", 6), ("netscape/4", 2), ("bob", 1)] {
            let found = world.entries(&AuditFilter { text: Some(text.into()), ..AuditFilter::default() }).await;
            assert_eq!(found.len(), many, "{text}");
        }
        let from = AuditFilter { address: ADDRESS.parse().ok(), ..AuditFilter::default() };
        assert_eq!(world.entries(&from).await.len(), 2);
    }

    async fn automated_work_writes_nothing_about_people(world: &World) {
        let key = world.key("deploy", 1, &["workflows:run", "kv:read"], None).await;
        let origin = Origin { ip: Some(ADDRESS.parse().unwrap()), user_agent: Some(BROWSER.into()), request_id: None };
        for account in [world.base(), key.account_id] {
            world.accept(NewRun { account_id: account, origin: origin.clone(), ..world.new_run() }).await;
        }
        for run in world.claim(10).await {
            world.finish(&run, End::Succeeded("1".into())).await;
        }
        assert_eq!(world.entries(&AuditFilter::default()).await.len(), 4);
        assert_eq!(world.raw().await.number("SELECT count(*) FROM audit_personal").await, 0);
    }

    async fn a_value_can_be_erased_and_nothing_else(world: &World) {
        let ann = someone(world, world.org.id, NAME, EMAIL).await.principal;
        append(world, &[by(world, world.org.id, &ann, "role.create"), by(world, world.org.id, &ann, "role.delete")]).await;
        let before = world.raw().await.dump().await["audit_personal"].clone();
        let mut raw = world.raw().await;
        let (bytes, id) = (raw.bytes(7, 16), raw.id(uuid::Uuid::now_v7()));
        for attack in [
            "UPDATE audit_personal SET value = 'Eve'".to_owned(),
            "UPDATE audit_personal SET value = NULL".to_owned(),
            "UPDATE audit_personal SET salt = NULL".to_owned(),
            format!("UPDATE audit_personal SET salt = {bytes}"),
            format!("UPDATE audit_personal SET salt = {bytes}, value = 'Eve'"),
            "UPDATE audit_personal SET field = field || 'x', salt = NULL, value = NULL".to_owned(),
            "UPDATE audit_personal SET subject = NULL, salt = NULL, value = NULL".to_owned(),
            format!("UPDATE audit_personal SET entry_id = {id}, salt = NULL, value = NULL WHERE field = '/ip'"),
            format!("UPDATE audit_personal SET org_id = {id}, salt = NULL, value = NULL"),
            "DELETE FROM audit_personal".to_owned(),
            "DELETE FROM audit_personal WHERE field = '/ip'".to_owned(),
            format!("INSERT INTO audit_personal (entry_id, field, org_id) VALUES ({id}, '/ip', {id})"),
            format!("INSERT INTO audit_personal (entry_id, field, org_id, salt, value) SELECT entry_id, field, org_id, {bytes}, 'Eve' FROM audit_personal"),
        ] {
            let words = raw.run(&attack).await.expect_err(&attack);
            assert!(["guard: ", "constraint", "violates"].iter().any(|w| words.contains(w)), "{attack}: {words}");
        }
        let others = match raw {
            crate::world::Raw::Sqlite(_) => [
                format!("INSERT OR REPLACE INTO audit_personal (entry_id, field, org_id, salt, value) SELECT entry_id, field, org_id, {bytes}, 'Eve' FROM audit_personal"),
                "UPDATE OR REPLACE audit_personal SET entry_id = (SELECT max(entry_id) FROM audit_personal), salt = NULL, value = NULL".to_owned(),
            ],
            crate::world::Raw::Postgres(_) => [
                "TRUNCATE audit_personal".to_owned(),
                format!("INSERT INTO audit_personal (entry_id, field, org_id, salt, value) SELECT entry_id, field, org_id, {bytes}, 'Eve' FROM audit_personal ON CONFLICT (entry_id, field) DO UPDATE SET value = 'Eve'"),
            ],
        };
        for attack in others {
            raw.run(&attack).await.expect_err(&attack);
        }
        assert_eq!(raw.dump().await["audit_personal"], before);
        assert_eq!(raw.run("UPDATE audit_personal SET salt = NULL, value = NULL WHERE field = '/ip'").await, Ok(2));
        raw.run("UPDATE audit_personal SET salt = NULL, value = 'back' WHERE field = '/ip'").await.unwrap_err();
        raw.run(&format!("UPDATE audit_personal SET salt = {bytes}, value = 'back' WHERE field = '/ip'")).await.unwrap_err();
        let found = read(world, world.org.id).await;
        assert_eq!((found[0].ip, found[0].erased.as_slice()), (None, ["/ip".to_owned()].as_slice()));
        assert_eq!((found[0].actor.name.as_str(), found[0].user_agent.as_deref()), (NAME, Some(BROWSER)));
    }

    async fn a_value_changed_behind_the_guards_is_not_shown(world: &World) {
        let ann = someone(world, world.org.id, NAME, EMAIL).await.principal;
        append(world, &[by(world, world.org.id, &ann, "role.create")]).await;
        let mut raw = world.raw().await;
        let on = if matches!(raw, crate::world::Raw::Postgres(_)) { " ON audit_personal" } else { "" };
        for guard in ["update", "delete"] {
            raw.run(&format!("DROP TRIGGER audit_personal_guard_{guard}{on}")).await.unwrap();
        }
        raw.run("UPDATE audit_personal SET value = 'Eve' WHERE field = '/actor/name'").await.unwrap();
        raw.run("DELETE FROM audit_personal WHERE field = '/ip'").await.unwrap();
        let found = read(world, world.org.id).await.remove(0);
        assert_eq!((found.actor.name.as_str(), found.ip, found.user_agent.as_deref()), (ALTERED, None, Some(BROWSER)));
        assert_eq!((found.altered, found.erased), (vec!["/actor/name".to_owned(), "/ip".to_owned()], vec![]));
    }

    async fn an_erased_person_is_in_no_table_and_every_entry_stays(world: &World) {
        let (org, now) = (world.org.id, world.now());
        let ann = someone(world, org, NAME, EMAIL).await;
        let other = someone(world, org, "Bob", "bob@example.com").await.principal;
        let account = ann.principal.id;
        invite_and_log_in(world, &ann).await;
        let run = world.accept(NewRun {
            account_id: account,
            initiator: Initiator { kind: InitiatorKind::Member, id: Some(account.to_string()) },
            origin: Origin { ip: Some(ADDRESS.parse().unwrap()), user_agent: Some(BROWSER.into()), request_id: None },
            ..world.new_run()
        }).await;
        let claimed = world.claim_one().await;
        world.finish(&claimed, End::Succeeded("1".into())).await;
        append(world, &written(world, &ann.principal, &other)).await;
        append(world, &[by(world, org, &other, "role.create")]).await;
        assert_eq!(world.run(run).await.principal.name, NAME);
        let dump = world.raw().await.dump().await;
        for (word, tables) in [(NAME, 4), (EMAIL, 4), (ADDRESS, 2), (BROWSER, 2)] {
            assert!(found_in(&dump, word).len() >= tables, "the test looks where it is: {word} {:?}", found_in(&dump, word));
        }

        assert_eq!(world.write(async |tx| erasure::standing(tx, org, account, now).await).await, Some(Standing::Member));
        world.write(async |tx| members::remove(tx, org, account, now).await).await;
        assert_eq!(world.write(async |tx| erasure::standing(tx, org, account, now).await).await, Some(Standing::Removed(ann.person)));
        let erased = world.write(async |tx| erasure::erase(tx, org, ann.person, now).await).await;
        assert!(erased > 15, "{erased}");

        let after = world.raw().await.dump().await;
        assert_eq!(after["audit_entries"], dump["audit_entries"], "what the leaves are made of is as it was");
        for word in [NAME, "Quist", EMAIL] {
            assert_eq!(found_in(&after, word), [""; 0], "{word}");
        }
        assert_eq!(world.run(run).await.principal.name, ERASED);
        let entries = read(world, org).await;
        assert!(entries.iter().all(|e| e.altered.is_empty()));
        let [bobs, rest @ ..] = entries.as_slice() else { panic!("{entries:?}") };
        // Bob had the same address and browser: they are his as well.
        assert_eq!((bobs.ip, bobs.actor.name.as_str(), bobs.erased.len()), (Some(ADDRESS.parse().unwrap()), "Bob", 0));
        let about = rest.iter().find(|e| e.action == "member.update").unwrap();
        assert_eq!((about.actor.id, about.actor.name.as_str(), about.ip, about.user_agent.as_deref()), (account, ERASED, None, Some(ERASED)));
        let names: Vec<_> = about.targets.iter().map(|t| t.name.as_deref()).collect();
        assert_eq!(names, [Some("Bob"), Some(ERASED)]);
        assert_eq!(about.erased, ["/actor/name", "/ip", "/targets/1/name", "/user_agent"]);
        let mail = rest.iter().find(|e| e.action == "trigger.create").unwrap();
        assert_eq!(mail.change, Some(serde_json::json!({"after": {"config": {"allow_senders": ["example.org", ERASED]}}})));

        let again = world.write(async |tx| erasure::erase(tx, org, ann.person, now).await).await;
        assert_eq!((again, world.raw().await.dump().await), (0, after), "once more changes nothing");
        // Whoever comes back is somebody new.
        let back = someone(world, org, NAME, EMAIL).await;
        assert!(back.person != ann.person && back.principal.id != account);
    }

    async fn another_organization_keeps_what_it_knows(world: &World) {
        let (theirs, _) = world.another_org("Other").await;
        let now = world.now();
        let here = someone(world, world.org.id, NAME, EMAIL).await;
        let there = someone(world, theirs.id, NAME, EMAIL).await;
        assert_eq!(here.person, there.person);
        append(world, &[by(world, world.org.id, &here.principal, "role.create"), by(world, theirs.id, &there.principal, "role.create")]).await;
        world.write(async |tx| members::remove(tx, world.org.id, here.principal.id, now).await).await;
        let foreign = world.write(async |tx| erasure::standing(tx, theirs.id, here.principal.id, now).await).await;
        assert_eq!(foreign, None, "an account of another organization");
        world.write(async |tx| erasure::erase(tx, world.org.id, here.person, now).await).await;
        assert_eq!(read(world, world.org.id).await[0].actor.name, ERASED);
        let kept = read(world, theirs.id).await.remove(0);
        assert_eq!((kept.actor.name.as_str(), kept.ip, kept.erased.len()), (NAME, Some(ADDRESS.parse().unwrap()), 0));
        let person = world.read(async |tx| people::by_email(tx, EMAIL).await).await;
        assert_eq!(person, Some(here.person), "they log in there as before");
        world.write(async |tx| members::remove(tx, theirs.id, there.principal.id, now).await).await;
        world.write(async |tx| erasure::erase(tx, theirs.id, there.person, now).await).await;
        let dump = world.raw().await.dump().await;
        for word in WORDS {
            assert_eq!(found_in(&dump, word), [""; 0], "{word}");
        }
    }

    async fn the_database_erases_no_other_account(world: &World) {
        let now = world.now();
        let live = someone(world, world.org.id, "Bob", "bob@example.com").await.principal;
        let gone = someone(world, world.org.id, NAME, EMAIL).await;
        let key = world.key("deploy", 1, &["kv:read"], None).await;
        world.write(async |tx| members::remove(tx, world.org.id, gone.principal.id, now).await).await;
        let mut raw = world.raw().await;
        let [live, gone_id, base, key] = [live.id, gone.principal.id, world.base(), key.account_id].map(|id: AccountId| raw.id(id.0));
        for attack in [
            format!("UPDATE accounts SET name = '(erased)', erased_at = 1 WHERE id = {live}"),
            format!("UPDATE accounts SET name = '(erased)', erased_at = 1 WHERE id = {base}"),
            format!("UPDATE accounts SET name = '(erased)', erased_at = 1 WHERE id = {key}"),
            format!("UPDATE accounts SET name = 'Root', erased_at = 1 WHERE id = {gone_id}"),
            format!("UPDATE accounts SET name = '(erased)' WHERE id = {gone_id}"),
            format!("UPDATE accounts SET name = '(erased)', erased_at = 1, deleted_at = NULL WHERE id = {gone_id}"),
            format!("UPDATE accounts SET name = '(erased)', erased_at = 1, deleted_at = 5 WHERE id = {gone_id}"),
        ] {
            let words = raw.run(&attack).await.expect_err(&attack);
            assert!(["guard: ", "constraint", "violates"].iter().any(|w| words.contains(w)), "{attack}: {words}");
        }
        raw.run(&format!("UPDATE accounts SET name = '(erased)', erased_at = 1 WHERE id = {gone_id}")).await.unwrap();
        for attack in ["name = 'Back'", "erased_at = NULL", "erased_at = 2", "deleted_at = NULL, erased_at = NULL"] {
            raw.run(&format!("UPDATE accounts SET {attack} WHERE id = {gone_id}")).await.expect_err(attack);
        }
    }
}

/// An invitation taken up, an answer kept for a repeated request, a password, an identity and a session.
async fn invite_and_log_in(world: &World, who: &Someone) {
    let (org, now, account) = (world.org.id, world.now(), who.principal.id);
    let role = world.read(async |tx| roles::list(tx, org, None, 10).await).await[0].id;
    let expires_at = now.plus(Duration::from_hours(1));
    let email = EMAIL.to_owned();
    let base = world.base();
    world
        .write(async |tx| {
            let new = NewInvitation {
                email,
                roles: vec![role],
                token_hash: Digest([7; 32]),
                invited_by: base,
                expires_at,
            };
            let invitation = invitations::create(tx, org, &new, now).await?;
            invitations::take_up(tx, &invitation, account, now).await?;
            let route = "POST /api/v1/members/invitations";
            idempotency_keys::take(tx, base, route, "k", Digest::of(b""), now).await?;
            idempotency_keys::answer(tx, base, route, "k", 201, &format!("{{\"email\":\"{EMAIL}\"}}"))
                .await?;
            credentials::set_password(tx, who.person, "$argon2id$v=19$x", now).await?;
            identities::link(tx, who.person, "https://id.example.com", EMAIL, now).await?;
            let session = NewSession {
                token_hash: Digest([8; 32]),
                org_id: org,
                account_id: account,
                person_id: who.person,
                method: Method::Password,
                expires_at,
                from: ADDRESS.parse().unwrap(),
                user_agent: Some(BROWSER.into()),
            };
            sessions::begin(tx, &session, now).await?;
            Ok(())
        })
        .await;
}

/// What an erasure leaves in the file of SQLite is gone when the file is written anew.
#[tokio::test]
async fn the_file_of_sqlite_holds_no_trace_once_it_is_compact() {
    let world = World::sqlite().await;
    let path = world.url.strip_prefix("sqlite:").unwrap().to_owned();
    let (org, now) = (world.org.id, world.now());
    let ann = someone(&world, org, NAME, EMAIL).await;
    let other = someone(&world, org, "Bob", "bob@example.com").await.principal;
    for _ in 0..40 {
        append(&world, &written(&world, &ann.principal, &other)).await;
    }
    invite_and_log_in(&world, &ann).await;
    world.write(async |tx| members::remove(tx, org, ann.principal.id, now).await).await;
    world.write(async |tx| erasure::erase(tx, org, ann.person, now).await).await;
    world.storage.close().await;
    Storage::compact(&world.url).await.unwrap();
    for file in [path.clone(), format!("{path}-wal")] {
        let Ok(bytes) = std::fs::read(&file) else { continue };
        assert!(bytes.len() % 4096 == 0 || file.ends_with("-wal"));
        for word in WORDS {
            assert!(!bytes.windows(word.len()).any(|window| window == word.as_bytes()), "{word} in {file}");
        }
    }
    world.close().await;
}
