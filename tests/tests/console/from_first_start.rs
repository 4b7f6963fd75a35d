//! The way of somebody who starts the server for the first time and reads no documentation: from the link in its log to a scheduled workflow, an
//! API key and the audit entry of its call. What must hold: each step is a link or a button that the page before shows; no address is typed.

use factotum_tests::{Api, Backend, Server, Settings, guest};
use serde_json::json;

use crate::Chromium;

const PASSWORD: &str = "seven green bottles on a wall";

#[test]
fn from_the_first_start_to_the_audit_entry_of_a_key() {
    let server = Server::empty(Settings::on(Backend::Sqlite).unwrap()).unwrap();
    let browser = Chromium::at(&server);
    let log = server.log();
    let (_, rest) = log.rsplit_once("/setup#token=").expect("the log shows where to begin");
    let token: String = rest.chars().take_while(|c| !c.is_whitespace()).collect();
    browser.open(&format!("{}/setup#token={token}", server.base()));
    browser.fill("[name=org]", "Acme");
    browser.fill("[name=name]", "Ann Lee");
    browser.fill("[name=email]", "ann@example.com");
    browser.fill("[name=password]", PASSWORD);
    browser.press("Make the organization");

    // The overview says what comes first.
    browser.sees("Nothing has run yet");
    browser.is_fine("overview-first");
    browser.press("Upload a component");
    browser.attach("[type=file]", &guest::path("echo").unwrap());
    browser.sees("factotum:workflow");
    browser.fill("[name=name]", "report");
    browser.press("Upload");
    browser.is_at("/plugins/report@1.0.0");

    // The plugin's page leads on to a workflow of it, and that to a first run.
    browser.press("Make a workflow of it");
    assert_eq!(browser.value("[name=plugin]"), "report@1.0.0");
    browser.fill("[name=name]", "nightly-report");
    browser.press("Make the workflow");
    browser.is_at("/workflows/nightly-report");
    browser.press("Run");
    browser.fill("[name=payload]", "{\"n\": 1}");
    browser.press("Run");
    browser.wait("the run", || browser.path().starts_with("/runs/run_").then_some(()));
    browser.sees("succeeded");

    // Back at the workflow, it gets its schedule.
    browser.click("main a[href='/workflows/nightly-report']");
    browser.is_at("/workflows/nightly-report");
    browser.press("Add a schedule");
    assert_eq!(browser.value("[name=workflow]"), "nightly-report");
    browser.fill("[name=cron]", "* * * * * *");
    browser.sees("+00:00");
    browser.press("Make the schedule");
    browser.wait("the schedule", || browser.path().starts_with("/triggers/trg_").then_some(()));
    browser.press("Its runs");
    browser.wait("a run of the schedule", || {
        (browser.count("#rows tr") > 0 && browser.text("#rows").contains("succeeded")).then_some(())
    });
    browser.sees("Base Service Account");

    // A key, from the menu; what it needs is a click.
    browser.press("Settings");
    browser.press("API keys");
    browser.press("New key");
    browser.fill("#nickname", "laptop");
    browser.choose("#workflow", "nightly-report");
    browser.press("Tick what it needs");
    browser.sees("The key can do nothing else");
    assert_eq!(browser.value("#nickname"), "laptop", "what was typed stays");
    browser.press("Make the key");
    browser.sees("It is shown this once");
    let program = Api::at(server.base(), Some(&browser.text("#secret")));
    assert_eq!(program.run("nightly-report", &json!({"n": 2}))["state"], "succeeded");

    // Who did that? The trail answers, one click from the menu.
    browser.press("Audit");
    browser.press("Automated and API activity");
    browser.wait("the entry of its call", || {
        let rows = browser.text("main");
        (rows.contains("workflow.run") && rows.contains("laptop")).then_some(())
    });
    let leads = browser.run(
        "const row = [...document.querySelectorAll('main tr')].find(row => row.textContent.includes('laptop') && row.textContent.includes('workflow.run')); \
         return row.querySelector('a').getAttribute('href')",
        &[],
    );
    browser.click(&format!("main a[href='{}']", leads.as_str().unwrap()));
    browser.wait("the entry", || browser.path().starts_with("/audit/aud_").then_some(()));
    browser.sees("laptop");
    browser.is_fine("audit-entry-of-a-key");
}
