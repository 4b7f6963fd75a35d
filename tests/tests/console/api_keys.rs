//! Settings → API keys: making, using, replacing, revoking.

use factotum_tests::server::ADMIN;
use factotum_tests::{Backend, Owner, Server, wait_until};
use serde_json::json;

use crate::Chromium;

/// The id of the key with this nickname that was made last.
fn id(server: &Server, nickname: &str) -> String {
    let keys = server.api().all("/api/v1/api-keys");
    let found = keys.iter().find(|key| key["nickname"] == nickname).unwrap();
    found["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_for_one_workflow_is_made_used_replaced_and_revoked() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    api.deploy("echo", &["kv:read", "http:request:api.example.com"]);
    let browser = Chromium::of(&server, ADMIN);
    browser.go("/settings/api-keys");
    browser.press("New key");
    browser.is_fine("api-key-new");

    // What a workflow needs, as a bundle: no more than that.
    browser.choose("#workflow", "echo");
    browser.press("Tick what it needs");
    browser.sees("The key can do nothing else");
    let others = "return document.querySelector('#others').value";
    assert_eq!(browser.run(others, &[]), "http:request:api.example.com\nworkflows:run:echo");
    assert_eq!(browser.count("[name=grants]:checked"), 1);
    browser.fill("#nickname", "nightly import");
    browser.fill("#networks", "not a network");
    browser.press("Make the key");
    browser.sees("not a network; write it as");
    assert_eq!(browser.attribute("#nickname", "value").as_deref(), Some("nightly import"));
    browser.is_fine("api-key-refused");
    browser.fill("#networks", "127.0.0.0/8");
    browser.press("Make the key");
    browser.sees("It is shown this once");
    let secret = browser.text("#secret");
    assert!(secret.starts_with("fct_"), "{secret}");
    browser.click("[data-copy=secret]");
    browser.wait("the copy button's word", || (browser.text("[data-copy=secret]") != "Copy").then_some(()));
    browser.is_fine("api-key-made");

    let program = api.with_key(&secret);
    assert_eq!(program.run("echo", &json!({"n": 1}))["state"], "succeeded");
    program.get("/api/v1/audit").expect_problem(403, "denied");
    browser.press("About this key");
    browser.sees("from 127.0.0.1");
    assert!(!browser.text("main").contains(&secret), "it is shown once");
    browser.is_fine("api-key");
    browser.press("All that it did");
    browser.sees("Where it came from");
    browser.sees("workflow.run");
    browser.is_fine("api-key-report");

    // The same nickname again, or one that looks like it.
    browser.go("/settings/api-keys/new");
    browser.fill("#nickname", "nightly imроrt");
    browser.fill("#others", "runs:read:x");
    browser.click("[value='runs:read']");
    browser.press("Make the key");
    browser.sees("an active key has the nickname");
    assert_eq!(browser.run(others, &[]), "runs:read:x");

    // Replaced: both work, until the old one ends.
    let old = id(&server, "nightly import");
    browser.go(&format!("/settings/api-keys/{old}"));
    browser.press("Replace");
    browser.sees("The old key works on for");
    browser.is_fine("api-key-replace");
    browser.choose("#overlap_s", "3600");
    browser.press("Replace");
    browser.sees("The old key works until");
    let second = browser.text("#secret");
    for key in [&secret, &second] {
        api.with_key(key).get("/api/v1/me").expect(200);
    }
    browser.go("/settings/api-keys");
    browser.sees("replaced");
    let new = id(&server, "nightly import");
    assert_ne!(new, old);

    // Before it is revoked, the page says what stops; afterwards it has.
    browser.go(&format!("/settings/api-keys/{old}"));
    browser.press("Revoke");
    browser.sees("What stops, at once");
    browser.sees("Triggers: webhooks and schedules run as the base service account");
    browser.is_fine("api-key-revoke");
    browser.press("Revoke nightly import");
    browser.sees("The key is revoked");
    api.with_key(&secret).get("/api/v1/me").expect_problem(401, "unauthenticated");
    api.with_key(&second).get("/api/v1/me").expect(200);
    browser.go(&format!("/settings/api-keys/{old}"));
    browser.sees("What it did stays in the audit trail");
    assert_eq!(browser.count("main a[href$='/revoke'], main a[href$='/rotate']"), 0);
    browser.press("All that it did");
    browser.sees("What was done to the key");
}

#[test]
fn full_access_is_asked_twice_unused_keys_are_found_and_what_runs_is_counted() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    let browser = Chromium::of(&server, ADMIN);
    browser.go("/settings/api-keys/new");
    browser.fill("#nickname", "root");
    browser.click("[value='*:*']");
    browser.press("Make the key");
    browser.sees("say that you mean it");
    browser.is_fine("api-key-full-access");
    assert_eq!(api.all("/api/v1/api-keys").len(), 1, "that of the tests alone");
    browser.click("[name=sure]");
    browser.press("Make the key");
    browser.sees("It is shown this once");

    let (_, old) = api.mint("forgotten", &["runs:read"]);
    let (robot, made) = api.mint("robot", &["workflows:run", "runs:read"]);
    let owner = Owner::of(&server);
    // A hundred days and an hour ago.
    let sql = format!(
        "UPDATE api_keys SET last_used_from = '192.0.2.7', last_used_at = {} WHERE nickname = 'forgotten'",
        "(CAST(strftime('%s', 'now') AS INTEGER) - 8643600) * 1000000"
    );
    owner.sql(&sql).unwrap();
    browser.go("/settings/api-keys");
    browser.sees("full access");
    browser.sees("never used");
    browser.sees("unused for 100 days");
    browser.is_fine("api-keys");
    browser.choose("#show", "unused-90");
    browser.wait("the filter", || browser.path().contains("show=unused-90").then_some(()));
    browser.wait("the rows", || (browser.count("tbody tr") == 1).then_some(()));
    assert!(browser.text("tbody tr").contains("forgotten") && old["id"].is_string());
    browser.choose("#show", "left");
    browser.sees("There are none of these");

    // A run goes on, and others wait.
    api.deploy_with("spin", &json!({"limits": {"wall_ms": 60_000, "cpu_ms": 60_000}, "concurrency": 1}));
    let program = api.with_key(&robot);
    let begin = || program.begin("spin", &json!({}))["id"].as_str().unwrap().to_owned();
    let runs = [begin(), begin(), begin()];
    api.wait_state(&runs[0], &["running"]);
    let robot = made["id"].as_str().unwrap();
    browser.go(&format!("/settings/api-keys/{robot}/revoke"));
    browser.sees("1 run is running now");
    browser.sees("2 runs are queued or waiting now");
    browser.press("Keep it");
    browser.press("Revoke");
    browser.press("Revoke robot");
    browser.sees("what it ran has stopped");
    for run in &runs {
        wait_until("the run to end", || (api.run_object(run)["state"] == "cancelled").then_some(()));
    }
    // A key that is gone has no page that revokes it.
    browser.go(&format!("/settings/api-keys/{robot}/revoke"));
    browser.sees("there is nothing with this id");
}
