//! The audit trail in the browser: finding, following, keeping views, and one entry with its proof (I18, I19).

use factotum_tests::browser::PASSWORD;
use factotum_tests::server::ADMIN;
use factotum_tests::{Backend, Browser, Owner, Server};
use serde_json::{Value, json};

use crate::{Chromium, Look};

/// A person with these roles.
pub fn joined(server: &Server, email: &str, name: &str, roles: &[&str]) {
    let invited = server.api().post("/api/v1/members/invitations", &json!({"email": email, "roles": roles}));
    let url = invited.expect(201)["url"].as_str().unwrap().to_owned();
    let (_, token) = url.split_once("#token=").unwrap();
    let asked = json!({"token": token, "name": name, "password": PASSWORD});
    Browser::at(server.base()).post("/api/v1/invitations/accept", &asked).expect(201);
}

/// The kinds of actors that are on the page.
fn kinds(browser: &Chromium) -> Vec<Value> {
    let script = "return [...new Set([...document.querySelectorAll('table.trail tbody tr')].map(row => row.dataset.kind))].sort()";
    browser.run(script, &[]).as_array().unwrap().clone()
}

/// That the browser's log complains of what was refused, and of nothing else.
#[track_caller]
fn refused(browser: &Chromium) {
    let complaints = browser.complaints();
    assert!(complaints.iter().all(|line| line.contains("status of 422")), "{complaints:?}");
}

#[test]
fn the_trail_is_filtered_followed_and_kept_as_views() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    api.deploy("echo", &[]);
    let hook = api.webhook("echo", &json!({"reply": "outcome"}));
    server.stranger().post(&hook, &json!({"order": 7})).expect(200);
    let (secret, made) = api.mint("nightly export", &["workflows:run"]);
    api.with_key(&secret).run("echo", &json!({}));
    api.with_key(&secret).get("/api/v1/members").expect_problem(403, "denied");
    api.delete(&format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap())).expect(204);
    joined(&server, "vera@example.com", "Vera Viewer", &["Viewer"]);

    let browser = Chromium::of(&server, ADMIN);
    browser.click("nav[aria-label=Main] a[href='/audit']");
    browser.sees("nightly export");
    assert_eq!(kinds(&browser), ["api_key", "base", "member"]);
    browser.is_fine("audit");

    // By keyboard: the first stop leads past the menu, and the chips can be reached and followed.
    browser.keys("\u{E004}");
    assert_eq!(browser.run("return document.activeElement.className", &[]), json!("skip"));
    browser.run("document.querySelector('.chip[href*=\"outcome=denied\"]').focus()", &[]);
    browser.keys("\u{E007}");
    browser.wait("what was denied", || browser.path().ends_with("/audit?outcome=denied").then_some(()));
    browser.go("/audit");

    // I19: by kind, in one click; I18: by the name of that time, also after revocation; each with the mark of its kind.
    browser.press("Automated and API activity");
    browser.wait("automated activity alone", || (kinds(&browser) == ["api_key", "base"]).then_some(()));
    assert!(browser.path().contains("actor_kind=service"), "{}", browser.path());
    let rows = browser.count("table.trail tbody tr");
    assert_eq!(browser.count("table.trail tbody [data-bot] svg"), rows, "each has the bot icon");
    let cells = "return [...document.querySelectorAll(`table.trail tr[data-kind=${arguments[0]}] td:nth-child(2)`)].map(cell => cell.innerText)";
    for (kind, name, badge) in
        [("api_key", "nightly export", "API Key"), ("base", "Service Account", "Base Service Account")]
    {
        let cells = browser.run(cells, &[json!(kind)]);
        let cells: Vec<_> = cells.as_array().unwrap().iter().map(|cell| cell.as_str().unwrap()).collect();
        assert!(cells.iter().all(|cell| cell.contains(badge)), "{cells:?}");
        assert!(cells.iter().any(|cell| cell.contains(name)), "{cells:?}");
    }

    // The form, without what is wrong and with it.
    browser.fill("#q", "nightly");
    browser.choose("#outcome", "denied");
    browser.click(".filters button");
    browser.wait("what was denied", || (browser.count("table.trail tbody tr") == 1).then_some(()));
    browser.sees("member.list");
    browser.click(".filters details summary");
    browser.fill("#run", "nonsense");
    browser.click(".filters button");
    browser.sees("not an id of the form");
    assert_eq!(browser.attribute("#run", "value").as_deref(), Some("nonsense"));
    assert_eq!(browser.attribute("#run", "aria-invalid").as_deref(), Some("true"));
    refused(&browser);
    browser.go("/audit?q=zebrafinch");
    browser.sees("Nothing on the record matches");

    // A view is kept under a name, once, by whom it is.
    browser.go("/audit?outcome=denied");
    browser.press("Save this view");
    browser.fill("#name", "Refusals");
    browser.press("Save");
    browser.wait("the saved view", || (browser.count(".chip.saved[aria-current]") == 1).then_some(()));
    assert!(browser.path().ends_with("/audit?outcome=denied"), "{}", browser.path());
    browser.is_fine("audit-saved-view");
    browser.press("Save this view");
    browser.fill("#name", "Refusals");
    browser.press("Save");
    browser.sees("you have a view with this name already");
    refused(&browser);
    browser.press("Your saved views");
    browser.click("button[aria-label='Delete the view Refusals']");
    browser.wait("no saved view", || (browser.count(".chip.saved") == 0).then_some(()));
    assert_eq!(api.audit("action=saved_view.*").len(), 2, "made and deleted are on the record");

    // Live: what comes is shown at once, and looking is one entry.
    browser.go("/audit?action=role.*");
    browser.press("Follow live");
    browser.sees("Live: waiting for new entries.");
    api.post("/api/v1/roles", &json!({"name": "Night watch", "grants": ["runs:read"]})).expect(201);
    browser.sees("Live: 1 new entry.");
    let row = browser.text("table.trail tbody tr:first-child");
    assert!(row.contains("role.create") && row.contains("Night watch"), "{row}");
    api.mint("not of this part", &["runs:read"]);
    api.post("/api/v1/roles", &json!({"name": "Day watch", "grants": ["runs:read"]})).expect(201);
    browser.sees("Live: 2 new entries.");
    browser.is_fine("audit-live");
    browser.press("Stop following");
    browser.sees("Stopped.");
    assert_eq!(api.audit("action=audit.tail").len(), 1);

    // What the export's links give is what is shown.
    let person = Browser::of(&server, ADMIN);
    for (form, head) in [("jsonl", "{\"id\""), ("csv", "id,at,action"), ("ocsf", "{")] {
        let link = browser.attribute(&format!(".tools a[href*='format={form}']"), "href").unwrap();
        let answer = person.get(&link);
        assert!(answer.status == 200 && answer.text().starts_with(head), "{link}: {}", answer.text());
        assert!(answer.text().contains("role.create") && !answer.text().contains("api_key.create"), "{link}");
    }

    // Who may not read it is not offered it, and refused.
    let other = Chromium::of(&server, "vera@example.com");
    assert_eq!(other.count("nav[aria-label=Main] a[href='/audit']"), 0);
    other.go("/audit");
    other.sees("This account may not do this");
    assert_eq!(other.count("table"), 0);
}

#[test]
fn an_entry_is_shown_with_its_proof_and_what_was_tampered_with_is_told() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    let role = api.post("/api/v1/roles", &json!({"name": "Watch", "grants": ["runs:read"]})).expect(201);
    let role = role["id"].as_str().unwrap();
    api.patch(&format!("/api/v1/roles/{role}"), &json!({"grants": ["runs:read", "events:read"]})).expect(200);
    let updated = api.audit("action=role.update")[0]["id"].as_str().unwrap().to_owned();
    factotum_tests::wait_until("the entry to be sealed", || {
        (api.get(&format!("/api/v1/audit/{updated}/proof")).status == 200).then_some(())
    });

    let browser = Chromium::of(&server, ADMIN);
    browser.go("/audit?action=role.update");
    browser.click("table.trail tbody a");
    browser.sees("What changed");
    browser.sees("events:read");
    browser.sees("the account of an API key");
    browser.is_fine("audit-entry");
    browser.press("Verify now");
    browser.sees("This entry is as it was sealed");
    browser.sees("What this does not show");
    assert_eq!((browser.count(".steps .good"), browser.count(".steps .bad")), (6, 0));
    browser.is_fine("audit-entry-verified");
    let read = api.audit(&format!("action=audit.read&target={updated}"));
    assert!(read.iter().any(|entry| entry["change"]["verified"] == true), "{read:?}");
    let proof = browser.attribute("a[href$='/proof']", "href").unwrap();
    let proof = Browser::of(&server, ADMIN).get(&proof).expect(200);
    assert!(proof["leaf_index"].is_u64() && proof["verifier_key"].is_string(), "{proof}");

    // Somebody who owns the database changes what is on the record.
    let owner = Owner::of(&server);
    owner.sql("DROP TRIGGER audit_entries_guard_update").unwrap();
    owner.sql("UPDATE audit_entries SET detail = replace(detail, 'events:read', 'audit:read') WHERE action = 'role.update'").unwrap();
    browser.go(&format!("/audit/{updated}"));
    browser.press("Verify now");
    browser.sees("This entry could not be verified");
    browser.sees("it was changed after it was sealed");
    browser.is_fine("audit-entry-altered");
    browser.go("/audit/aud_00000000000000000000000000000000");
    browser.sees("There is no such thing here");
}

#[test]
fn the_trail_can_be_read_on_a_phone_without_scripts_in_the_dark() {
    let server = Server::start(Backend::Sqlite);
    server.api().mint("a nickname that is rather long for so narrow a screen", &["runs:read"]);
    let browser =
        Chromium::with(&server, Look { size: (390, 844), dark: true, scripts: false, ..Look::default() });
    browser.log_in(ADMIN);
    browser.go("/audit?actor_kind=service");
    browser.sees("Export what matches");
    assert_eq!(browser.count("[data-tail]:not([hidden])"), 0, "what needs a script is not offered");
    browser.screenshot("audit-phone-dark");
}
