//! PostgreSQL with two roles, as docs/deploying.md sets them up: the program's own role owns no table and cannot touch what is on the record, whatever the
//! program were made to send.

use factotum_tests::postgres::{psql, random_word};
use factotum_tests::{Backend, Server, Settings, wait_until};
use serde_json::json;

#[test]
fn the_programs_role_cannot_touch_the_record_and_the_program_needs_no_more() {
    let superuser = Backend::Postgres.fresh_database().unwrap().unwrap();
    let (_, rest) = superuser.split_once('@').unwrap();
    let (word, password) = (random_word().unwrap(), random_word().unwrap());
    let (owner, app) = (format!("owner_{word}"), format!("app_{word}"));
    let url = |role: &str| format!("postgres://{role}:{password}@{rest}");
    let database = rest.rsplit_once('/').unwrap().1;
    for sql in [
        format!("CREATE ROLE {owner} LOGIN PASSWORD '{password}'"),
        format!("CREATE ROLE {app} LOGIN PASSWORD '{password}'"),
        format!("ALTER DATABASE \"{database}\" OWNER TO {owner}"),
    ] {
        psql(&superuser, &sql).unwrap();
    }
    for sql in [
        format!("GRANT USAGE ON SCHEMA public TO {app}"),
        format!(
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}"
        ),
    ] {
        psql(&url(&owner), &sql).unwrap();
    }
    let settings = Settings { database: Some(url(&app)), ..Settings::default() };
    let mut server = Server::launch(
        settings.toml(&format!("migrate_database = \"{}\"\n[retention]\naudit_days = 30\n", url(&owner))),
    )
    .unwrap();
    for sql in [
        format!(
            "REVOKE UPDATE, DELETE, TRUNCATE ON audit_entries, audit_leaves, audit_nodes, audit_epochs, audit_checkpoints, audit_signing_keys FROM {app}"
        ),
        format!("REVOKE DELETE, TRUNCATE ON audit_personal FROM {app}"),
        format!("REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON audit_retention FROM {app}"),
        format!("GRANT EXECUTE ON FUNCTION retain_audit TO {app}"),
        format!("REVOKE INSERT, UPDATE, DELETE ON _sqlx_migrations FROM {app}"),
    ] {
        psql(&url(&owner), &sql).unwrap();
    }
    server.stop().unwrap();
    let old = old_trail(&superuser);
    // It starts again, and does its work.
    server.resume().unwrap();
    let api = server.api();
    api.deploy("echo", &[]);
    let hook = api.webhook("echo", &json!({"reply": "outcome"}));
    server.stranger().post(&hook, &json!({})).expect(200);
    let (secret, made) = api.mint("ci", &["workflows:run"]);
    api.with_key(&secret).run("echo", &json!({}));
    api.delete(&format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap())).expect(204);
    assert!(!api.audit("action=run.succeed").is_empty());
    let (_, former) = crate::invitations::joined(&server, "ann@example.com", &["Viewer"]);
    api.delete(&format!("/api/v1/members/{former}")).expect(204);
    let erased = api.post(&format!("/api/v1/members/{former}/erase"), &json!({})).expect(200);
    assert!(erased["audit_values"].as_u64().unwrap() > 0, "{erased}");

    // All that is past its time goes, but for the newest of that log, through the one function.
    let left = format!("SELECT count(*) FROM audit_entries WHERE org_id = '{old}' AND action = 'old.entry'");
    wait_until("the past to be removed", || (psql(&superuser, &left).unwrap().trim() == "1").then_some(()));
    let told = psql(
        &superuser,
        &format!("SELECT detail FROM audit_entries WHERE org_id = '{old}' AND action = 'audit.retain'"),
    )
    .unwrap();
    assert!(told.contains("\"entries\":9"), "{told}");
    let leaves = format!("SELECT count(*) FROM audit_leaves WHERE org_id = '{old}'");
    assert!(psql(&superuser, &leaves).unwrap().trim().parse::<u32>().unwrap() >= 10);

    let before = psql(&superuser, "SELECT count(*) FROM audit_entries").unwrap();
    for attack in [
        format!("SELECT retain_audit('{old}', 11, {}, 1)", i64::MAX),
        format!("SELECT retain_audit('{old}', 10, 1600000000000000, 1)"),
        format!(
            "INSERT INTO audit_retention SELECT org_id, 11, older_than, checkpoint_size, checkpoint_root, at FROM audit_retention WHERE org_id = '{old}'"
        ),
        "DELETE FROM audit_retention".to_owned(),
    ] {
        let refused = psql(&url(&app), &attack).expect_err(&attack).to_string();
        assert!(
            ["permission denied", "guard:"].iter().any(|word| refused.contains(word)),
            "{attack}: {refused}"
        );
    }
    for attack in [
        "DELETE FROM audit_entries",
        "UPDATE audit_entries SET outcome = 'ok'",
        "TRUNCATE audit_entries",
        "DELETE FROM audit_leaves",
        "UPDATE audit_checkpoints SET note = ''",
        "TRUNCATE audit_signing_keys",
        "DELETE FROM audit_personal",
        "TRUNCATE audit_personal",
        "UPDATE audit_personal SET value = 'Eve'",
        "UPDATE audit_personal SET subject = NULL",
        "TRUNCATE accounts CASCADE",
        "ALTER TABLE audit_entries DISABLE TRIGGER ALL",
        "ALTER TABLE accounts DISABLE TRIGGER accounts_guard_update",
        "DROP TRIGGER accounts_guard_update ON accounts",
        "DROP TABLE audit_entries",
        "CREATE OR REPLACE FUNCTION guard_refuses() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "SET session_replication_role = replica",
        "DELETE FROM accounts",
        "UPDATE accounts SET name = 'Root' WHERE kind = 'base'",
        "DELETE FROM _sqlx_migrations",
    ] {
        let refused = psql(&url(&app), attack).expect_err(attack).to_string();
        assert!(
            ["permission denied", "must be owner", "guard:"].iter().any(|word| refused.contains(word)),
            "{attack}: {refused}"
        );
    }
    assert_eq!(psql(&superuser, "SELECT count(*) FROM audit_entries").unwrap(), before);
}

/// An organization whose trail begins long ago: its id.
fn old_trail(superuser: &str) -> String {
    let id = psql(superuser, "SELECT gen_random_uuid()").unwrap().trim().to_owned();
    for sql in [
        format!(
            "INSERT INTO organizations (id, name, base_account_id, created_at) VALUES ('{id}', 'Old', gen_random_uuid(), 1)"
        ),
        format!(
            "INSERT INTO audit_entries (id, org_id, at, action, outcome, actor_id, actor_kind, actor_name, initiator_kind, detail) \
             SELECT gen_random_uuid(), o.id, 1500000000000000 + n, 'old.entry', 'ok', o.base_account_id, 'base', 'Service Account', 'system', '{{}}' \
             FROM organizations o, generate_series(1, 10) n WHERE o.id = '{id}'"
        ),
    ] {
        psql(superuser, &sql).unwrap();
    }
    id
}
