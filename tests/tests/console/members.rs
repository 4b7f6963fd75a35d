//! Settings → Members: inviting, roles, suspending, removing; and what who may less is offered.

use factotum_tests::browser::PASSWORD;
use factotum_tests::server::ADMIN;
use factotum_tests::{Backend, Browser, Server};
use serde_json::{Value, json};

use crate::{Chromium, Look};

const FRESH: &str = "seven grey herons on a wire";

/// Invites somebody by the API and takes it up: their account's id.
fn joined(server: &Server, email: &str, name: &str, roles: &[&str]) -> String {
    let asked = json!({"email": email, "roles": roles});
    let invited = server.api().post("/api/v1/members/invitations", &asked).expect(201);
    let (_, token) = invited["url"].as_str().unwrap().split_once("#token=").unwrap();
    let asked = json!({"token": token, "name": name, "password": FRESH});
    let done = Browser::at(server.base()).post("/api/v1/invitations/accept", &asked).expect(201);
    done["id"].as_str().unwrap().to_owned()
}

fn log_in(server: &Server, email: &str) -> Chromium {
    let browser = Chromium::at(server);
    browser.go("/login");
    browser.fill("[name=email]", email);
    browser.fill("[name=password]", FRESH);
    browser.press("Log in");
    browser.wait("the overview", || (browser.path() == "/").then_some(()));
    browser
}

fn roles(server: &Server, id: &str) -> Value {
    server.api().get(&format!("/api/v1/members/{id}")).expect(200)["roles"].clone()
}

#[test]
fn an_admin_invites_changes_suspends_and_removes() {
    let server = Server::start(Backend::Sqlite);
    let bob = joined(&server, "bob@example.com", "Bob <script>alert(1)</script>", &["Viewer"]);
    let browser = Chromium::of(&server, ADMIN);
    browser.go("/settings/members");
    // A person's name is text, whatever it says.
    browser.sees("Bob <script>alert(1)</script>");
    assert_eq!(browser.count("main script"), 0);

    browser.fill("#email", "carol@example.com");
    browser.press("Invite");
    browser.sees("the list of roles is empty");
    assert_eq!(browser.attribute("#email", "value").as_deref(), Some("carol@example.com"), "it stays");
    browser.click("[name=roles][value=Viewer]");
    browser.click("[name=roles][value=Editor]");
    browser.press("Invite");
    browser.sees("This server sends no mail: give them this link yourself");
    assert!(browser.text("#link").contains("/invitation#token="));
    browser.is_fine("members");
    browser.go("/settings/members");
    browser.sees("Open invitations");
    assert_eq!(browser.count("#link"), 0, "the link is shown once");
    browser.press("Withdraw");
    browser.sees("The invitation is withdrawn");
    assert!(server.api().all("/api/v1/members/invitations").is_empty());

    browser.press("Bob <script>alert(1)</script>");
    browser.sees("Roles add up");
    browser.is_fine("member");
    assert!(browser.run("return document.querySelector('[value=Viewer]').checked", &[]) == json!(true));
    browser.click("[name=roles][value=Editor]");
    browser.press("Save");
    browser.sees("The roles are changed");
    assert_eq!(roles(&server, &bob), json!(["Editor", "Viewer"]));

    browser.go(&format!("/settings/members/{bob}"));
    browser.press("Suspend");
    browser.press("Suspend Bob <script>alert(1)</script>");
    browser.sees("nothing of this account starts until it is resumed");
    browser.press("Resume");
    browser.sees("what waited goes on");

    browser.press("Remove from the organization");
    browser.sees("stays in the audit trail under their name");
    browser.press("Remove Bob <script>alert(1)</script>");
    browser.sees("The member is removed");
    assert_eq!(browser.count("tr[data-kind=member]"), 1);
    Browser::at(server.base()).log_in("bob@example.com", FRESH).expect_problem(401, "log_in_failed");

    // The last Admin stays, and is told so.
    browser.press(ADMIN);
    browser.press("Remove from the organization");
    browser.sees("This is you");
    browser.press(&format!("Remove {ADMIN}"));
    browser.sees("without an Admin");
    browser.click("[name=roles][value=Admin]");
    browser.press("Save");
    browser.sees("without an Admin");
    browser.is_fine("member-last-admin");
    Browser::at(server.base()).log_in(ADMIN, PASSWORD).expect(200);
}

#[test]
fn who_may_less_is_offered_less() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    let grants =
        ["members:read", "members:create", "members:update", "roles:read", "roles:create", "runs:read"];
    api.post("/api/v1/roles", &json!({"name": "Host", "grants": grants})).expect(201);
    joined(&server, "ann@example.com", "Ann", &["Host"]);
    joined(&server, "vic@example.com", "Vic", &["Viewer"]);
    joined(&server, "nil@example.com", "Nil", &["Host"]);
    api.post("/api/v1/roles", &json!({"name": "Empty", "grants": ["kv:read"]})).expect(201);

    let ann = log_in(&server, "ann@example.com");
    ann.go("/settings/members");
    // What she does not hold she cannot give: the roles that may more are there, and cannot be ticked.
    assert_eq!(ann.count("[name=roles][value=Admin]:disabled"), 1);
    assert_eq!(ann.count("[name=roles][value=Host]:enabled"), 1);
    assert_eq!(ann.count("nav.sub a[href='/settings/api-keys']"), 0);
    ann.press(ADMIN);
    ann.sees("Admin");
    assert_eq!(ann.count("[name=roles]"), 0, "an Admin may more than she");
    assert_eq!(ann.count("form[action$='/remove']"), 0, "she has no members:delete");
    // New roles hold no more than she does.
    ann.go("/settings/roles/new");
    assert_eq!(ann.count("[name=grants][value='*:*']"), 0);
    assert_eq!(ann.count("[name=grants][value='audit:read']"), 0);
    ann.fill("#name", "Sneaky");
    ann.fill("#others", "audit:read");
    ann.press("Make the role");
    ann.sees("has grants that your account lacks: audit:read");
    ann.is_fine("role-refused");

    let vic = log_in(&server, "vic@example.com");
    vic.go("/settings/members");
    vic.sees("Ann");
    assert_eq!(vic.count("main form[method=post]"), 0);
    vic.go("/settings/roles");
    assert_eq!(vic.count("a[href='/settings/roles/new']"), 0);
    // What is not offered is refused, on a page that says why.
    vic.go("/settings/api-keys/new");
    vic.sees("api-keys:create");
    vic.is_fine("refused");
    let denied = api.audit("outcome=denied&action=api_key.create");
    assert_eq!(denied[0]["actor"]["name"], "Vic", "{denied:?}");
}

#[test]
fn settings_fit_a_phone_in_the_dark() {
    let server = Server::start(Backend::Sqlite);
    server.api().mint("a-rather-long-nickname-of-a-key-that-does-nightly-imports", &["runs:read", "kv:read"]);
    let browser = Chromium::with(&server, Look { size: (390, 844), dark: true, ..Look::default() });
    browser.log_in(ADMIN);
    for (path, name) in [
        ("/settings/members?service=true", "members-phone"),
        ("/settings/roles", "roles-phone"),
        ("/settings/roles/new", "role-new-phone"),
        ("/settings/api-keys", "api-keys-phone"),
        ("/settings/api-keys/new", "api-key-new-phone"),
        ("/account", "account-phone"),
    ] {
        browser.go(path);
        browser.is_fine(name);
    }
}
