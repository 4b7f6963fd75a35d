//! Logging in and out.

use factotum_tests::server::ADMIN;
use factotum_tests::{Backend, Server};

use crate::{Chromium, Look};

#[test]
fn a_person_logs_in_and_out() {
    let server = Server::start(Backend::Sqlite);
    let browser = Chromium::at(&server);
    browser.go("/settings/members?service=true");
    assert!(browser.path().starts_with("/login?next="), "{}", browser.path());
    browser.is_fine("log-in");
    // An error stays on the page, with the address, without the password.
    browser.fill("[name=email]", ADMIN);
    browser.fill("[name=password]", "wrong");
    browser.click("main form button");
    browser.sees("do not fit together");
    browser.is_fine("log-in-refused");
    assert_eq!(browser.run("return document.querySelector('[name=email]').value", &[]), ADMIN);
    assert_eq!(browser.run("return document.querySelector('[name=password]').value", &[]), "");
    // It leads back to where they wanted to go.
    browser.fill("[name=password]", factotum_tests::browser::PASSWORD);
    browser.click("main form button");
    browser.sees("Show service members");
    assert_eq!(browser.path(), "/settings/members?service=true");
    let cookies = browser.cookies();
    let session = cookies.iter().find(|cookie| cookie.name() == factotum_tests::browser::COOKIE).unwrap();
    assert_eq!((session.secure(), session.http_only(), session.path()), (Some(true), Some(true), Some("/")));
    assert_eq!(session.same_site().map(|s| s.to_string()).as_deref(), Some("Lax"));
    assert_eq!(browser.run("return document.cookie", &[]), "");

    browser.click("details.who summary");
    browser.press("Log out");
    browser.sees("You are logged out");
    browser.go("/");
    assert!(browser.path().starts_with("/login"), "{}", browser.path());
    // Never to another server, whatever the link says.
    for evil in ["//evil.example/x", "/%5Cevil.example", "https://evil.example", "%09//evil.example"] {
        browser.go(&format!("/login?next={evil}"));
        assert_eq!(browser.run("return document.querySelector('[name=next]').value", &[]), "/", "{evil}");
    }
    // By the keyboard alone.
    browser.go("/login");
    browser.keys(&format!("{ADMIN}\u{e004}{}\u{e007}", factotum_tests::browser::PASSWORD));
    browser.wait("the overview", || (browser.path() == "/").then_some(()));
}

#[test]
fn pages_can_be_read_without_scripts_in_the_dark_on_a_phone() {
    let server = Server::start(Backend::Sqlite);
    let look = Look { size: (390, 844), dark: true, scripts: false, ..Look::default() };
    let browser = Chromium::with(&server, look);
    browser.log_in(ADMIN);
    browser.go("/settings/members");
    // The toggle has a button where no script sends it.
    browser.click("[name=service]");
    browser.press("Show");
    browser.sees("Base Service Account");
    browser.screenshot("members-phone-dark");
    browser.go("/settings/api-keys/new");
    browser.fill("[name=nickname]", "phone");
    browser.click("[value='runs:read']");
    browser.press("Make the key");
    browser.sees("This is the key");
    browser.screenshot("api-key-made-phone-dark");
    browser.go("/account");
    browser.screenshot("account-phone-dark");
}
