//! Uploading components and seeing what they are.

use base64::Engine as _;
use factotum_tests::{Backend, Server, guest};
use serde_json::json;

use crate::flows::{ADMIN, joined};
use crate::{Chromium, Look};

/// Drops a file on the page, as a person's hand does: with the browser's own events.
const DROP: &str = r"
    const bytes = Uint8Array.from(atob(arguments[0]), c => c.charCodeAt(0));
    const carried = new DataTransfer();
    carried.items.add(new File([bytes], arguments[1], {type: 'application/wasm'}));
    const place = document.querySelector('[data-drop]');
    for (const kind of ['dragenter', 'dragover', 'drop'])
        place.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: carried}));
";

fn drop(browser: &Chromium, guest: &str, called: &str) {
    let bytes = base64::engine::general_purpose::STANDARD.encode(guest::wasm(guest).unwrap());
    browser.run(DROP, &[json!(bytes), json!(called)]);
}

#[test]
fn a_component_is_dropped_looked_at_and_uploaded() {
    let server = Server::start(Backend::Sqlite);
    let browser = Chromium::of(&server, ADMIN);
    browser.go("/plugins");
    browser.sees("There are no plugins");
    browser.is_fine("plugins-empty");
    browser.click("main a.button");

    drop(&browser, "echo", "Order_Echo.wasm");
    browser.sees("Nothing is uploaded yet");
    browser.sees("factotum:workflow");
    assert_eq!(
        (browser.value("[name=name]"), browser.value("[name=version]")),
        ("order_echo".into(), "1.0.0".into())
    );
    browser.is_fine("plugin-look");
    browser.fill("[name=name]", "orders");
    browser.press("Upload");
    browser.is_at("/plugins/orders@1.0.0");
    browser.sees("no grant");
    browser.sees("handle");
    assert_eq!(server.api().all("/api/v1/plugins")[0]["exports"][0], "handle");

    // The next version asks for more.
    browser.press("Upload a version");
    assert_eq!(
        (browser.value("[name=name]"), browser.value("[name=version]")),
        ("orders".into(), "1.1.0".into())
    );
    browser.attach("[type=file]", &guest::path("kvtest").unwrap());
    browser.sees("Compared with 1.0.0");
    browser.sees("May ask for the grant kv:write");
    browser.is_fine("plugin-difference");
    browser.press("Upload");
    browser.is_at("/plugins/orders@1.1.0");
    browser.sees("Reads and writes small durable stores");
    browser.sees("Compared with 1.0.0");
    browser.is_fine("plugin");

    // What cannot be: the form keeps what was typed, and nothing is stored.
    browser.go("/new/plugin?name=orders");
    browser.attach("[type=file]", &guest::path("unknown-import").unwrap());
    browser.wait("the refusal", || (browser.count("#file-fault") == 1).then_some(()));
    assert_eq!(browser.value("[name=name]"), "orders");
    browser.fill("[name=version]", "1.1.0");
    drop(&browser, "hello", "hello.wasm");
    browser.sees("World");
    browser.press("Upload");
    browser.sees("is there already with other bytes");
    browser.screenshot("plugin-refused");
    assert_eq!(server.api().all("/api/v1/plugins").len(), 2);
    browser.go("/plugins");
    browser.sees("kv:read");
    assert_eq!(browser.count("tbody tr"), 1, "one row for a plugin, with its newest version");
    browser.is_fine("plugins");
}

#[test]
fn a_component_is_uploaded_without_scripts_and_not_by_everybody() {
    let server = Server::start(Backend::Sqlite);
    joined(&server, "viewer@example.com", &["Viewer"]);
    let browser =
        Chromium::with(&server, Look { scripts: false, size: (390, 844), dark: true, ..Look::default() });
    browser.log_in(ADMIN);
    browser.go("/new/plugin");
    browser.attach("[type=file]", &guest::path("hello").unwrap());
    browser.press("Look at it first");
    browser.sees("Writes its output: the answer");
    assert_eq!(browser.value("[name=name]"), "hello");
    browser.screenshot("plugin-look-phone-dark");
    browser.attach("[type=file]", &guest::path("hello").unwrap());
    browser.press("Upload");
    browser.is_at("/plugins/hello@1.0.0");

    let page = factotum_tests::Browser::of(&server, "viewer@example.com");
    let shown = page.get("/plugins");
    assert!(shown.text().contains("hello") && !shown.text().contains("/new/plugin"), "{}", shown.text());
    assert_eq!(page.get("/new/plugin").status, 403);
    let refused = page.post_form("/plugins", "do=upload");
    assert_eq!(refused.status, 403, "{}", refused.text());
}
