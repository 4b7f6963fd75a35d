//! A person's own account: password, second factor, sessions; and the other organizations of theirs.

use std::time::{SystemTime, UNIX_EPOCH};

use factotum_tests::browser::PASSWORD;
use factotum_tests::server::ADMIN;
use factotum_tests::{Backend, Browser, Server};
use totp_rs::{Builder, Secret};

use crate::Chromium;

const STEP_S: u64 = 30;
const FRESH: &str = "nine blue kettles on a shelf";

/// What an authenticator shows, so many steps from now.
#[expect(clippy::disallowed_methods, reason = "an authenticator has a clock of its own")]
fn code(secret: &str, ahead: u64) -> String {
    let step = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / STEP_S;
    let secret = Secret::try_from_base32(secret).unwrap();
    Builder::new().with_secret(secret).build().unwrap().generate((step + ahead) * STEP_S).to_string()
}

fn log_in(browser: &Chromium, password: &str) {
    browser.go("/login");
    browser.fill("[name=email]", ADMIN);
    browser.fill("[name=password]", password);
    browser.press("Log in");
}

#[test]
fn a_person_changes_the_password_and_ends_sessions() {
    let server = Server::start(Backend::Sqlite);
    server.bootstrap("Zweite", ADMIN).unwrap();
    let elsewhere = [Browser::of(&server, ADMIN), Browser::of(&server, ADMIN)];
    let browser = Chromium::of(&server, ADMIN);
    browser.click("details.who summary");
    browser.press("Your account");
    browser.sees("Sessions");
    assert_eq!(browser.count("tr[data-this]"), 1);
    assert!(browser.text("tr[data-this]").contains("this one"));
    assert_eq!(browser.count("tr[data-this] button"), 0);
    assert_eq!(browser.count("tbody form[action$='/end']"), 2);
    browser.is_fine("account");
    browser.click("tbody form[action$='/end'] button");
    browser.sees("The session has ended");
    let alive = |browser: &Browser| browser.get("/api/v1/me").status == 200;
    assert_eq!(elsewhere.iter().filter(|one| alive(one)).count(), 1);
    browser.press("End all others");
    browser.sees("Your other sessions have ended");
    assert_eq!(elsewhere.iter().filter(|one| alive(one)).count(), 0);

    let elsewhere = Browser::of(&server, ADMIN);
    browser.press("Change your password");
    browser.fill("[name=current]", "not this one");
    browser.fill("[name=new]", FRESH);
    browser.press("Change the password");
    browser.sees("this is not your current password");
    assert_eq!(browser.attribute("[name=current]", "aria-invalid").as_deref(), Some("true"));
    browser.is_fine("account-refused");
    browser.fill("[name=current]", PASSWORD);
    browser.fill("[name=new]", "too short");
    browser.press("Change the password");
    browser.wait("the fault", || (browser.count("#new-fault") == 1).then_some(()));
    browser.fill("[name=current]", PASSWORD);
    browser.fill("[name=new]", FRESH);
    browser.press("Change the password");
    browser.sees("Your password is changed");
    assert!(!alive(&elsewhere), "the other session has ended");
    Browser::at(server.base()).log_in(ADMIN, PASSWORD).expect_problem(401, "log_in_failed");

    // Over to the other organization, and back.
    let org = browser.text(".who .org");
    let other = if org == "Test" { "Zweite" } else { "Test" };
    browser.click("details.who summary");
    browser.screenshot("organizations");
    browser.press(&format!("Go over to {other}"));
    browser.wait("the other organization", || (browser.text(".who .org") == other).then_some(()));
    browser.click("details.who summary");
    browser.press(&format!("Go over to {org}"));
    browser.wait("the first organization", || (browser.text(".who .org") == org).then_some(()));
}

#[test]
fn a_person_sets_up_uses_and_removes_a_second_factor() {
    let server = Server::start(Backend::Sqlite);
    let browser = Chromium::of(&server, ADMIN);
    browser.go("/account");
    browser.press("Set up a second factor");
    browser.fill("#factor-password", PASSWORD);
    browser.press("Begin");
    browser.sees("Scan this with your authenticator app");
    browser.is_fine("second-factor");
    let secret = browser.text("#secret").replace(' ', "");
    let uri = browser.attribute("a[href^='otpauth:']", "href").unwrap();
    assert!(uri.contains(&secret) && uri.contains("admin%40example.com"), "{uri}");
    let side: usize =
        browser.attribute(".qr", "viewBox").unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert_eq!(scanned(side, &browser.attribute(".qr path", "d").unwrap()), uri);
    browser.fill("[name=code]", "12345");
    browser.press("Turn it on");
    browser.sees("this is not the code of now");
    assert_eq!(browser.count("#secret"), 0, "it is shown once");
    browser.fill("[name=code]", &code(&secret, 0));
    browser.press("Turn it on");
    browser.sees("Your second factor is on");
    browser.is_fine("recovery-codes");
    let codes: Vec<String> = browser.text("#codes").split_whitespace().map(str::to_owned).collect();
    assert_eq!(codes.len(), 10, "{codes:?}");
    browser.press("I have kept them");
    browser.sees("10 recovery codes are left");
    browser.is_fine("account-second-factor");

    // Each log-in asks for a code now: first the password alone, then both.
    let other = Chromium::at(&server);
    log_in(&other, PASSWORD);
    other.sees("a code of your second factor");
    other.is_fine("log-in-code");
    other.fill("[name=password]", PASSWORD);
    other.fill("[name=code]", "000000");
    other.press("Log in");
    other.sees("This code is not the one of now");
    other.fill("[name=password]", PASSWORD);
    other.fill("[name=code]", &codes[0].to_lowercase());
    other.press("Log in");
    other.wait("the overview", || (other.path() == "/").then_some(()));
    other.go("/account");
    other.sees("9 recovery codes are left");

    browser.press("Remove the second factor");
    browser.fill("#remove-password", PASSWORD);
    browser.fill("#remove-code", &codes[0]);
    browser.press("Remove it");
    browser.sees("This is not a code of now, or it was used before");
    browser.fill("#remove-password", PASSWORD);
    browser.fill("#remove-code", &codes[1]);
    browser.press("Remove it");
    browser.sees("Your second factor is removed");
    Browser::of(&server, ADMIN);
}

/// What a reader of another make sees in a picture of `side` modules with these dark ones.
fn scanned(side: usize, path: &str) -> String {
    const SCALE: usize = 4;
    let mut dark = vec![false; side * side];
    for run in path.split('M').skip(1) {
        let numbers: Vec<usize> =
            run.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
        let start = numbers[1] * side + numbers[0];
        dark[start..start + numbers[2]].fill(true);
    }
    let shade = |x: usize, y: usize| if dark[y / SCALE * side + x / SCALE] { 0 } else { 255 };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side * SCALE, side * SCALE, shade);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1, "one code is in it");
    grids[0].decode().unwrap().1
}
