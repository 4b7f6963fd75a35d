//! Making a mail address, showing it to those who may see it, giving it another token.

use factotum_tests::{Backend, Server, Settings, Smtp};

use crate::Chromium;
use crate::flows::ADMIN;

#[test]
fn a_mail_address_is_made_copied_written_to_and_made_anew() {
    let settings = Settings::on(Backend::Sqlite).and_then(Settings::with_smtp).unwrap();
    let server = Server::launch(settings).unwrap();
    server.api().deploy("echo", &[]);
    let browser = Chromium::of(&server, ADMIN);
    browser.go("/triggers");
    browser.press("New mail address");
    browser.fill("[name=workflow]", "echo");
    browser.fill("[name=name]", "or ders");
    browser.fill("[name=allow_senders]", "example.com\njane@example.org");
    browser.press("Make the address");
    browser.sees("what the address begins with");
    assert_eq!(
        browser.value("[name=allow_senders]"),
        "example.com\njane@example.org",
        "what was typed stays"
    );
    browser.is_fine("mail-address-refused");
    browser.fill("[name=name]", "orders");
    browser.fill("[name=allow_senders]", "");
    browser.choose("[name=authentication]", "ignore");
    browser.press("Make the address");
    browser.wait("the address", || browser.path().starts_with("/triggers/trg_").then_some(()));
    let (trigger, address) = (browser.path(), browser.text("#address"));
    assert!(address.starts_with("orders+") && address.ends_with("@localhost"), "{address}");
    browser.is_fine("mail-address");
    let mail = b"Subject: hello\r\n\r\nhi\r\n";
    let mut smtp = Smtp::greeted(server.smtp_port()).unwrap();
    assert_eq!(smtp.deliver("jane@example.com", &address, mail).unwrap().code, 250);
    browser.wait("the count", || {
        browser.go(&browser.path());
        browser.text("main").contains("1 taken").then_some(())
    });
    browser.fill("[name=body]", "is anybody there?");
    browser.press("Send a test mail");
    browser.sees("The mail was taken");
    browser.is_fine("mail-tested");
    browser.press("To the run that it started");
    browser.wait("its run", || browser.path().starts_with("/runs/run_").then_some(()));
    browser.sees("succeeded");
    browser.go(&trigger);
    browser.press("Regenerate the address");
    browser.click("form[action$=regenerate] button");
    browser.sees("This is the new address");
    assert_ne!(browser.text("#address"), address);
    assert!(smtp.deliver("jane@example.com", &address, mail).is_err(), "the old one is refused");
    browser.press("Pause");
    browser.sees("Mail is refused with 450");
    browser.press("Edit");
    browser.click("[name=dispatch_automatic]");
    browser.press("Save");
    browser.sees("starts the workflow too");
    browser.go("/triggers");
    browser.sees("mail to orders+");
    assert!(!browser.text("main").contains('@'), "no address in the list");
}
