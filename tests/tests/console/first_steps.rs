//! How people come in: setting the server up, taking an invitation up, a forgotten password.

use std::path::Path;

use factotum_tests::server::ADMIN;
use factotum_tests::{Backend, Browser, Server, Settings, wait_until};

use crate::Chromium;

const PASSWORD: &str = "seven green bottles on a wall";

/// What stands after `#token=` in the last link to this page.
fn token(text: &str, path: &str) -> Option<String> {
    let (_, rest) = text.rsplit_once(&format!("{path}#token="))?;
    Some(rest.chars().take(43).collect())
}

/// The token in the letter that has a link to this page.
fn mailed(folder: &Path, path: &str) -> String {
    wait_until("a letter", || {
        let files = std::fs::read_dir(folder).unwrap();
        let mut texts = files.filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok());
        texts.find_map(|text| token(&text, path))
    })
}

#[test]
fn the_first_admin_sets_the_server_up() {
    let server = Server::empty(Settings::on(Backend::Sqlite).unwrap()).unwrap();
    let browser = Chromium::at(&server);
    // Whoever opens the server itself learns where to begin.
    browser.go("/");
    browser.sees("Nobody can log in yet");
    browser.go("/setup");
    browser.sees("Open the whole link");
    let link = format!("{}/setup#token={}", server.base(), token(&server.log(), "/setup").unwrap());
    browser.open(&link);
    browser.fill("[name=org]", "Acme <b>& Söhne</b>");
    assert_eq!(browser.run("return location.hash", &[]), "", "the token leaves the address");
    browser.is_fine("setup");
    browser.fill("[name=name]", "Ann Lee");
    browser.fill("[name=email]", "ann@example.com");
    browser.fill("[name=password]", "short");
    browser.press("Make the organization");
    browser.sees("15 characters or more, and at most");
    assert_eq!(browser.attribute("[name=password]", "aria-invalid").as_deref(), Some("true"));
    assert_eq!(browser.attribute("[name=password]", "value").as_deref(), Some(""));
    browser.is_fine("setup-refused");
    browser.fill("[name=password]", PASSWORD);
    browser.press("Make the organization");
    browser.wait("the overview", || (browser.path() == "/").then_some(()));
    assert_eq!(browser.text(".who .org"), "Acme <b>& Söhne</b>");
    assert_eq!(browser.count(".who b"), 0);
    // The link has served.
    let late = Chromium::at(&server);
    late.open(&link);
    for (field, text) in
        [("org", "Evil"), ("name", "Eve"), ("email", "eve@example.com"), ("password", PASSWORD)]
    {
        late.fill(&format!("[name={field}]"), text);
    }
    late.press("Make the organization");
    late.sees("this link is unknown, was used, or has expired");
}

#[test]
fn people_join_by_invitation_and_get_back_in_by_mail() {
    let folder = tempfile::tempdir().unwrap();
    let toml = format!(
        "[mail]\nrelay = \"file:{}\"\nfrom = \"Factotum <f@example.com>\"\n",
        folder.path().display()
    );
    let server = Server::start_with(Backend::Sqlite, &toml);
    let admin = Browser::of(&server, ADMIN);
    let invite = |email: &str| {
        admin
            .post("/api/v1/members/invitations", &serde_json::json!({"email": email, "roles": ["Viewer"]}))
            .expect(201)
    };
    let invited = invite("bob@example.com");
    assert!(invited["url"].as_str().unwrap().ends_with(&mailed(folder.path(), "/invitation")));

    let browser = Chromium::at(&server);
    browser.go("/invitation");
    browser.sees("Open the whole link of the invitation");
    browser.open(invited["url"].as_str().unwrap());
    browser.fill("[name=name]", "Bob");
    browser.is_fine("invitation");
    browser.press("Join");
    browser.sees("choose a password to log in with");
    assert_eq!(browser.run("return document.querySelector('[name=name]').value", &[]), "Bob");
    browser.fill("[name=password]", PASSWORD);
    browser.press("Join");
    browser.wait("the overview", || (browser.path() == "/").then_some(()));
    assert_eq!(browser.text(".who .name"), "Bob");
    browser.go("/settings/members");
    browser.sees("bob@example.com");
    assert_eq!(browser.count("form[action='/settings/members/invitations']"), 0, "a Viewer invites nobody");
    // A link works once.
    browser.open(invited["url"].as_str().unwrap());
    browser.fill("[name=name]", "Bob");
    browser.press("Join");
    browser.sees("this invitation is not known, or was used");

    // Whoever has forgotten the password gets a link, and the answer tells nobody whether there is somebody.
    let browser = Chromium::at(&server);
    browser.go("/login");
    browser.press("Forgotten your password?");
    browser.is_fine("password-reset");
    browser.fill("[name=email]", "nobody@example.com");
    browser.press("Send the link");
    browser.sees("Look into your mail");
    browser.go("/password-reset");
    browser.fill("[name=email]", "bob@example.com");
    browser.press("Send the link");
    browser.sees("Look into your mail");
    browser.go(&format!("/password-reset#token={}", mailed(folder.path(), "/password-reset")));
    browser.fill("[name=new]", "bob@example.com");
    browser.press("Set the password");
    browser.wait("the fault", || (browser.count("#new-fault") == 1).then_some(()));
    browser.is_fine("password-reset-refused");
    browser.fill("[name=new]", "nine blue kettles on a shelf");
    browser.press("Set the password");
    browser.sees("The password is set");
    Browser::at(server.base()).log_in("bob@example.com", PASSWORD).expect_problem(401, "log_in_failed");
    Browser::at(server.base()).log_in("bob@example.com", "nine blue kettles on a shelf").expect(200);
}
