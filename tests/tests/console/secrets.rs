//! Setting, replacing and deleting secrets.

use factotum_tests::{Backend, Browser, Server};

use crate::Chromium;
use crate::flows::{ADMIN, joined};

#[test]
fn a_secret_is_set_replaced_and_deleted_and_never_shown() {
    let server = Server::start(Backend::Sqlite);
    joined(&server, "editor@example.com", &["Editor"]);
    joined(&server, "viewer@example.com", &["Viewer"]);
    let browser = Chromium::of(&server, ADMIN);
    browser.go("/settings/secrets");
    browser.sees("There are none");
    browser.is_fine("secrets-empty");
    browser.fill("[name=name]", "Not A Name");
    browser.fill("[name=value]", "hunter2");
    browser.press("Set the secret");
    browser.sees("is not a name");
    assert_eq!(
        (browser.value("[name=name]").as_str(), browser.value("[name=value]").as_str()),
        ("Not A Name", "")
    );
    browser.is_fine("secrets-refused");
    browser.fill("[name=name]", "mail-key");
    browser.fill("[name=value]", "hunter2");
    browser.press("Set the secret");
    browser.sees("The secret mail-key is set");
    browser.fill("[name=name]", "mail-key");
    browser.fill("[name=value]", "hunter3");
    browser.press("Set the secret");
    browser.wait("the second version", || (browser.text("tbody td:nth-child(3)") == "2").then_some(()));
    browser.is_fine("secrets");
    let whole = browser.run("return document.documentElement.outerHTML", &[]).to_string();
    assert!(!whole.contains("hunter"), "{whole}");

    // Who may set and not list gets the form; who may neither gets nothing.
    let editor = Browser::of(&server, "editor@example.com");
    let shown = editor.get("/settings/secrets").text();
    assert!(shown.contains("not list those") && !shown.contains("mail-key"), "{shown}");
    assert_eq!(editor.post_form("/settings/secrets", "name=new&value=hunter4").status, 303);
    assert_eq!(editor.post_form("/settings/secrets/new/delete", "").status, 403);
    let viewer = Browser::of(&server, "viewer@example.com");
    assert_eq!(viewer.get("/settings/secrets").status, 403);
    assert!(!viewer.get("/settings/members").text().contains("/settings/secrets"));

    browser.go("/settings/secrets");
    browser.click("tbody tr:first-child summary");
    browser.press("Delete mail-key");
    browser.wait("one less", || (browser.count("tbody tr") == 1).then_some(()));
    assert_eq!(server.api().all("/api/v1/secrets")[0]["name"], "new");
}
