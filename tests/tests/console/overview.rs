//! The overview in the browser: first steps, what runs now, charts, what needs somebody, and a path that leads nowhere.

use factotum_tests::server::ADMIN;
use factotum_tests::{Backend, Server, wait_until};
use serde_json::json;

use crate::audit::joined;
use crate::{Chromium, Look};

#[test]
fn what_runs_fails_and_waits_is_seen_at_a_glance() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    let browser = Chromium::of(&server, ADMIN);
    browser.sees("Nothing has run yet");
    browser.sees("Upload a component");
    assert_eq!(browser.count(".chart"), 0);
    browser.is_fine("overview-first-steps");

    // Runs that end well and badly, and a trigger of which all fail.
    api.deploy("echo", &[]);
    for n in 0..6 {
        api.run("echo", &json!({"n": n}));
    }
    api.deploy_with("flaky", &json!({"retry": {"attempts": 1, "backoff_ms": 20}}));
    let hook = api.webhook("flaky", &json!({"reply": "outcome"}));
    for _ in 0..3 {
        server.stranger().post(&hook, &json!({"until": 9}));
    }
    api.workflow("resting", "echo", &json!({}));
    api.patch("/api/v1/workflows/resting", &json!({"paused": true})).expect(200);
    let soon = factotum_tests::in_seconds(3_600 * 24);
    let ends = json!({"nickname": "ends soon", "grants": ["runs:read"], "expires_at": soon});
    api.post("/api/v1/api-keys", &ends).expect(201);
    // Live: nobody loads the page again.
    browser.sees("of 9 failed in 24 hours");
    assert_eq!(browser.text("#tile-failed strong"), "3");
    browser.sees("trigger of flaky failed 3 times, one after another");
    browser.sees("ends soon");
    browser.sees("Paused: resting");

    browser.go("/");
    browser.wait("the charts", || (browser.count(".chart path.bad") == 1).then_some(()));
    let told = browser.run("return document.querySelector('#runs-desc').textContent", &[]);
    assert!(told.as_str().unwrap().starts_with("9 ended, 3 of them failed"), "{told}");
    browser.sees("up to date");
    browser.sees("this one");
    let workflows = browser.text("[aria-label='By workflow'] tbody");
    assert!(workflows.contains("flaky") && workflows.contains("echo"), "{workflows}");
    browser.is_fine("overview");
    browser.press("The charts as a table");
    browser.sees("Half took up to");
    for period in ["7 days", "30 days"] {
        browser.press(period);
        browser.wait(period, || (browser.text(".chip[aria-current]") == period).then_some(()));
        assert_eq!(browser.count(".chart path.bad"), 1);
    }

    // What goes on now comes and goes by itself.
    api.deploy_with("sleeper", &json!({"limits": {"wall_ms": 120_000}}));
    let run = api.begin("sleeper", &json!({"ms": 100_000}));
    let tile = |text: &'static str| {
        browser.wait(text, || (browser.text("#tile-running").replace('\n', " ") == text).then_some(()));
    };
    tile("1 running");
    api.post(&format!("/api/v1/runs/{}/cancel", run["id"].as_str().unwrap()), &json!({})).expect(200);
    tile("0 running");

    // Who may read little sees little, and nothing that would be refused.
    api.post("/api/v1/roles", &json!({"name": "Runner", "grants": ["workflows:run"]})).expect(201);
    joined(&server, "rita@example.com", "Rita", &["Runner"]);
    let other = Chromium::of(&server, "rita@example.com");
    other.sees("Nothing has run yet");
    assert_eq!(
        (other.count(".tiles"), other.count(".chart"), other.count("#nodes"), other.count("#seal-state")),
        (0, 0, 0, 0)
    );
    assert!(api.audit("outcome=denied").is_empty(), "nothing was tried that they may not");
}

#[test]
fn the_overview_fits_a_phone_in_the_dark_and_a_wrong_address_is_told_kindly() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    api.deploy("echo", &[]);
    let run = api.run("echo", &json!({}));
    wait_until("the run to be sealed", || {
        let ends = api.audit(&format!("action=run.succeed&run={}", run["id"].as_str().unwrap()));
        let id = ends.first()?["id"].as_str()?.to_owned();
        (api.get(&format!("/api/v1/audit/{id}/proof")).status == 200).then_some(())
    });
    let browser = Chromium::with(&server, Look { size: (390, 844), dark: true, ..Look::default() });
    browser.go("/no/such/page");
    browser.sees("There is no such page");
    assert_eq!(browser.count("header.bar"), 0, "it tells a stranger nothing");
    // What is missing is a complaint of the browser's log, as it should be.
    assert!(browser.complaints().iter().all(|line| line.contains("404")));
    browser.log_in(ADMIN);
    browser.wait("the charts", || {
        browser.go("/");
        (browser.count(".chart path.fine") == 1).then_some(())
    });
    browser.is_fine("overview-phone-dark");
    browser.go("/no/such/page");
    browser.sees("There is no such page");
    assert_eq!(browser.count("header.bar"), 1);
    assert!(browser.complaints().iter().all(|line| line.contains("404")));
    browser.is_fine("not-found-phone-dark");
    // A program gets the problem.
    api.get("/no/such/page").expect_problem(404, "not_found");
}
