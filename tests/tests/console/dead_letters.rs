//! Dead letters: found, replayed and dismissed, one by one, selected, and all that match.

use factotum_tests::server::ADMIN;
use factotum_tests::{Backend, Browser, Server};
use serde_json::json;

use super::runs::member;
use crate::{Chromium, Look};

#[test]
fn dead_letters_are_replayed_and_dismissed_in_bulk() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    let twice = json!({"retry": {"attempts": 2, "backoff_ms": 1}});
    api.deploy_with("flaky", &twice);
    api.workflow("other", "flaky", &twice);
    let browser = Chromium::of(&server, ADMIN);
    browser.press("Dead letters");
    browser.sees("No dead letters");
    browser.is_fine("dead-letters-empty");

    let dead = |workflow: &str, n: usize| -> Vec<String> {
        let all: Vec<_> = (0..n).map(|n| api.begin(workflow, &json!({"until": 3, "n": n}))).collect();
        let ids: Vec<String> = all.iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect();
        for id in &ids {
            assert_eq!(api.wait_end(id)["state"], "dead");
        }
        ids
    };
    let flaky = dead("flaky", 45);
    let others = dead("other", 3);
    browser.go("/dead-letters");
    assert_eq!(browser.count("tbody tr"), 30);
    browser.is_fine("dead-letters");

    // Nothing selected: said beside the list.
    browser.press("Replay selected");
    browser.sees("Select one or more first");

    // Two selected, after what made them fail is mended.
    api.workflow("other", "flaky", &json!({"retry": {"attempts": 5, "backoff_ms": 1}}));
    browser.go("/dead-letters?workflow=other");
    assert_eq!(browser.count("tbody tr"), 3);
    for id in &others[..2] {
        browser.click(&format!("[value={id}]"));
    }
    browser.press("Replay selected");
    browser.sees("Replay 2 dead letters?");
    browser.is_fine("dead-letters-confirm");
    browser.press("Replay them");
    browser.sees("Finished: 2 replayed.");
    assert_eq!(browser.count("#results tr"), 2);
    browser.is_fine("dead-letters-done");
    for id in &others[..2] {
        let replays: Vec<_> = api
            .all("/api/v1/runs?workflow=other")
            .into_iter()
            .filter(|run| run["replay_of"] == **id)
            .collect();
        assert_eq!(replays.len(), 1, "{replays:?}");
        assert_eq!(api.wait_end(replays[0]["id"].as_str().unwrap())["state"], "succeeded");
    }
    browser.press("To the dead letters");
    browser.wait("the two have left", || (browser.count("tbody tr") == 1).then_some(()));

    // One by one, on its own page.
    browser.click("tbody a.mono");
    browser.press("Dismiss");
    browser.click("form[action$='/dismiss'] button");
    browser.sees("replayed or dismissed");
    let dismissed = api.run_object(&others[2]);
    assert_eq!(dismissed["state"], "dead", "it stays as it ended");
    assert!(dismissed["timings"]["handled_at"].is_string(), "{dismissed}");

    // All that match, part by part, to the end: by itself.
    browser.go("/dead-letters?workflow=flaky");
    browser.press("Dismiss all that match");
    browser.sees("Dismiss 45 dead letters?");
    browser.press("Dismiss them");
    browser.sees("Finished: 45 dismissed.");
    assert_eq!(browser.count("#results tr"), 45, "with what came of each");
    assert_eq!(api.all("/api/v1/runs?dead_letter=true").len(), 0);
    assert_eq!(api.audit("action=run.dismiss").len(), 46);
    browser.press("To the dead letters");
    browser.sees("No dead letter is like this");

    // What was done by somebody else meanwhile is said of that one alone.
    let admin = Browser::of(&server, ADMIN);
    let form = format!("run={}&run={}&total=2", flaky[0], "run_00000000000000000000000000000000");
    let done = admin.post_form("/dead-letters/dismiss", &form);
    assert_eq!(done.status, 200);
    assert!(done.text().contains("no dead letter any more"), "{}", done.text());
    assert!(done.text().contains("there is nothing with this id"), "{}", done.text());
    api.post(&format!("/api/v1/runs/{}/dismiss", flaky[0]), &json!({})).expect_problem(409, "conflict");

    // Without scripts each part is a press of a button; a replay of many shows how far it is.
    dead("flaky", 21);
    let plain = Chromium::with(&server, Look { scripts: false, ..Look::default() });
    plain.log_in(ADMIN);
    plain.go("/dead-letters");
    plain.press("Replay all");
    plain.press("Replay them");
    plain.sees("20 of 21 done");
    plain.screenshot("dead-letters-progress");
    plain.press("Go on");
    plain.sees("Finished: 21 replayed.");

    // Who may only read is offered nothing, and refused.
    member(&server, "ann@example.com", &["Viewer"]);
    let viewer = Browser::of(&server, "ann@example.com");
    let list = viewer.get("/dead-letters");
    assert_eq!(list.status, 200);
    assert!(!list.text().contains("selected</button>"), "{}", list.text());
    for path in ["/dead-letters/replay", "/dead-letters/dismiss"] {
        assert_eq!(viewer.get(&format!("{path}?all=true")).status, 403, "{path}");
        assert_eq!(viewer.post_form(path, &format!("run={}", flaky[0])).status, 403, "{path}");
    }
}
