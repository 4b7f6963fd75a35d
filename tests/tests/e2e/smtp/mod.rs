//! Mail by SMTP, over real sockets and by real programs.

mod addresses;
mod corpus;
mod crash;
mod limits;
mod messages;
mod programs;
mod smuggling;
mod trials;

use factotum_tests::{Api, Backend, Server, Settings, wait_until};
use serde_json::{Value, json};

/// A server that takes mail, with the workflow `echo`.
fn server(backend: Backend, toml: &str) -> Server {
    let settings = Settings::on(backend).and_then(Settings::with_smtp).unwrap();
    let server = Server::launch(settings.toml(toml)).unwrap();
    server.api().deploy("echo", &[]);
    server
}

/// A new trigger: its id and its address.
fn mailbox(api: &Api, config: &Value) -> (String, String) {
    let trigger = api.trigger("echo", "email", config);
    let text = |name: &str| trigger[name].as_str().unwrap().to_owned();
    (text("id"), text("address"))
}

/// One that takes mail from anybody, and asks no name server about them.
fn orders(api: &Api) -> (String, String) {
    mailbox(api, &json!({"name": "orders", "authentication": "ignore"}))
}

/// A mail with this subject and text.
fn letter(subject: &str, text: &str) -> Vec<u8> {
    format!("From: jane@example.com\r\nTo: orders@localhost\r\nSubject: {subject}\r\n\r\n{text}\r\n")
        .into_bytes()
}

/// The runs of a trigger, once there are so many.
fn runs(api: &Api, trigger: &str, count: usize) -> Vec<Value> {
    wait_until(&format!("{count} runs"), || {
        let runs = api.all(&format!("/api/v1/runs?trigger={trigger}"));
        (runs.len() >= count).then_some(runs)
    })
}

/// The raw bytes of a run's event.
fn raw(api: &Api, run: &Value) -> Vec<u8> {
    api.get(&format!("/api/v1/events/{}/raw", crate::ledger::text(&run["event"]))).body
}
