//! `factotum member` against a real server, and what `factotum admin bootstrap` refuses.

use factotum_tests::browser::PASSWORD;
use factotum_tests::cli::Cli;
use factotum_tests::{Backend, Browser, Server, on_both_backends};
use serde_json::{Value, json};

use crate::invitations::{joined, token};
use crate::ledger::text;

fn names(list: &Value, field: &str) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| text(&item[field])).collect()
}

#[test]
fn members_are_invited_given_roles_and_removed() {
    let server = Server::start(Backend::Sqlite);
    let cli = Cli::of(&server);
    let invited = cli.json(&["member", "invite", "ann@example.com", "--role", "Viewer"]);
    assert_eq!(names(&cli.json(&["member", "list", "--invited"]), "email"), ["ann@example.com"]);
    assert!(!cli.text(&["member", "list", "--invited"]).contains(&token(&invited)));
    assert_eq!(cli.json(&["member", "remove", &text(&invited["id"])])["removed"], invited["id"]);
    cli.refused(4, &["member", "remove", &text(&invited["id"])]);
    cli.refused(1, &["member", "invite", "nobody", "--role", "Viewer"]);
    let (_, ann) = joined(&server, "ann@example.com", &["Viewer"]);
    let made =
        cli.json(&["member", "role", "create", "Operator", "--grant", "runs:read", "--grant", "runs:cancel"]);
    assert_eq!(
        cli.json(&["member", "role", "set", &ann, "Operator", "Viewer"])["roles"],
        json!(["Operator", "Viewer"])
    );
    let id = text(&made["id"]);
    assert_eq!(
        cli.json(&["member", "role", "change", &id, "--grant", "runs:read"])["grants"],
        json!(["runs:read"])
    );
    assert_eq!(
        names(&cli.json(&["member", "role", "list"]), "name"),
        ["Admin", "Editor", "Viewer", "Operator"]
    );
    cli.refused(1, &["member", "role", "delete", &id]);
    cli.json(&["member", "remove", &ann]);
    cli.text(&["member", "role", "delete", &id]);
    let base = cli.json(&["member", "list", "--service"]);
    let base = base["items"].as_array().unwrap().iter().find(|m| m["kind"] == "base").unwrap();
    cli.refused(1, &["member", "remove", &text(&base["id"])]);
    let (narrow, _) = server.api().mint("narrow", &["runs:read"]);
    cli.with("FACTOTUM_API_KEY", &narrow)
        .refused(3, &["member", "invite", "bob@example.com", "--role", "Viewer"]);
}

on_both_backends! {
    fn a_bootstrap_takes_no_name_twice_and_sets_no_known_persons_password(backend: Backend) {
        let server = Server::start(backend);
        let made = |org: &str, email: &str, password: &str| {
            let done = server.admin(&["bootstrap", "--org", org, "--email", email, "--password-stdin"], password).unwrap();
            (done.status.code(), String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
        };
        let taken = made(" tesT", "other@example.com", PASSWORD);
        assert_eq!((taken.0, taken.1.as_str()), (Some(1), ""), "{taken:?}");
        assert!(taken.2.contains("--org") && taken.2.contains("already"), "{taken:?}");
        let stolen = made("Other", "Admin@example.com", "seven grey herons on a wire");
        assert_eq!((stolen.0, stolen.1.as_str()), (Some(1), ""), "{stolen:?}");
        assert!(stolen.2.contains("--email") && !stolen.2.contains("herons"), "{stolen:?}");
        Browser::at(server.base()).log_in("admin@example.com", PASSWORD).expect(200);
        assert_eq!(made("Other", "admin@example.com", PASSWORD).0, Some(0));
        Browser::at(server.base()).log_in("admin@example.com", PASSWORD).expect(200);
    }
}
