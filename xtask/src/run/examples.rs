//! Deploying the three examples. What must hold: a second start changes nothing but where the report goes.

use factotum_tests::receiver::Receiver;
use factotum_tests::{Api, guest};
use serde_json::{Value, json};

/// Where the examples are reached.
pub struct Hooks {
    /// Takes orders.
    pub order_intake: String,
    /// Counts words.
    pub word_count: String,
    /// Counts words of mails.
    pub word_count_mail: String,
}

/// Uploads the plugins, makes workflows of them and gives each its trigger.
pub fn deploy(api: &Api, receiver: &Receiver) -> anyhow::Result<Hooks> {
    for name in ["order-intake", "order-report", "word-count"] {
        // A version is immutable: a changed example becomes a version of its own.
        let wasm = guest::wasm(name)?;
        let path = format!("/api/v1/plugins?name={name}&version={}", version_of(&wasm));
        let answer = api.post_bytes(&path, "application/wasm", &wasm);
        anyhow::ensure!(matches!(answer.status, 200 | 201), "uploading {name}: {}", answer.text());
        put_workflow(api, name, &version_of(&wasm), receiver)?;
    }
    let dedup = json!({"reply": "outcome", "dedup": {"header": "X-Delivery"}});
    trigger(api, "order-report", "schedule", &json!({"cron": "* * * * *"}))?;
    let mail = trigger(api, "word-count", "email", &json!({"name": "words", "authentication": "ignore"}))?;
    Ok(Hooks {
        word_count_mail: mail["address"].as_str().unwrap_or_default().to_owned(),
        order_intake: hook(api, "order-intake", &dedup)?,
        word_count: hook(api, "word-count", &json!({"reply": "outcome"}))?,
    })
}

fn put_workflow(api: &Api, name: &str, version: &str, receiver: &Receiver) -> anyhow::Result<()> {
    let mut spec = match name {
        "order-intake" => json!({"grants": ["kv:read:order-intake", "kv:write:order-intake"]}),
        "order-report" => json!({
            "grants": ["kv:read:order-intake", format!("http:request:127.0.0.1:{}", receiver.port())],
            "config": {"report_url": format!("{}/orders", receiver.base())},
            "retry": {"attempts": 5, "backoff_ms": 1_000},
        }),
        _ => json!({}),
    };
    spec["plugin"] = format!("{name}@{version}").into();
    let answer = api.put(&format!("/api/v1/workflows/{name}"), &spec);
    anyhow::ensure!(matches!(answer.status, 200 | 201), "deploying {name}: {}", answer.text());
    Ok(())
}

/// A version that stands for the content (FNV-1a): stable from build to build, other for other bytes.
fn version_of(wasm: &[u8]) -> String {
    let hash =
        wasm.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    format!("0.1.{hash}")
}

/// The trigger's object: one that is there, or a fresh one.
fn trigger(api: &Api, workflow: &str, kind: &str, config: &Value) -> anyhow::Result<Value> {
    let own = |trigger: &Value| {
        trigger["kind"] == kind
            && (trigger["workflow"] == workflow || trigger["workflow"]["name"] == workflow)
    };
    if let Some(there) = api.all("/api/v1/triggers").into_iter().find(own) {
        return Ok(there);
    }
    let answer = api.post("/api/v1/triggers", &json!({"workflow": workflow, "kind": kind, "config": config}));
    anyhow::ensure!(answer.status == 201, "the trigger of {workflow}: {}", answer.text());
    Ok(answer.json())
}

fn hook(api: &Api, workflow: &str, config: &Value) -> anyhow::Result<String> {
    let trigger = trigger(api, workflow, "webhook", config)?;
    let url = trigger["url"].as_str().unwrap_or_default();
    let start = url.find("/hooks/");
    anyhow::ensure!(start.is_some(), "the trigger of {workflow} shows no URL: {trigger}");
    // The port may be another than when the trigger was made.
    Ok(format!("{}{}", api.base(), &url[start.unwrap_or_default()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_for_the_content() {
        assert_eq!(version_of(b"a"), version_of(b"a"));
        assert_ne!(version_of(b"a"), version_of(b"b"));
        assert!(version_of(b"a").starts_with("0.1."));
    }
}
