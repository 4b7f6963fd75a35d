//! Making schedules and webhooks: the live look, the test delivery, another URL.

use factotum_tests::{Backend, Browser, Server};
use serde_json::{Value, json};

use crate::flows::{ADMIN, joined};
use crate::{Chromium, Look};

fn only(server: &Server, kind: &str) -> Value {
    let all = server.api().all("/api/v1/triggers");
    let mut found = all.into_iter().filter(|trigger| trigger["kind"] == kind);
    let one = found.next().unwrap();
    assert!(found.next().is_none(), "one {kind}");
    one
}

#[test]
fn a_schedule_is_looked_at_while_it_is_written() {
    let server = Server::start(Backend::Sqlite);
    server.api().deploy("echo", &[]);
    let browser = Chromium::of(&server, ADMIN);
    browser.go("/triggers");
    browser.sees("There are no triggers");
    browser.is_fine("triggers-empty");
    browser.press("New schedule");
    browser.fill("[name=workflow]", "nobody");
    browser.fill("[name=timezone]", "Europe/Berlin");
    browser.fill("[name=cron]", "30 2 * * *");
    browser.sees("02:30:00+0");
    assert_eq!(browser.count("#look tbody tr"), 10);
    // Once a year the time is not there, and once it is there twice: one of them comes first, whenever this runs.
    browser.wait("the change of the clocks", || {
        let text = browser.text("#look");
        (text.contains("skipped hour") || text.contains("repeated hour")).then_some(())
    });
    browser.is_fine("schedule-look");
    browser.fill("[name=cron]", "61 2 * * *");
    browser.wait("the refusal", || (browser.count("#cron-fault") == 1).then_some(()));
    assert_eq!(browser.value("[name=cron]"), "61 2 * * *");
    browser.press("Make the schedule");
    browser.sees("there is no workflow `nobody`");
    browser.fill("[name=workflow]", "echo");
    browser.press("Make the schedule");
    browser.sees("minute");
    browser.is_fine("schedule-refused");
    browser.fill("[name=cron]", "0 9 * * MON-FRI");
    browser.press("Make the schedule");
    browser.wait("the schedule", || browser.path().starts_with("/triggers/trg_").then_some(()));
    browser.sees("09:00:00+0");
    browser.is_fine("schedule");
    let made = only(&server, "schedule");
    assert_eq!(
        (&made["config"]["cron"], &made["config"]["timezone"]),
        (&json!("0 9 * * MON-FRI"), &json!("Europe/Berlin"))
    );

    browser.press("Pause");
    browser.sees("It fires nothing");
    browser.press("Resume");
    browser.sees("Its next firings");
    browser.press("Edit");
    browser.choose("[name=overlap]", "skip");
    browser.press("Save");
    browser.sees("the new firing is left out");
    assert_eq!(only(&server, "schedule")["config"]["overlap"], "skip");
    browser.go("/triggers");
    browser.sees("0 9 * * MON-FRI Europe/Berlin");
    browser.is_fine("triggers");
    browser.click("tbody a");
    browser.press("Delete");
    browser.press("Delete this schedule");
    browser.is_at("/triggers");
    assert!(server.api().all("/api/v1/triggers").is_empty());
}

#[test]
fn a_webhook_is_made_tried_and_given_another_url() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    api.deploy("echo", &[]);
    let browser = Chromium::of(&server, ADMIN);
    browser.go("/new/trigger?kind=webhook&workflow=echo");
    browser.fill("[name='verify.secrets']", "short");
    browser.press("Make the webhook");
    browser.sees("a secret has 8 to 1024 bytes");
    assert_eq!(browser.value("[name='verify.secrets']"), "", "no secret comes back");
    browser.is_fine("webhook-refused");
    browser.fill("[name='verify.prefix']", "sha256=");
    browser.fill("[name='verify.timestamp_header']", "X-Time");
    browser.press("Make the webhook");
    browser.sees("It is shown this once");
    let secret = browser.text("#secret");
    assert_eq!(secret.len(), 64);
    let first = browser.text("#url");
    browser.is_fine("webhook-made");
    assert!(!api.get("/api/v1/audit").text().contains(&secret));
    browser.press("To the webhook, and send it a test delivery");

    // A delivery that is not signed is refused; the test is signed with the secret that nobody sees.
    let path = first[first.find("/hooks/").unwrap()..].to_owned();
    server.stranger().post(&path, &json!({})).expect_problem(401, "signature_missing");
    browser.sees("never shown");
    assert!(!browser.text("body").contains(&secret));
    browser.fill("[name=body]", "{\"order\": 7}");
    browser.press("Send a test delivery");
    browser.sees("202 Accepted");
    browser.is_fine("webhook-tested");
    browser.press("To the run that it started");
    let run = browser.path().trim_start_matches("/runs/").to_owned();
    let run = api.wait_end(&run);
    assert_eq!((&run["state"], &run["principal"]["kind"]), (&json!("succeeded"), &json!("base")));
    assert_eq!(run["initiator"]["kind"], "webhook");
    // What the page of the run itself says is tested with it.
    browser.complaints();
    let id = only(&server, "webhook")["id"].as_str().unwrap().to_owned();
    let tried = api.audit("action=trigger.test");
    assert_eq!((tried.len(), &tried[0]["targets"][0]["id"]), (1, &json!(id)), "{tried:?}");

    // While it is paused a sender is sent away, and so is the test.
    browser.go(&format!("/triggers/{id}"));
    browser.press("Pause");
    browser.press("Send a test delivery");
    browser.sees("503 Service Unavailable");
    browser.sees("It started nothing");
    browser.press("Resume");

    browser.press("Regenerate the URL");
    browser.click("form[action$='/regenerate'] button");
    browser.sees("This is the new URL");
    let second = browser.text("#url");
    assert_ne!(first, second);
    server.stranger().post(&path, &json!({})).expect_problem(404, "not_found");
    let path = second[second.find("/hooks/").unwrap()..].to_owned();
    server.stranger().post(&path, &json!({})).expect_problem(401, "signature_missing");
    browser.is_fine("webhook");
    assert_eq!(api.audit("action=trigger.regenerate").len(), 1);
}

#[test]
fn a_schedule_is_checked_without_scripts_and_a_url_is_not_shown_to_everybody() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    api.deploy("echo", &["kv:read"]);
    let hook = api.webhook("echo", &json!({}));
    joined(&server, "viewer@example.com", &["Viewer"]);
    api.post(
        "/api/v1/roles",
        &json!({"name": "Hooker", "grants": ["triggers:read", "triggers:update", "workflows:read"]}),
    )
    .expect(201);
    joined(&server, "mender@example.com", &["Hooker"]);
    let browser =
        Chromium::with(&server, Look { scripts: false, size: (390, 844), dark: true, ..Look::default() });
    browser.log_in(ADMIN);
    browser.go("/new/trigger?workflow=echo");
    browser.fill("[name=timezone]", "America/New_York");
    browser.fill("[name=cron]", "@hourly");
    browser.press("Check");
    browser.sees("Its next firings");
    assert_eq!(browser.value("[name=workflow]"), "echo");
    browser.screenshot("schedule-phone-dark");
    browser.press("Make the schedule");
    browser.wait("the schedule", || browser.path().starts_with("/triggers/trg_").then_some(()));

    let trigger = only(&server, "webhook");
    let at = format!("/triggers/{}", trigger["id"].as_str().unwrap());
    let viewer = Browser::of(&server, "viewer@example.com");
    let shown = viewer.get(&at).text();
    assert!(!shown.contains(&hook) && !shown.contains("/test") && !shown.contains("/regenerate"), "{shown}");
    for verb in ["pause", "test", "regenerate", "delete"] {
        assert_eq!(viewer.post_form(&format!("{at}/{verb}"), "body=1").status, 403, "{verb}");
    }
    // Who may change triggers, and lacks a grant of the workflow, starts nothing with the base account's rights.
    let mender = Browser::of(&server, "mender@example.com");
    for verb in ["test", "regenerate"] {
        let refused = mender.post_form(&format!("{at}/{verb}"), "body=1");
        assert!(refused.status == 403 && refused.text().contains("lacks: kv:read"), "{}", refused.text());
        assert_eq!(api.audit(&format!("action=trigger.{verb}&outcome=denied")).len(), 2, "{verb}");
    }
    assert!(api.all("/api/v1/runs").is_empty());
}

#[test]
fn a_schedule_is_tried_and_backfilled() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    api.deploy("hello", &[]);
    let browser = Chromium::of(&server, ADMIN);
    browser.go("/new/trigger?kind=schedule&workflow=hello");
    browser.fill("[name=cron]", "");
    browser.fill("[name=every]", "90 s");
    browser.sees("is not an interval");
    browser.fill("[name=every]", "90m");
    browser.wait("ten firings", || (browser.count("#look tbody tr") == 10).then_some(()));
    browser.click("main form details summary");
    browser.fill("[name=start]", "2026-01-05T06:00");
    browser.fill("[name=timezone]", "Europe/Berlin");
    browser.fill("[name=jitter_s]", "60");
    browser.choose("[name=overlap]", "queue_all");
    browser.is_fine("schedule-interval");
    browser.press("Make the schedule");
    browser.wait("the schedule", || browser.path().starts_with("/triggers/trg_").then_some(()));
    browser.sees("this one fires");
    browser.sees("the new firing waits for its turn");
    let made = only(&server, "schedule");
    assert_eq!(made["config"]["every"], "90m");
    assert_eq!(made["config"].get("cron"), None);

    browser.fill("[name=from]", "2026-01-05T06:00");
    browser.fill("[name=until]", "yesterday");
    browser.press("Show what would be fired");
    browser.sees("is not a time");
    browser.fill("[name=until]", "2026-01-05T09:30");
    browser.press("Show what would be fired");
    browser.sees("3 times would be fired, one after the other");
    assert_eq!(browser.count("#backfilled time[datetime^='2026-01-05T0']"), 3);
    assert!(api.all("/api/v1/runs").is_empty(), "it was only shown");
    browser.is_fine("schedule-backfill");
    browser.press("Fire them");
    browser.sees("3 times are being fired");
    browser.wait("three runs", || (api.all("/api/v1/runs").len() == 3).then_some(()));
    browser.press("Fire once, as a test");
    browser.sees("It fired once, as a test");
    browser.press("To the run that it started");
    let run = api.wait_end(browser.path().trim_start_matches("/runs/"));
    assert_eq!((&run["state"], &run["initiator"]["kind"]), (&json!("succeeded"), &json!("schedule")));
    browser.complaints();
    assert_eq!(api.audit("action=trigger.backfill").len(), 1);
    assert_eq!(api.audit("action=trigger.test").len(), 1);
}
