//! What of a webhook's form counts: without scripts all of its fields are there, whatever is chosen. What must hold: a field that the choices leave no room
//! for is not sent, but a secret always is: who gives one expects it to be used, and is told where it is not.

use factotum_model::trigger::VerifyPreset;
use factotum_webhook::preset;
use serde_json::{Map, Value};

/// Keeps the fields of the chosen preset, answer, format and name.
pub(super) fn keep(config: &mut Map<String, Value>) {
    let word = |config: &Map<String, Value>, outer: &str, inner: &str| {
        config.get(outer).and_then(|o| o.get(inner)).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    if let Some(chosen) = VerifyPreset::from_word(&word(config, "verify", "preset"))
        && let Some(verify) = config.get_mut("verify").and_then(Value::as_object_mut)
    {
        let taken = preset::fields(chosen);
        verify.retain(|name, _| {
            let path = format!("verify.{name}");
            matches!(name.as_str(), "preset" | "secrets" | "verify_token")
                || taken.iter().any(|field| field.name() == path)
        });
    }
    if config.get("reply").is_none_or(|reply| reply != "fixed") {
        config.remove("fixed");
    }
    if config.get("format").is_none_or(|format| format != "cloudevents") {
        config.remove("origins");
    }
    let by = word(config, "dedup", "by");
    if let Some(dedup) = config.get_mut("dedup").and_then(Value::as_object_mut) {
        let other = |own: &str| !by.is_empty() && by != own;
        if other("header") {
            dedup.remove("header");
        }
        if other("pointer") {
            dedup.remove("pointer");
        }
    }
}
