//! Saying who is told that workflows fail, and seeing what fails and what was sent.

use factotum_tests::receiver::Receiver;
use factotum_tests::{Backend, Browser, Server};
use serde_json::json;

use crate::Chromium;
use crate::flows::{ADMIN, joined};

#[test]
fn who_is_told_is_chosen_tried_and_seen() {
    let (receiver, folder) = (Receiver::start().unwrap(), tempfile::tempdir().unwrap());
    let toml = format!(
        "[mail]\nrelay = \"file:{}\"\n[egress]\nallow = [\"127.0.0.1:{}\"]\n",
        folder.path().display(),
        receiver.port()
    );
    let server = Server::start_with(Backend::Sqlite, &toml);
    let api = server.api();
    joined(&server, "viewer@example.com", &["Viewer"]);
    api.deploy("flaky", &[]);
    let browser = Chromium::of(&server, ADMIN);
    browser.go("/settings/notices");
    browser.sees("No workflow is failing");
    browser.fill("[name=gather_s]", "99999");
    browser.press("Save");
    browser.sees("is a whole number from 0 to 3600");
    assert_eq!(browser.value("[name=gather_s]"), "99999", "what was typed stays");
    browser.is_fine("notices-refused");
    browser.fill("[name=gather_s]", "0");
    browser.fill("[name=interval_s]", "0");
    browser.press("Save");
    browser.sees("The settings hold from now on");
    browser.fill("[name=address]", "ops@example.com");
    browser.press("Add the address");
    browser.sees("The recipient is told from now on");
    browser.fill("[name=url]", &format!("{}/in?token=hunter2", receiver.base()));
    browser.press("Add the webhook");
    browser.sees("It is shown this once");
    assert!(browser.text("#secret").starts_with("whsec_"));
    browser.is_fine("notices-webhook");
    browser.press("Send a test");
    browser.wait("the test", || {
        browser.go("/settings/notices");
        browser.text("main").contains("a test of notices").then_some(())
    });
    browser.wait("its arrival", || {
        browser.go("/settings/notices");
        (browser.text("#messages ~ div tbody .badge") == "sent").then_some(())
    });
    assert_eq!(receiver.received().len(), 1);

    let run = api.run("flaky", &json!({"until": 9, "permanent": true}));
    assert_eq!(run["state"], "failed");
    browser.wait("the messages", || {
        browser.go("/settings/notices");
        let text = browser.text("main");
        // To the Admin, to the address, and to the webhook.
        (text.matches("flaky is failing").count() == 3 && !text.contains("waiting")).then_some(())
    });
    browser.is_fine("notices");
    let whole = browser.run("return document.documentElement.outerHTML", &[]).to_string();
    assert!(!whole.contains("hunter2") && !whole.contains("whsec_"), "{whole}");

    browser.go("/workflows");
    browser.sees("failing");
    browser.go("/workflows/flaky");
    browser.sees("Failing since");
    browser.click("#notices summary");
    browser.click("[name=muted]");
    browser.press("Save");
    browser.sees("Nobody is told, as it is muted");
    browser.is_fine("workflow-failing");
    assert_eq!(api.get("/api/v1/workflows/flaky/notices").expect(200)["muted"], true);

    browser.go("/settings/notices");
    browser.press("Remove");
    browser.sees("The recipient is told no more");
    assert_eq!(api.all("/api/v1/notices/recipients").len(), 1);

    let viewer = Browser::of(&server, "viewer@example.com");
    let shown = viewer.get("/settings/notices").text();
    assert!(shown.contains("flaky") && !shown.contains("Add the address"), "{shown}");
    assert_eq!(viewer.post_form("/settings/notices/mail", "address=v@example.com").status, 403);
    assert_eq!(viewer.post_form("/settings/notices", "form=when&after_failures=x").status, 403);
    assert_eq!(viewer.post_form("/workflows/flaky/notices", "after_failures=x").status, 403);
}
