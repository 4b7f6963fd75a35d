//! The invariants that the database itself holds, attacked in SQL by somebody who has its password. What must hold: each
//! statement here is refused with an error, on both backends, with foreign keys on and, where a connection can do that,
//! off. What only one backend's language can say is in `attacks_sqlite.rs` and `attacks_postgres.rs`.

use std::time::Duration;

use factotum_model::audit::AuditEntry;
use factotum_model::{AccountId, OrgId, TriggerId, WorkflowId};
use factotum_storage::api_keys::ApiKey;
use factotum_storage::{api_keys, audit_entries, credentials, people};
use uuid::Uuid;

use crate::world::{Raw, World};

/// What there is to attack, each id as it is written in a statement.
pub struct Scene {
    pub raw: Raw,
    pub org: String,
    pub base: String,
    pub workflow: String,
    pub trigger: String,
    pub other_org: String,
    pub other_workflow: String,
    pub person: String,
    pub member: String,
    pub key: String,
    pub key_account: String,
    pub revoked: String,
    pub revoked_account: String,
    pub entry: String,
    pub fresh: String,
    pub fresh2: String,
    before: Vec<(String, i64)>,
}

/// Counts that say whether an attack left something: what there is, and what it must be like.
const MEASURES: [&str; 21] = [
    "SELECT count(*) FROM organizations",
    "SELECT count(*) FROM accounts",
    "SELECT count(*) FROM accounts WHERE kind = 'base' AND name = 'Service Account' AND deleted_at IS NULL",
    "SELECT count(*) FROM organizations o WHERE (SELECT count(*) FROM accounts a WHERE a.org_id = o.id AND a.id = o.base_account_id AND a.kind = 'base') = 1",
    "SELECT count(*) FROM accounts WHERE deleted_at IS NOT NULL",
    "SELECT count(*) FROM accounts WHERE person_id IS NOT NULL AND kind <> 'member'",
    "SELECT count(*) FROM people",
    "SELECT count(*) FROM people WHERE email = 'ed@example.com' AND name = 'Ed'",
    "SELECT count(*) FROM credentials",
    "SELECT count(*) FROM identities",
    "SELECT count(*) FROM sessions",
    "SELECT count(*) FROM roles",
    "SELECT count(*) FROM role_members",
    "SELECT count(*) FROM api_keys",
    "SELECT count(*) FROM api_keys WHERE grants = '[\"kv:read\"]'",
    "SELECT count(*) FROM api_keys WHERE revoked_at IS NULL",
    "SELECT count(*) FROM api_keys WHERE secret_hash IS NOT NULL",
    "SELECT count(*) FROM audit_entries WHERE action = 'api_key.create'",
    "SELECT count(*) FROM workflow_versions WHERE grants LIKE '%http:request%'",
    "SELECT count(*) FROM triggers t JOIN workflows w ON w.id = t.workflow_id AND w.org_id = t.org_id",
    "SELECT count(*) FROM plugins",
];

impl Scene {
    /// Sets the scene.
    pub async fn set(world: &World) -> Self {
        let (other, other_workflow) = world.another_org("Other").await;
        let expires = Some(world.now().plus(Duration::from_hours(1)));
        let key: ApiKey = world.key("deploy", 1, &["kv:read"], expires).await;
        let revoked = world.key("revoked", 2, &["kv:read"], None).await;
        let trigger: TriggerId = world.trigger(world.workflow).await;
        let entry: AuditEntry = world.entry("api_key.create");
        let (org, now): (OrgId, _) = (world.org.id, world.now());
        let (person, member): (_, AccountId) = world
            .write(async |tx| {
                api_keys::revoke(tx, org, revoked.id, now).await?;
                audit_entries::append(tx, std::slice::from_ref(&entry)).await?;
                let person = people::find_or_create(tx, "ed@example.com", "Ed", now).await?;
                people::find_or_create(tx, "vi@example.com", "Vi", now).await?;
                credentials::set_password(tx, person, "$argon2id$v=19$x", now).await?;
                Ok((person, people::add_member(tx, org, person, "Ed", "Viewer", now).await?))
            })
            .await;
        let raw = world.raw().await;
        let workflow: WorkflowId = world.workflow;
        let mut scene = Self {
            org: raw.id(org.0),
            base: raw.id(world.base().0),
            workflow: raw.id(workflow.0),
            trigger: raw.id(trigger.0),
            other_org: raw.id(other.id.0),
            other_workflow: raw.id(other_workflow.0),
            person: raw.id(person.0),
            member: raw.id(member.0),
            key: raw.id(key.id.0),
            key_account: raw.id(key.account_id.0),
            revoked: raw.id(revoked.id.0),
            revoked_account: raw.id(revoked.account_id.0),
            entry: raw.id(entry.id.0),
            fresh: raw.id(Uuid::now_v7()),
            fresh2: raw.id(Uuid::now_v7()),
            raw,
            before: Vec::new(),
        };
        scene.before = scene.measure().await;
        scene
    }

    async fn measure(&mut self) -> Vec<(String, i64)> {
        let mut measured = Vec::new();
        for sql in MEASURES {
            measured.push((sql.to_owned(), self.raw.number(sql).await));
        }
        measured
    }

    /// Runs an attack, which must be refused by a guard or constraint, not for its grammar, and leave nothing.
    pub async fn refuses(&mut self, attack: &str) {
        match self.leaves_nothing(attack).await {
            Ok(()) => panic!("this was let through: {attack}"),
            Err(words) => assert!(
                ["guard: ", "constraint", "violates"].iter().any(|word| words.contains(word)),
                "this was refused by mistake: {attack}: {words}"
            ),
        }
    }

    /// Runs an attack, which must leave nothing, whether by an error or because it did nothing.
    pub async fn leaves_nothing(&mut self, attack: &str) -> Result<(), String> {
        let outcome = self.raw.run(&format!("BEGIN; {attack}; COMMIT")).await;
        if outcome.is_err() {
            // Undoes what the statements before the refused one did, as the program's rolled-back transaction would; there
            // is nothing to undo where the refusal did it.
            let _ = self.raw.run("ROLLBACK").await;
        }
        let after = self.measure().await;
        for (before, after) in self.before.iter().zip(&after) {
            assert_eq!(before, after, "this left a trace: {attack}");
        }
        outcome.map(drop)
    }
}

/// Attacks that both databases' languages can say.
pub fn attacks(s: &Scene) -> Vec<String> {
    let Scene { org, base, workflow, trigger, other_org, other_workflow, person, member, .. } = s;
    let Scene { key, key_account, revoked, revoked_account, entry, fresh, fresh2, .. } = s;
    let hash = s.raw.bytes(0xaa, 32);
    let mut all = Vec::new();
    let mut add = |sql: String| all.push(sql);
    // I1, I3, I4: the base account.
    add(format!("DELETE FROM accounts WHERE id = {base}"));
    add("DELETE FROM accounts WHERE kind = 'base'".into());
    for change in [
        "name = 'Root'".to_owned(),
        "name = 'Service Account'".to_owned(),
        "kind = 'api_key'".to_owned(),
        "deleted_at = 1".to_owned(),
        format!("org_id = {other_org}"),
        format!("id = {fresh}"),
        "created_at = 1".to_owned(),
        format!("kind = 'member', person_id = {person}"),
    ] {
        add(format!("UPDATE accounts SET {change} WHERE id = {base}"));
    }
    for id in [fresh, member, base] {
        add(format!(
            "INSERT INTO accounts (id, org_id, kind, name, created_at) VALUES ({id}, {org}, 'base', 'Service Account', 1)"
        ));
    }
    add(format!(
        "INSERT INTO accounts (id, org_id, kind, name, created_at) VALUES ({fresh}, {fresh2}, 'base', 'Service Account', 1)"
    ));
    add(format!(
        "UPDATE accounts SET kind = 'base', name = 'Service Account', person_id = NULL WHERE id = {member}"
    ));
    add(format!("UPDATE accounts SET kind = 'base', name = 'Service Account' WHERE id = {key_account}"));
    // Organizations.
    add(format!("DELETE FROM organizations WHERE id = {org}"));
    add("DELETE FROM organizations".into());
    add(format!("UPDATE organizations SET base_account_id = {key_account} WHERE id = {org}"));
    add(format!("UPDATE organizations SET base_account_id = {fresh} WHERE id = {org}"));
    add(format!("UPDATE organizations SET id = {fresh} WHERE id = {org}"));
    add(format!(
        "INSERT INTO organizations (id, name, base_account_id, created_at) VALUES ({fresh}, 'Thief', {base}, 1)"
    ));
    add(format!(
        "INSERT INTO organizations (id, name, base_account_id, created_at) VALUES ({fresh}, 'Thief', {key_account}, 1)"
    ));
    add(format!(
        "INSERT INTO organizations (id, name, base_account_id, created_at) VALUES ({org}, 'Again', {fresh}, 1)"
    ));
    add(format!(
        "INSERT INTO organizations (id, name, base_account_id, created_at) VALUES ({fresh}, 'None', NULL, 1)"
    ));
    // Accounts of any kind.
    for account in [key_account, member, revoked_account] {
        add(format!("DELETE FROM accounts WHERE id = {account}"));
        add(format!("UPDATE accounts SET org_id = {other_org} WHERE id = {account}"));
        add(format!("UPDATE accounts SET id = {fresh} WHERE id = {account}"));
    }
    add(format!("UPDATE accounts SET kind = 'member', person_id = {person} WHERE id = {key_account}"));
    add(format!("UPDATE accounts SET kind = 'api_key', person_id = NULL WHERE id = {member}"));
    add(format!(
        "UPDATE accounts SET person_id = (SELECT id FROM people WHERE email = 'vi@example.com') WHERE id = {member}"
    ));
    add(format!("UPDATE accounts SET deleted_at = NULL WHERE id = {revoked_account}"));
    add(format!("UPDATE accounts SET deleted_at = 99 WHERE id = {revoked_account}"));
    add(format!("UPDATE accounts SET name = 'Ed' WHERE id = {revoked_account}"));
    add(format!("UPDATE accounts SET name = 'other' WHERE id = {key_account}"));
    add(format!("UPDATE accounts SET deleted_at = 1 WHERE id = {key_account}"));
    add(format!(
        "INSERT INTO accounts (id, org_id, kind, name, person_id, created_at) VALUES ({fresh}, {org}, 'api_key', 'x', {person}, 1)"
    ));
    add(format!(
        "INSERT INTO accounts (id, org_id, kind, name, created_at) VALUES ({fresh}, {org}, 'member', 'x', 1)"
    ));
    add(format!(
        "INSERT INTO accounts (id, org_id, kind, name, created_at) VALUES ({fresh}, {org}, 'root', 'x', 1)"
    ));
    add(format!(
        "INSERT INTO accounts (id, org_id, kind, name, person_id, created_at) VALUES ({fresh}, {org}, 'member', 'x', {fresh2}, 1)"
    ));
    add(format!(
        "INSERT INTO accounts (id, org_id, kind, name, person_id, created_at) VALUES ({fresh}, {org}, 'member', 'Ed again', {person}, 1)"
    ));
    // I11: a service account logs in by no route.
    for account in [base, key_account] {
        add(format!(
            "INSERT INTO credentials (person_id, password_hash, updated_at) VALUES ({account}, 'x', 1)"
        ));
        add(format!("UPDATE credentials SET person_id = {account}"));
        add(format!(
            "INSERT INTO identities (issuer, subject, person_id, created_at) VALUES ('i', 's', {account}, 1)"
        ));
        add(format!(
            "INSERT INTO totp (person_id, data_key_id, sealed, created_at) SELECT {account}, id, {hash}, 1 FROM data_keys"
        ));
        add(format!(
            "INSERT INTO recovery_codes (person_id, code_hash, created_at) VALUES ({account}, {hash}, 1)"
        ));
        add(format!(
            "INSERT INTO one_time_links (token_hash, purpose, person_id, created_at, expires_at) VALUES ({hash}, 'password_reset', {account}, 1, 1)"
        ));
        for (person, kind) in [(person, "member"), (account, "member"), (person, "base"), (person, "api_key")]
        {
            add(format!(
                "INSERT INTO sessions (id, token_hash, org_id, account_id, kind, person_id, method, created_at, expires_at, last_seen_at) \
                 VALUES ({fresh}, {hash}, {org}, {account}, '{kind}', {person}, 'password', 1, 1, 1)"
            ));
        }
    }
    add(format!("DELETE FROM people WHERE id = {person}"));
    // I12: nor has it a role, and no link leads across organizations.
    let role = |of: &str| format!("(SELECT id FROM roles WHERE org_id = {of} AND name = 'Admin')");
    for (account, kind) in [
        (base, "member"),
        (base, "base"),
        (key_account, "member"),
        (key_account, "api_key"),
        (fresh, "member"),
    ] {
        add(format!(
            "INSERT INTO role_members (org_id, role_id, account_id, kind) VALUES ({org}, {}, {account}, '{kind}')",
            role(org)
        ));
    }
    add(format!(
        "INSERT INTO role_members (org_id, role_id, account_id) VALUES ({org}, {}, {member})",
        role(other_org)
    ));
    add(format!(
        "INSERT INTO role_members (org_id, role_id, account_id) VALUES ({other_org}, {}, {member})",
        role(other_org)
    ));
    add(format!("UPDATE role_members SET account_id = {base} WHERE account_id = {member}"));
    add(format!("UPDATE role_members SET kind = 'base' WHERE account_id = {member}"));
    add(format!("UPDATE role_members SET role_id = {} WHERE account_id = {member}", role(org)));
    add(format!("UPDATE role_members SET org_id = {other_org} WHERE account_id = {member}"));
    // Built-in roles mean the same everywhere.
    add(format!("UPDATE roles SET grants = '[\"*:*\"]' WHERE org_id = {org} AND name = 'Viewer'"));
    add(format!("UPDATE roles SET name = 'Gone' WHERE org_id = {org} AND name = 'Admin'"));
    add(format!("UPDATE roles SET built_in = 0 WHERE org_id = {org} AND name = 'Viewer'"));
    add(format!(
        "UPDATE roles SET org_id = {other_org}, name = 'Mine' WHERE org_id = {org} AND name = 'Viewer'"
    ));
    add(format!("DELETE FROM roles WHERE org_id = {org} AND name = 'Viewer'"));
    // I6, I7, I9, I14: keys.
    for change in [
        "grants = '[\"*:*\"]'".to_owned(),
        "grants = '[]'".to_owned(),
        format!("secret_hash = {hash}"),
        "nickname = 'other'".to_owned(),
        "skeleton = 'other'".to_owned(),
        "prefix = 'fct_other'".to_owned(),
        format!("account_id = {base}"),
        format!("account_id = {member}, kind = 'member'"),
        format!("org_id = {other_org}"),
        format!("id = {fresh}"),
        format!("created_by = {base}, created_at = 1"),
        "expires_at = expires_at + 1".to_owned(),
        "expires_at = NULL".to_owned(),
        "allowed_networks = '[\"0.0.0.0/0\"]'".to_owned(),
        "revoked_at = 1".to_owned(),
        "secret_hash = NULL".to_owned(),
    ] {
        add(format!("UPDATE api_keys SET {change} WHERE id = {key}"));
    }
    for change in [
        "revoked_at = NULL".to_owned(),
        format!("revoked_at = NULL, secret_hash = {hash}"),
        format!("secret_hash = {hash}"),
        "revoked_at = 99".to_owned(),
    ] {
        add(format!("UPDATE api_keys SET {change} WHERE id = {revoked}"));
    }
    add(format!("DELETE FROM api_keys WHERE id = {key}"));
    add(format!("DELETE FROM api_keys WHERE id = {revoked}"));
    let columns =
        "id, org_id, account_id, secret_hash, prefix, nickname, skeleton, grants, created_by, created_at";
    let made = |account: &str, of: &str, nickname: &str, grants: &str| {
        format!(
            "INSERT INTO api_keys ({columns}) VALUES ({fresh}, {of}, {account}, {hash}, 'fct_', '{nickname}', '{nickname}', '{grants}', {base}, 1)"
        )
    };
    for account in [base, member, fresh2, revoked_account, key_account] {
        add(made(account, org, "deploy", "[\"*:*\"]"));
        add(made(account, org, "Service Account", "[\"*:*\"]"));
        add(made(account, org, "Ed", "[\"*:*\"]"));
        add(made(account, other_org, "deploy", "[\"*:*\"]"));
    }
    // A second key of one nickname, with an account of its own.
    add(format!(
        "INSERT INTO accounts (id, org_id, kind, name, created_at) VALUES ({fresh2}, {org}, 'api_key', 'deploy', 1); {}",
        made(fresh2, org, "deploy", "[\"kv:read\"]")
    ));
    // The audit trail.
    for change in [
        "actor_name = 'Nobody'".to_owned(),
        "outcome = 'ok'".to_owned(),
        "at = 1".to_owned(),
        format!("org_id = {other_org}"),
    ] {
        add(format!("UPDATE audit_entries SET {change} WHERE id = {entry}"));
    }
    add(format!("DELETE FROM audit_entries WHERE id = {entry}"));
    add("DELETE FROM audit_entries".into());
    add(format!(
        "INSERT INTO audit_entries (id, org_id, at, action, outcome, actor_id, actor_kind, actor_name, initiator_kind, detail) VALUES ({entry}, {org}, 1, 'x.y', 'ok', {base}, 'base', 'x', 'system', '{{}}')"
    ));
    add(format!(
        "INSERT INTO audit_entries (id, org_id, at, action, outcome, actor_id, actor_kind, actor_name, initiator_kind, detail) VALUES ({fresh}, {org}, 1, 'x.y', 'fine', {base}, 'base', 'x', 'system', '{{}}')"
    ));
    // Workflows, their versions and triggers.
    add(format!("UPDATE workflow_versions SET grants = '[\"*:*\"]' WHERE workflow_id = {workflow}"));
    add(format!("UPDATE workflow_versions SET version = 2 WHERE workflow_id = {workflow}"));
    add(format!(
        "UPDATE workflow_versions SET plugin_id = (SELECT id FROM plugins WHERE org_id = {other_org}) WHERE workflow_id = {workflow}"
    ));
    add(format!("DELETE FROM workflow_versions WHERE workflow_id = {workflow}"));
    add(format!(
        "INSERT INTO workflow_versions (workflow_id, version, plugin_id, grants, config, limits, retry, created_by, created_at) SELECT {workflow}, 2, id, '[]', '{{}}', '{{}}', '{{}}', {base}, 1 FROM plugins WHERE org_id = {other_org}"
    ));
    add(format!("UPDATE workflows SET org_id = {other_org}, name = 'stolen' WHERE id = {workflow}"));
    add(format!("UPDATE workflows SET id = {fresh} WHERE id = {workflow}"));
    add(format!("DELETE FROM workflows WHERE id = {workflow}"));
    add(format!("UPDATE plugins SET digest = {hash} WHERE org_id = {org}"));
    add(format!("UPDATE plugins SET org_id = {other_org}, name = 'stolen' WHERE org_id = {org}"));
    add(format!("DELETE FROM plugins WHERE org_id = {org}"));
    add(format!("UPDATE triggers SET workflow_id = {other_workflow} WHERE id = {trigger}"));
    add(format!("UPDATE triggers SET org_id = {other_org} WHERE id = {trigger}"));
    add(format!(
        "UPDATE triggers SET org_id = {other_org}, workflow_id = {other_workflow} WHERE id = {trigger}"
    ));
    add(format!(
        "INSERT INTO triggers (id, org_id, workflow_id, kind, config, created_by, created_at, updated_at) VALUES ({fresh}, {org}, {other_workflow}, 'webhook', '{{}}', {base}, 1, 1)"
    ));
    add("UPDATE blobs SET bytes = digest".into());
    all
}

on_both! {
    async fn every_attack_is_refused(world: &World) {
        let mut scene = Scene::set(world).await;
        for attack in attacks(&scene) {
            scene.refuses(&attack).await;
        }
    }

    async fn what_is_right_still_works_afterwards(world: &World) {
        let mut scene = Scene::set(world).await;
        let Scene { key, key_account, .. } = &scene;
        let (shorten, touch) = (
            format!("UPDATE api_keys SET expires_at = expires_at - 1 WHERE id = {key}"),
            format!("UPDATE api_keys SET last_used_at = 5, last_used_from = '::1' WHERE id = {key}"),
        );
        let revoke = format!("UPDATE api_keys SET revoked_at = 7, secret_hash = NULL WHERE id = {key}");
        let gone = format!("SELECT count(*) FROM accounts WHERE id = {key_account} AND deleted_at = 7");
        for right in [shorten, touch, revoke] {
            assert_eq!(scene.raw.run(&right).await, Ok(1), "{right}");
        }
        assert_eq!(scene.raw.number(&gone).await, 1, "I9: the account went with its key");
    }
}
