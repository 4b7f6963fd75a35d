//! Runs: the list that follows what happens, the page of a run with its log while it goes on, cancelling, replaying, and comparing.

use factotum_tests::browser::PASSWORD;
use factotum_tests::server::ADMIN;
use factotum_tests::{Backend, Browser, Server, wait_until};
use serde_json::json;

use crate::{Chromium, Look};

/// A person who joins with these roles, and may log in with [`PASSWORD`].
#[track_caller]
pub fn member(server: &Server, email: &str, roles: &[&str]) {
    let invited = json!({"email": email, "roles": roles});
    let invited = server.api().post("/api/v1/members/invitations", &invited).expect(201);
    let (_, token) = invited["url"].as_str().unwrap().split_once("token=").unwrap();
    let name = email.split('@').next().unwrap();
    let asked = json!({"token": token, "name": name, "password": PASSWORD});
    Browser::at(server.base()).post("/api/v1/invitations/accept", &asked).expect(201);
}

#[test]
fn a_person_follows_what_runs_and_finds_it_again() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    let browser = Chromium::of(&server, ADMIN);
    browser.press("Runs");
    browser.sees("Nothing has run yet");
    browser.is_fine("runs-empty");

    // What happens comes up by itself: the page is not loaded again.
    browser.run("window.still = true", &[]);
    api.deploy("echo", &[]);
    api.deploy("crash", &[]);
    api.deploy_with("flaky", &json!({"retry": {"attempts": 2, "backoff_ms": 1}, "grants": ["kv:read"]}));
    let hook = api.webhook("echo", &json!({}));
    let run = server.stranger().post(&hook, &json!({"n": 1})).expect(202);
    browser.sees("succeeded");
    browser.sees("Base Service Account");
    let (short_on_grants, _) = api.mint("narrow", &["workflows:run", "runs:read"]);
    let lacking = api.with_key(&short_on_grants).run("flaky", &json!({"until": 9}));
    assert_eq!(lacking["state"], "dead", "{lacking}");
    browser.sees("lacks 1 grant");
    assert_eq!(browser.run("return window.still", &[]), json!(true));
    assert!(browser.count("tbody [data-bot]") >= 2, "service accounts have the bot's icon");
    // Focus stays where it is while the rows come anew.
    let first = format!("#{}", run["run"].as_str().unwrap());
    browser.run("document.querySelector(arguments[0]).focus()", &[json!(first)]);
    api.run("crash", &json!({}));
    browser.sees("trap");
    assert_eq!(browser.run("return '#' + document.activeElement.id", &[]), json!(first));
    browser.is_fine("runs");

    // Filters, each by the form.
    let narrowed = |part: &str, rows: usize| {
        browser.wait(part, || browser.path().contains(part).then_some(()));
        browser.wait("the rows", || (browser.count("#rows tr") == rows).then_some(()));
    };
    browser.choose("#state", "dead");
    browser.press("Filter");
    narrowed("state=dead", 1);
    browser.sees("narrow");
    browser.choose("#state", "");
    browser.choose("#account_kind", "base");
    browser.press("Filter");
    narrowed("account_kind=base", 1);
    browser.choose("#account_kind", "");
    browser.choose("#initiator", "api");
    browser.fill("#workflow", "crash");
    browser.press("Filter");
    narrowed("workflow=crash", 1);
    browser.fill("#workflow", "no-such");
    browser.press("Filter");
    narrowed("workflow=no-such", 1);
    browser.sees("No run is like this");
    browser.press("Show all");
    browser.go("/runs?since=2030-01-01T00%3A00");
    browser.sees("No run is like this");
    browser.go("/runs?since=soon");
    browser.sees("not a time");
    browser.press("Show all");

    // Older ones are a page away.
    for n in 0..31 {
        api.begin("echo", &json!({"n": n}));
    }
    browser.go("/runs");
    browser.press("Older runs");
    browser.sees("To the newest");
    assert!(browser.path().contains("cursor=run_"), "{}", browser.path());
    assert!((1..30).contains(&browser.count("#rows tr")));

    // What it lacks, and what to do about it.
    browser.go(&format!("/runs/{}", lacking["id"].as_str().unwrap()));
    browser.sees("It lacks grants that its workflow declares: kv:read");
    browser.sees("Make a new key that has these grants too");
    assert_eq!(browser.count("#attempts ~ .scroll tbody tr"), 2);
    browser.sees("failed, tried again");
    browser.sees("failed, the last try");
    browser.is_fine("run-dead");
}

#[test]
fn a_run_is_followed_cancelled_replayed_and_compared() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    api.deploy_with("talker", &json!({"limits": {"wall_ms": 120_000}}));
    let browser = Chromium::of(&server, ADMIN);
    let lines = json!({"lines": [
        {"text": "the first line"},
        {"text": "the second line", "wait_ms": 3000, "level": "warn", "field": "seven"},
        {"text": "never reached", "wait_ms": 100_000},
    ]});
    let id = api.begin("talker", &lines)["id"].as_str().unwrap().to_owned();
    browser.go(&format!("/runs/{id}"));
    browser.run("window.still = true", &[]);
    browser.sees("the first line");
    browser.sees("the second line");
    browser.sees("field=seven");
    assert_eq!(api.run_object(&id)["state"], "running", "its lines are seen while it runs");
    assert_eq!(browser.count("#log .line.warn"), 1, "each line once");
    assert_eq!(
        browser.run("return window.still", &[]),
        json!(true),
        "by itself, the page was not loaded again"
    );
    browser.is_fine("run-live");
    browser.press("Cancel");
    browser.press("Cancel the run");
    browser.sees("cancelled");
    assert_eq!(api.wait_end(&id)["state"], "cancelled");
    wait_until("what it wrote until then is kept", || {
        let kept = api.get(&format!("/api/v1/runs/{id}/logs")).expect(200);
        kept.to_string().contains("the second line").then_some(())
    });
    // It has ended: nothing is asked for any more, and cancelling is not offered.
    assert_eq!(browser.count("[hx-trigger]"), 0);
    assert_eq!(browser.count(".while-going"), 0);

    // A replay is confirmed, and runs as whoever asks for it. The form sent twice starts one run.
    let other = api.run("talker", &json!({"lines": [{"text": "the first line"}, {"text": "another"}]}));
    let other = other["id"].as_str().unwrap();
    browser.go(&format!("/runs/{other}"));
    browser.press("Replay");
    let form = browser.attribute("[name=form]", "value").unwrap();
    browser.click("form[action$='/replay'] button");
    let leads = format!("/runs/{other}");
    browser.wait("the new run", || (browser.path() != leads).then_some(()));
    let replay = browser.path().trim_start_matches("/runs/").to_owned();
    let done = api.wait_end(&replay);
    assert_eq!((&done["principal"]["kind"], &done["replay_of"]), (&json!("member"), &json!(other)), "{done}");
    let again = Browser::of(&server, ADMIN).post_form(&format!("{leads}/replay"), &format!("form={form}"));
    assert_eq!(again.header("location"), Some(format!("/runs/{replay}").as_str()), "{}", again.text());

    // Side by side.
    browser.sees("It repeats");
    browser.press("Compare them");
    browser.sees("Both have the same event");
    browser.sees("Both logged the same");
    browser.go(&format!("/runs/{other}"));
    browser.fill("#b", &id);
    browser.click("form.inline button");
    browser.sees("/lines/1/text");
    browser.sees("The first line that differs is line 2");
    browser.sees("Only A has an output");
    browser.is_fine("runs-compare");
    browser.fill("#b", "run_00000000000000000000000000000000");
    browser.click("form.sieve button");
    browser.sees("There is no run with this id here");
    assert_eq!(browser.barriers(), Vec::<String>::new());

    // A Viewer sees it all, and is not offered what would be refused; nor does it help to ask for it.
    member(&server, "ann@example.com", &["Viewer"]);
    let viewer = Browser::of(&server, "ann@example.com");
    let shown = viewer.get(&format!("/runs/{other}"));
    assert_eq!(shown.status, 200);
    assert!(!shown.text().contains("/replay\"") && !shown.text().contains("/cancel\""), "{}", shown.text());
    for action in ["replay", "cancel", "dismiss"] {
        assert_eq!(viewer.post_form(&format!("/runs/{other}/{action}"), "").status, 403, "{action}");
    }
    assert_eq!(Browser::of(&server, ADMIN).post_form(&format!("/runs/{other}/cancel"), "").status, 409);
    assert_eq!(viewer.get("/runs/run_00000000000000000000000000000000").status, 404);
    wait_until("the refusals are on the record", || {
        (api.audit("outcome=denied&action=run.cancel").len() == 1).then_some(())
    });

    // Who may read nothing sees what they ran themselves.
    api.post("/api/v1/roles", &json!({"name": "Clerk", "grants": ["members:read"]})).expect(201);
    member(&server, "bob@example.com", &["Clerk"]);
    let bob = Browser::of(&server, "bob@example.com");
    assert!(bob.get("/runs").text().contains("Your runs"));
    assert_eq!(bob.get(&format!("/runs/{other}")).status, 403);
}

#[test]
fn runs_can_be_read_without_scripts_in_the_dark_on_a_phone() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    api.deploy("talker", &[]);
    let hook = api.webhook("talker", &json!({}));
    let body = json!({"lines": [{"text": "a line of some length, as programs write them when they have something to say"}]});
    let run = server.stranger().post(&hook, &body).expect(202);
    let id = run["run"].as_str().unwrap();
    api.wait_end(id);
    let phone =
        Chromium::with(&server, Look { size: (390, 844), dark: true, scripts: false, ..Look::default() });
    phone.log_in(ADMIN);
    phone.go("/runs");
    phone.sees("succeeded");
    phone.screenshot("runs-phone-dark");
    phone.go(&format!("/runs/{id}"));
    phone.sees("a line of some length");
    phone.sees("Authority and attribution");
    phone.screenshot("run-phone-dark");
}
