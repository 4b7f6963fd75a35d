//! Erasing a former member. What must hold: name, e-mail address and network address are in no table afterwards; what they did stays on the record,
//! under their account's id; a member, a service account and somebody of another organization are refused, on the record.

use factotum_tests::cli::Cli;
use factotum_tests::postgres::psql;
use factotum_tests::{Browser, Server, on_both_backends};
use serde_json::{Value, json};

use crate::invitations::token;
use crate::ledger::text;

const NAME: &str = "Wilhelmina Quist";
const EMAIL: &str = "wilhelmina.quist@example.com";
const ADDRESS: &str = "203.0.113.77";
const BROWSER: &str = "Netscape/4.7 (Qx)";
const PASSWORD: &str = "seven grey herons on a wire";
/// What is looked for in the database; in a row as SQLite has it, no word stands apart from the next.
const WORDS: [&str; 4] = ["Quist", "wilhelmina", ADDRESS, BROWSER];

fn erase(id: &str) -> String {
    format!("/api/v1/members/{id}/erase")
}

/// Somebody who comes in from their own address, works, fails, and is removed: their account.
fn former_member(server: &Server) -> String {
    let admin = server.api();
    let browser = Browser::at(server.base()).with("x-forwarded-for", ADDRESS).with("user-agent", BROWSER);
    let repeated = [("idempotency-key", "invite-once"), ("content-type", "application/json")];
    let body = json!({"email": EMAIL, "roles": ["Editor"]}).to_string();
    let invited =
        admin.send("POST", "/api/v1/members/invitations", &repeated, body.as_bytes()).unwrap().expect(201);
    let asked =
        |name: &str, password: &str| json!({"token": token(&invited), "name": name, "password": password});
    browser.post("/api/v1/invitations/accept", &asked(NAME, EMAIL)).expect_problem(422, "invalid_field");
    let id = text(&browser.post("/api/v1/invitations/accept", &asked(NAME, PASSWORD)).expect(201)["id"]);
    browser.log_in(EMAIL, "not the password at all").expect_problem(401, "log_in_failed");
    browser.log_in(EMAIL, PASSWORD).expect(200);
    browser.post("/api/v1/workflows/hello/runs?wait=30", &json!({})).expect(200);
    browser.get("/api/v1/audit").expect_problem(403, "denied");
    browser
        .post("/api/v1/api-keys", &json!({"nickname": "theirs", "grants": ["*:*"]}))
        .expect_problem(403, "denied");
    admin.patch(&format!("/api/v1/members/{id}"), &json!({"roles": ["Viewer"]})).expect(200);
    admin.get(&format!("/api/v1/audit?q={EMAIL}")).expect(200);
    admin.get("/api/v1/audit?q=Wilhelmina%20Quist").expect(200);
    admin
        .post("/api/v1/members/invitations", &json!({"email": EMAIL, "roles": ["Viewer"]}))
        .expect_problem(409, "conflict");
    admin.delete(&format!("/api/v1/members/{EMAIL}")).expect_problem(404, "not_found");
    admin.post(&erase(&id), &json!({})).expect_problem(409, "conflict");
    admin.delete(&format!("/api/v1/members/{id}")).expect(204);
    id
}

/// All that the database holds, as bytes: the file of a stopped server, or each row.
fn everything(server: &Server) -> Vec<u8> {
    let Some(url) = server.database() else {
        return std::fs::read(server.data().join("factotum.db")).unwrap();
    };
    let tables = psql(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'").unwrap();
    let rows = tables.lines().map(|table| psql(url, &format!("SELECT t::text FROM {table} t")).unwrap());
    rows.collect::<Vec<_>>().join("\n").into_bytes()
}

fn found(bytes: &[u8]) -> Vec<&'static str> {
    let holds = |word: &str| {
        let hex = hex::encode(word);
        [word, &hex].iter().any(|word| bytes.windows(word.len()).any(|window| window == word.as_bytes()))
    };
    WORDS.into_iter().filter(|word| holds(word)).collect()
}

on_both_backends! {
    fn an_erased_member_is_in_no_table_and_what_they_did_stays(backend: Backend) {
        let mut server = Server::start_with(backend, "[proxy]\ntrusted = [\"127.0.0.0/8\"]\n");
        let admin = server.api().clone();
        // One that does not repeat who it runs as: what a workflow makes of a name is its own.
        admin.deploy("hello", &[]);
        let id = former_member(&server);
        let of = |id: &str| admin.audit(&format!("account={id}"));
        let before = of(&id);
        assert!(before.iter().any(|e| e["actor"]["name"] == NAME && e["ip"] == ADDRESS && e["user_agent"] == BROWSER), "{before:?}");
        server.stop().unwrap();
        assert_eq!(found(&everything(&server)), WORDS, "the test looks where it is");
        server.resume().unwrap();

        let once = || admin.send("POST", &erase(&id), &[("idempotency-key", "erase-once")], b"").unwrap();
        let erased = once().expect(200);
        let repeated = once();
        assert_eq!((repeated.header("idempotency-replayed"), repeated.expect(200)), (Some("true"), erased.clone()));
        assert_eq!(erased["id"], json!(id));
        assert!(erased["audit_values"].as_u64().unwrap() > 20, "{erased}");
        let after = of(&id);
        let plain = |e: &Value| (e["id"].clone(), e["action"].clone(), e["outcome"].clone(), e["at"].clone());
        assert_eq!(after.iter().map(plain).collect::<Vec<_>>(), before.iter().map(plain).collect::<Vec<_>>());
        for entry in &after {
            assert_eq!((&entry["actor"]["name"], &entry["actor"]["id"], entry.get("ip")), (&json!("(erased)"), &json!(id), None), "{entry}");
            assert!(entry["erased"].as_array().unwrap().contains(&json!("/actor/name")), "{entry}");
        }
        let run = admin.all(&format!("/api/v1/runs?account={id}")).remove(0);
        assert_eq!((&run["principal"]["name"], &run["state"]), (&json!("(erased)"), &json!("succeeded")));
        let told = admin.audit("action=member.erase&outcome=ok").remove(0);
        assert_eq!(told["targets"], json!([{"type": "account", "id": id}]));
        assert_eq!(told["change"]["erased"]["audit_values"], erased["audit_values"]);

        let again = admin.post(&erase(&id), &json!({})).expect(200);
        assert_eq!(again["audit_values"], 0);
        server.stop().unwrap();
        let compacted = server.admin(&["compact"], "").unwrap();
        assert!(compacted.status.success(), "{}", String::from_utf8_lossy(&compacted.stderr));
        assert_eq!(found(&everything(&server)), [""; 0]);

        // They may come back, as somebody new.
        server.resume().unwrap();
        let invited = admin.post("/api/v1/members/invitations", &json!({"email": EMAIL, "roles": ["Viewer"]})).expect(201);
        let asked = json!({"token": token(&invited), "name": NAME, "password": PASSWORD});
        let back = Browser::at(server.base()).post("/api/v1/invitations/accept", &asked).expect(201);
        assert_ne!(back["id"], json!(id));
        admin.post(&erase(&id), &json!({})).expect(200);
        assert_eq!(admin.get(&format!("/api/v1/members/{}", text(&back["id"]))).expect(200)["email"], EMAIL);
    }

    fn nobody_else_is_erased(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        let all = admin.all("/api/v1/members?service=true");
        let ids = |kind: &str| text(&all.iter().find(|m| m["kind"] == kind).unwrap()["id"]);
        for kind in ["base", "api_key"] {
            admin.post(&erase(&ids(kind)), &json!({})).expect_problem(409, "service_account_immutable");
        }
        admin.post(&erase(&ids("member")), &json!({})).expect_problem(409, "conflict");
        let id = former_member_of(&server);
        let (secret, made) = admin.mint("weak", &["members:read", "members:update"]);
        admin.with_key(&secret).post(&erase(&id), &json!({})).expect_problem(403, "denied");
        admin.delete(&format!("/api/v1/api-keys/{}", text(&made["id"]))).expect(204);
        admin.post(&erase(&text(&made["service_account"]["id"])), &json!({})).expect_problem(409, "service_account_immutable");
        let theirs = admin.with_key(&server.bootstrap("Other", "other@example.com").unwrap());
        theirs.post(&erase(&id), &json!({})).expect_problem(404, "not_found");
        admin.post(&erase("acc_00000000000000000000000000000000"), &json!({})).expect_problem(404, "not_found");
        assert_eq!(admin.audit("action=member.erase&outcome=denied").len(), 5);
        let again = admin.post("/api/v1/members/invitations", &json!({"email": "ann@example.com", "roles": ["Viewer"]})).expect(201);
        admin.post(&erase(&id), &json!({})).expect_problem(409, "conflict");
        admin.delete(&format!("/api/v1/members/invitations/{}", text(&again["id"]))).expect(204);
        let cli = Cli::of(&server);
        assert_eq!(cli.json(&["member", "erase", &id])["id"], json!(id));
        cli.refused(4, &["member", "erase", "acc_00000000000000000000000000000000"]);
    }
}

fn former_member_of(server: &Server) -> String {
    let (_, id) = crate::invitations::joined(server, "ann@example.com", &["Viewer"]);
    server.api().delete(&format!("/api/v1/members/{id}")).expect(204);
    id
}
