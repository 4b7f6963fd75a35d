//! Webhooks in full, over HTTP: every preset, handshakes, CloudEvents, components written for HTTP, who may deliver, attacks, and a flood of repetitions through a crash. The long
//! forms: `cargo xtask soak hooks`.

mod admission;
mod attacks;
mod events;
mod handshakes;
mod http_components;
mod once;
mod presets;
mod tls;

use factotum_tests::{Answer, Server};
use serde_json::{Value, json};

/// A webhook of `echo`: its id and the path of its URL.
fn hook(server: &Server, config: &Value) -> (String, String) {
    let trigger = server.api().trigger("echo", "webhook", config);
    let url = trigger["url"].as_str().unwrap();
    (trigger["id"].as_str().unwrap().to_owned(), url[url.find("/hooks/").unwrap()..].to_owned())
}

fn post(server: &Server, path: &str, headers: &[(String, String)], body: &[u8]) -> Answer {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    server.stranger().send("POST", path, &headers, body).unwrap()
}

/// The reasons with which deliveries of a trigger were refused, as they are on record.
fn refusals(server: &Server, id: &str) -> Vec<String> {
    let entries = server.api().audit(&format!("trigger={id}&action=event.reject"));
    entries.iter().map(|entry| entry["reason"].as_str().unwrap_or_default().to_owned()).collect()
}

fn now() -> i64 {
    factotum_tests::unix_seconds(0)
}

fn config(preset: &str, secrets: &[&str]) -> Value {
    json!({"verify": {"preset": preset, "secrets": secrets}})
}
