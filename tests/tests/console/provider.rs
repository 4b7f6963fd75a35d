//! Log-in at an identity provider, in one browser that goes there and back.

use factotum_tests::identity_provider::Script;
use factotum_tests::server::ADMIN;
use factotum_tests::{Backend, IdentityProvider, Server, Settings};
use serde_json::json;

use crate::Chromium;

/// What a person does at the provider.
fn be(browser: &Chromium, subject: &str) {
    browser.fill("[name=login]", subject);
    browser.fill("[name=password]", "x");
    browser.click("button[type=submit]");
    // Then it asks whether this server may know.
    browser.click("form:not(:has([name=login])) button[type=submit]");
}

#[test]
fn people_come_in_by_the_provider_link_and_unlink() {
    let mut provider = IdentityProvider::start(Script::Certified, &json!({})).unwrap();
    for (subject, email, verified) in [
        ("ann", "ann@example.com", true),
        ("zoe", "zoe@elsewhere.example", true),
        ("adm", "adm@example.com", true),
        ("mallory", "mallory@evil.example", true),
    ] {
        provider.account(subject, email, verified).unwrap();
    }
    let settings = Settings { port: Some(provider.server_port()), ..Settings::on(Backend::Sqlite).unwrap() };
    let toml = provider.toml("allowed_domains = [\"example.com\"]\nlabel = \"Example ID\"");
    let server = Server::launch(settings.toml(&toml)).unwrap();

    let ann = Chromium::at(&server);
    ann.go("/settings/members");
    ann.is_fine("log-in-provider");
    ann.press("Example ID");
    be(&ann, "ann");
    ann.wait("the page she wanted", || (ann.path() == "/settings/members").then_some(()));
    assert_eq!(ann.text(".who .name"), "ann@example.com");
    ann.go("/account");
    ann.sees("You have none: you log in at the identity provider");
    ann.press("Unlink");
    ann.sees("your only way in");
    ann.is_fine("account-provider");

    // Invited, from another domain, without a password here.
    let asked = json!({"email": "zoe@elsewhere.example", "roles": ["Editor"]});
    let invited = server.api().post("/api/v1/members/invitations", &asked).expect(201);
    let zoe = Chromium::at(&server);
    zoe.open(invited["url"].as_str().unwrap());
    zoe.fill("[name=name]", "Zoë");
    zoe.press("Example ID");
    be(&zoe, "zoe");
    zoe.wait("the overview", || (zoe.path() == "/").then_some(()));
    assert_eq!(zoe.text(".who .name"), "Zoë");

    // Whoever is in already links an identity to themselves, and unlinks it.
    let admin = Chromium::of(&server, ADMIN);
    admin.go("/account");
    admin.press("Link an identity of Example ID");
    be(&admin, "adm");
    admin.sees("The identity is linked");
    admin.press("Unlink");
    admin.sees("The identity is unlinked");

    // Who is not let in reads a page that says why.
    let mallory = Chromium::at(&server);
    mallory.go("/login");
    mallory.press("Example ID");
    be(&mallory, "mallory");
    mallory.sees("may not join here; ask for an invitation");
    mallory.is_fine("provider-refused");
    mallory.go("/");
    assert!(mallory.path().starts_with("/login"), "{}", mallory.path());
}
