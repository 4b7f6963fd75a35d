//! PostgreSQL with two roles, as docs/deploying.md sets them up: the program's own role owns no table and cannot touch what is on the record, whatever the
//! program were made to send.

use factotum_tests::postgres::{psql, random_word};
use factotum_tests::{Backend, Server, Settings};
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
    let mut server =
        Server::launch(settings.toml(&format!("migrate_database = \"{}\"\n", url(&owner)))).unwrap();
    for sql in [
        format!("REVOKE UPDATE, DELETE, TRUNCATE ON audit_entries FROM {app}"),
        format!("REVOKE DELETE, TRUNCATE ON audit_personal FROM {app}"),
        format!("REVOKE INSERT, UPDATE, DELETE ON _sqlx_migrations FROM {app}"),
    ] {
        psql(&url(&owner), &sql).unwrap();
    }
    // It starts again, and does its work.
    server.stop().unwrap();
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

    let before = psql(&superuser, "SELECT count(*) FROM audit_entries").unwrap();
    for attack in [
        "DELETE FROM audit_entries",
        "UPDATE audit_entries SET outcome = 'ok'",
        "TRUNCATE audit_entries",
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
