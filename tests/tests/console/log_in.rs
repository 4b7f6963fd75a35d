//! Logging in and out.

use factotum_tests::{Backend, Server};

use crate::{Chromium, Look};

const ADMIN: &str = "admin@example.com";

#[test]
fn a_person_logs_in_and_out() {
    let server = Server::start(Backend::Sqlite);
    let browser = Chromium::at(&server);
    browser.go("/settings/members");
    assert!(browser.path().starts_with("/login?next="), "{}", browser.path());
    browser.is_fine("log-in");
    browser.fill("[name=email]", ADMIN);
    browser.fill("[name=password]", "wrong");
    browser.click("main form button");
    browser.sees("e-mail address or password");
    browser.log_in(ADMIN);
    assert_eq!(browser.path(), "/");
    browser.is_fine("overview-empty");
    browser.click("details.who summary");
    browser.press("Log out");
    browser.go("/");
    assert!(browser.path().starts_with("/login"), "{}", browser.path());
}

#[test]
fn pages_can_be_read_without_scripts_in_the_dark_on_a_phone() {
    let server = Server::start(Backend::Sqlite);
    let browser =
        Chromium::with(&server, Look { size: (390, 844), dark: true, scripts: false, ..Look::default() });
    browser.log_in(ADMIN);
    browser.go("/settings/members");
    browser.sees("Members");
    browser.screenshot("members-phone-dark");
}
