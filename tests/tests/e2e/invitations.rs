//! Invitations, from the letter to the session. What must hold: a link works once, for whom it was made, while the inviter may still give what it
//! gives; it sets nobody's password anew; its token stands in no list, no log and no audit entry.

use factotum_tests::browser::PASSWORD;
use factotum_tests::{Browser, Server, on_both_backends};
use serde_json::{Value, json};

use crate::ledger::text;

/// A password that nobody has yet.
const FRESH: &str = "seven grey herons on a wire";

/// The token in an invitation's link.
pub fn token(invitation: &Value) -> String {
    let url = text(&invitation["url"]);
    url.split_once("/invitation#token=").map(|(_, token)| token.to_owned()).unwrap()
}

/// Invites somebody who is not known yet, and takes the invitation up: their browser, and their account.
pub fn joined(server: &Server, email: &str, roles: &[&str]) -> (Browser, String) {
    let invited = server.api().post("/api/v1/members/invitations", &json!({"email": email, "roles": roles}));
    let browser = Browser::at(server.base());
    let name = email.split('@').next().unwrap();
    let asked = json!({"token": token(&invited.expect(201)), "name": name, "password": FRESH});
    let accepted = browser.post("/api/v1/invitations/accept", &asked).expect(201);
    assert_eq!(accepted["session"], true);
    (browser, text(&accepted["id"]))
}

fn invite(server: &Server, email: &str, roles: &[&str]) -> Value {
    server.api().post("/api/v1/members/invitations", &json!({"email": email, "roles": roles})).expect(201)
}

on_both_backends! {
    fn an_invitation_is_mailed_and_taken_up_once(backend: Backend) {
        let folder = tempfile::tempdir().unwrap();
        let toml = format!("[mail]\nrelay = \"file:{}\"\nfrom = \"Factotum <f@example.com>\"\n", folder.path().display());
        let server = Server::start_with(backend, &toml);
        let admin = server.api();
        let invited = invite(&server, " Ann@Example.com", &["Viewer"]);
        assert_eq!((&invited["email"], &invited["mail_sent"]), (&json!("ann@example.com"), &json!(true)), "{invited}");
        let token = token(&invited);
        let mut letters = std::fs::read_dir(folder.path()).unwrap().map(|f| std::fs::read_to_string(f.unwrap().path()).unwrap());
        let letter = letters.next().unwrap();
        assert!(letter.contains(&text(&invited["url"])) && letter.contains("To: ann@example.com"), "{letter}");
        let listed = admin.all("/api/v1/members/invitations");
        assert_eq!((listed.len(), &listed[0]["id"], listed[0].get("url")), (1, &invited["id"], None));
        let again = admin.post("/api/v1/members/invitations", &json!({"email": "ann@example.com", "roles": ["Editor"]}));
        again.expect_problem(409, "conflict");

        let browser = Browser::at(server.base());
        let accept = |token: &str, name: Value, password: &str| {
            browser.post("/api/v1/invitations/accept", &json!({"token": token, "name": name, "password": password}))
        };
        accept(&"A".repeat(43), json!("Ann"), FRESH).expect_problem(403, "denied");
        accept("no token", json!("Ann"), FRESH).expect_problem(403, "denied");
        accept(&token, Value::Null, FRESH).expect_problem(422, "invalid_field");
        accept(&token, json!("Sеrvice Account"), FRESH).expect_problem(422, "invalid_field");
        accept(&token, json!("Ann"), "too short").expect_problem(422, "invalid_field");
        assert_eq!(browser.token(), None);
        let accepted = accept(&token, json!("Ann"), FRESH).expect(201);
        let me = browser.get("/api/v1/me").expect(200);
        assert_eq!((&me["id"], &me["kind"], &me["name"]), (&accepted["id"], &json!("member"), &json!("Ann")));
        let member = admin.get(&format!("/api/v1/members/{}", text(&me["id"]))).expect(200);
        assert_eq!((&member["email"], &member["roles"]), (&json!("ann@example.com"), &json!(["Viewer"])));
        accept(&token, json!("Ann"), FRESH).expect_problem(403, "denied");
        assert!(admin.all("/api/v1/members/invitations").is_empty());
        let member = json!({"email": "ann@example.com", "roles": ["Viewer"]});
        admin.post("/api/v1/members/invitations", &member).expect_problem(409, "conflict");
        Browser::at(server.base()).log_in("ann@example.com", FRESH).expect(200);

        let trail = admin.audit("");
        let find = |action: &str| trail.iter().find(|e| e["action"] == action).unwrap_or_else(|| panic!("no {action}: {trail:?}"));
        let letter_of = |entry: &Value| entry["targets"].as_array().unwrap().iter().find(|t| t["type"] == "letter").unwrap()["id"].clone();
        assert_eq!(letter_of(find("mail.intent")), letter_of(find("mail.send")));
        assert_eq!((&find("mail.send")["outcome"], &find("invitation.accept")["actor"]["id"]), (&json!("ok"), &me["id"]));
        let trail = serde_json::to_string(&trail).unwrap();
        for secret in [token.as_str(), FRESH] {
            assert!(!trail.contains(secret) && !server.log().contains(secret));
        }
    }

    fn what_cannot_be_invited_is_refused_and_recorded(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        let ask = |email: &str, roles: Value| admin.post("/api/v1/members/invitations", &json!({"email": email, "roles": roles}));
        // A service account has no address; and nothing that looks like one may add a header or another recipient.
        for email in ["Service Account", "tests", "", "ann@example.com\r\nBcc: eve@example.com", "a@example.com,b@example.com", "аnn@example.com"] {
            let problem = ask(email, json!(["Viewer"])).expect_problem(422, "invalid_field");
            assert_eq!(problem["field"], "email");
        }
        for roles in [json!([]), json!(["Nobody"]), json!(["Viewer", "Viewer"]), json!("Viewer"), json!([7])] {
            ask("ann@example.com", roles).expect_problem(422, "invalid_field");
        }
        let mass = json!({"email": "ann@example.com", "roles": ["Viewer"], "kind": "base"});
        admin.post("/api/v1/members/invitations", &mass).expect_problem(422, "unknown_field");
        let (secret, _) = admin.mint("narrow", &["members:create", "members:read", "runs:read"]);
        let narrow = admin.with_key(&secret);
        for role in ["Admin", "Editor", "Viewer"] {
            narrow.post("/api/v1/members/invitations", &json!({"email": "ann@example.com", "roles": [role]})).expect_problem(403, "denied");
        }
        let denied = admin.audit("outcome=denied&action=invitation.create");
        assert!(denied.len() >= 15, "{}", denied.len());
        assert!(admin.all("/api/v1/members/invitations").is_empty());

        let theirs = server.bootstrap("Other", "other@example.com").unwrap();
        let invited = invite(&server, "ann@example.com", &["Viewer"]);
        assert_eq!(invited["mail_sent"], false, "no relay is set up");
        let path = format!("/api/v1/members/invitations/{}", text(&invited["id"]));
        admin.with_key(&theirs).delete(&path).expect_problem(404, "not_found");
        assert!(admin.with_key(&theirs).all("/api/v1/members/invitations").is_empty());
        admin.delete(&path).expect(204);
        admin.delete(&path).expect_problem(404, "not_found");
        let late = json!({"token": token(&invited), "name": "Ann", "password": FRESH});
        server.stranger().post("/api/v1/invitations/accept", &late).expect_problem(403, "denied");
    }

    fn somebody_who_is_known_keeps_their_password(backend: Backend) {
        let server = Server::start(backend);
        let theirs = server.bootstrap("Other", "other@example.com").unwrap();
        let invited = invite(&server, "other@example.com", &["Editor"]);
        let browser = Browser::at(server.base());
        let accept = |password: &str| browser.post("/api/v1/invitations/accept", &json!({"token": token(&invited), "password": password, "name": "Otto"}));
        accept(FRESH).expect_problem(403, "denied");
        assert_eq!(server.api().audit("outcome=denied&action=invitation.accept").len(), 1);
        Browser::at(server.base()).log_in("other@example.com", FRESH).expect_problem(401, "log_in_failed");
        let accepted = accept(PASSWORD).expect(201);
        assert_eq!(browser.get("/api/v1/me").expect(200)["org"], accepted["org"]);
        Browser::at(server.base()).log_in("other@example.com", PASSWORD).expect(200);
        let there = server.api().with_key(&theirs).all("/api/v1/members");
        assert_eq!((there.len(), &there[0]["name"]), (1, &json!("other@example.com")), "the other organization sees nothing of it");
    }

    fn whoever_is_logged_in_needs_no_password(backend: Backend) {
        let server = Server::start(backend);
        server.bootstrap("Other", "other@example.com").unwrap();
        let invited = invite(&server, "other@example.com", &["Editor"]);
        let accept = |browser: &Browser| browser.post("/api/v1/invitations/accept", &json!({"token": token(&invited), "name": "Otto"}));
        let (ann, _) = joined(&server, "ann@example.com", &["Viewer"]);
        accept(&ann).expect_problem(403, "denied");
        accept(&Browser::at(server.base())).expect_problem(403, "denied");
        let otto = Browser::of(&server, "other@example.com");
        let accepted = accept(&otto).expect(201);
        assert_eq!(otto.get("/api/v1/me").expect(200)["org"], accepted["org"]);
        let fresh = invite(&server, "new@example.com", &["Viewer"]);
        let asked = json!({"token": token(&fresh), "name": "Neu"});
        otto.post("/api/v1/invitations/accept", &asked).expect_problem(422, "invalid_field");
    }

    fn an_inviter_who_may_no_longer_give_it_gives_nothing(backend: Backend) {
        let server = Server::start(backend);
        let (ann, id) = joined(&server, "ann@example.com", &["Admin"]);
        let invite = |email: &str| ann.post("/api/v1/members/invitations", &json!({"email": email, "roles": ["Editor"]})).expect(201);
        let (bob, cat) = (invite("bob@example.com"), invite("cat@example.com"));
        let accept = |invitation: &Value| {
            let asked = json!({"token": token(invitation), "name": "B", "password": FRESH});
            server.stranger().post("/api/v1/invitations/accept", &asked)
        };
        let path = format!("/api/v1/members/{id}");
        server.api().patch(&path, &json!({"roles": ["Viewer"]})).expect(200);
        accept(&bob).expect_problem(403, "denied");
        server.api().delete(&path).expect(204);
        accept(&cat).expect_problem(403, "denied");
        assert_eq!(server.api().audit("outcome=denied&action=invitation.accept").len(), 2);
        assert_eq!(server.api().all("/api/v1/members").len(), 1);
    }

    fn too_many_invitations_and_tries_are_slowed_down(backend: Backend) {
        let server = Server::start(backend);
        let ask = |n: usize| server.api().post("/api/v1/members/invitations", &json!({"email": format!("a{n}@example.com"), "roles": ["Viewer"]}));
        let over = (0..80).map(ask).find(|answer| answer.status != 201).expect("a limit");
        over.expect_problem(429, "rate_limited");
        assert!(over.header("retry-after").is_some_and(|s| s.parse::<u32>().is_ok_and(|s| (1..=60).contains(&s))));
        let guess = |_| server.stranger().post("/api/v1/invitations/accept", &json!({"token": "B".repeat(43), "name": "E", "password": FRESH}));
        let over = (0..200).map(guess).find(|answer| answer.status != 403).expect("a limit");
        over.expect_problem(429, "rate_limited");
        assert!(over.header("retry-after").is_some());
    }
}
