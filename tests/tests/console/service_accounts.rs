//! The promises about service accounts, as a person at a browser sees them: I11, I13, I16, I17.

use factotum_tests::browser::COOKIE;
use factotum_tests::server::ADMIN;
use factotum_tests::{Backend, Server};
use serde_json::{Value, json};

use crate::Chromium;

fn service_accounts(server: &Server) -> Vec<Value> {
    let mut all = server.api().all("/api/v1/members?service=true");
    all.retain(|m| m["kind"] != "member");
    all
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn i13_i16_i17_members_shows_service_accounts_when_asked_and_changes_none() {
    let server = Server::start(Backend::Sqlite);
    let nickname = "\"><img src=x onerror=alert(1)>";
    let (_, key) = server.api().mint(nickname, &["runs:read"]);
    let (_, gone) = server.api().mint("gone", &["runs:read"]);
    server.api().delete(&format!("/api/v1/api-keys/{}", text(&gone["id"]))).expect(204);
    let browser = Chromium::of(&server, ADMIN);

    // I16: hidden until the toggle is on.
    browser.go("/settings/members");
    assert_eq!(browser.count("tbody tr[data-kind=member]"), 1);
    assert_eq!(browser.count("[data-bot], tbody tr:not([data-kind=member])"), 0);
    browser.click("[name=service]");
    browser.sees("Base Service Account");
    assert!(browser.path().contains("service=true"), "{}", browser.path());

    // I17: bot icon, badge, one row per active key with its nickname.
    assert_eq!(browser.count("tr[data-kind=base]"), 1);
    let base = browser.text("tr[data-kind=base]");
    assert!(base.contains("Service Account") && base.contains("Base Service Account"), "{base}");
    // The key that the tests' API has, and the one made here; not the one that was revoked.
    assert_eq!(browser.count("tr[data-kind=api_key]"), 2);
    let bots = "tr[data-kind=base] [data-bot] svg[aria-label=Bot], tr[data-kind=api_key] [data-bot] svg[aria-label=Bot]";
    assert_eq!(browser.count(bots), 3);
    assert_eq!(browser.count("tr[data-kind=member] [data-bot]"), 0);
    browser.sees(nickname);
    assert_eq!(browser.count("main img"), 0, "a nickname is text");
    browser.is_fine("members-service");

    // I13: no role menu, no remove button; an explanation and a way to the key.
    let forms = ["tbody form", "tbody select", "tbody button", "tbody input"];
    assert!(forms.iter().all(|css| browser.count(css) == 0));
    assert_eq!(browser.count(&format!("tbody a[href='/settings/api-keys/{}']", text(&key["id"]))), 1);
    for account in service_accounts(&server) {
        let id = text(&account["id"]);
        browser.go(&format!("/settings/members/{id}"));
        browser.sees("It cannot log in");
        let shown = browser.text("main");
        assert!(shown.contains("cannot be changed or removed"), "{shown}");
        assert_eq!(browser.count("[data-bot]"), 1);
        assert_eq!(browser.count("[name=roles], form[action$='/remove'], [type=password]"), 0, "{id}");
        if account["kind"] == "api_key" {
            assert_eq!(browser.count("main a[href^='/settings/api-keys/key_']"), 1);
            browser.is_fine("member-key");
        } else {
            browser.is_fine("member-base");
        }
        // Who sends what is not offered is refused, and that is on the record.
        for (path, body) in [("remove", ""), ("", "roles=Admin")] {
            let script = "const done = arguments[arguments.length - 1];
                fetch(arguments[0], {method: 'POST', body: arguments[1], headers: {'content-type': 'application/x-www-form-urlencoded'}})
                    .then(async answer => done([answer.status, await answer.text()]));";
            let at = format!("/settings/members/{id}/{path}");
            let answer = browser.run_async(script, &[json!(at.trim_end_matches('/')), json!(body)]);
            assert_eq!(answer[0], 409, "{answer}");
            assert!(text(&answer[1]).contains("service account"), "{answer}");
        }
        let denied = server.api().audit(&format!("outcome=denied&target={id}"));
        assert!(denied.len() >= 2, "{denied:?}");
        browser.complaints();
    }
    assert_eq!(service_accounts(&server).len(), 3);
    // Revoked, the key's row is gone.
    server.api().delete(&format!("/api/v1/api-keys/{}", text(&key["id"]))).expect(204);
    browser.go("/settings/members?service=true");
    assert_eq!(browser.count("tr[data-kind=api_key]"), 1);
}

#[test]
fn i11_no_page_lets_a_service_account_in() {
    let server = Server::start(Backend::Sqlite);
    let (secret, made) = server.api().mint("robot", &["*:*"]);
    let base = service_accounts(&server).into_iter().find(|m| m["kind"] == "base").unwrap();
    let browser = Chromium::at(&server);
    let names =
        ["robot", "Service Account", &text(&base["id"]), &text(&made["service_account"]["id"]), &secret];
    for name in names {
        browser.go("/login");
        // As somebody would who has taken the browser's own check of addresses away.
        browser.run("document.querySelector('[name=email]').type = 'text'", &[]);
        browser.fill("[name=email]", name);
        browser.fill("[name=password]", &secret);
        browser.press("Log in");
        browser.sees("do not fit together");
    }
    assert!(browser.cookies().iter().all(|cookie| cookie.name() != COOKIE));
    // No link by mail, and no invitation: it has no address.
    browser.go("/password-reset");
    browser.sees("This server sends no mail");
    let admin = Chromium::of(&server, ADMIN);
    admin.go("/settings/members");
    admin.run("document.querySelector('#email').type = 'text'", &[]);
    admin.fill("#email", "robot");
    admin.click("[name=roles][value=Viewer]");
    admin.press("Invite");
    admin.wait("the fault", || (admin.count("#email-fault") == 1).then_some(()));
    assert!(server.api().all("/api/v1/members/invitations").is_empty());
    // With its key a program gets no page, whatever the key may do.
    let answer = server.api().with_key(&secret).get("/settings/members");
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("a program with an API key uses the API"), "{}", answer.text());
}
