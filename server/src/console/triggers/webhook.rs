//! A webhook in words: how its sender proves itself, and what is set. What must hold: what protects it, and what does not, is said as it is.

use factotum_model::trigger::VerifyPreset;
use factotum_webhook::preset;

use super::form::Typed;
use crate::console::plugins::grouped;

/// How a sender proves itself, for a list.
pub(super) fn proof(chosen: &str, header: &str) -> String {
    match VerifyPreset::from_word(chosen).unwrap_or_default() {
        VerifyPreset::None => "not signed".to_owned(),
        VerifyPreset::Hmac => format!("signed in {header}"),
        VerifyPreset::Standard => "Standard Webhooks".to_owned(),
        VerifyPreset::Github => "GitHub".to_owned(),
        VerifyPreset::Stripe => "Stripe".to_owned(),
        VerifyPreset::Slack => "Slack".to_owned(),
        VerifyPreset::Shopify => "Shopify".to_owned(),
        VerifyPreset::Twilio => "Twilio".to_owned(),
        VerifyPreset::Meta => "Meta".to_owned(),
        VerifyPreset::Graph => "Microsoft Graph".to_owned(),
        VerifyPreset::Basic => "name and password".to_owned(),
        VerifyPreset::Bearer => "bearer token".to_owned(),
    }
}

/// What is set, in words.
pub(super) fn facts(typed: &Typed) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Answers", reply(typed))];
    if typed.get("format") == "cloudevents" {
        facts.push(("Takes", "CloudEvents: each event is a run of its own, of a batch too".to_owned()));
        let origins = typed.lines("origins").replace('\n', ", ");
        let origins = if origins.is_empty() { "anybody".to_owned() } else { origins };
        facts.push(("May ask whether events are welcome", origins));
    }
    verify(typed, &mut facts);
    for (name, field) in [
        ("Only from these networks", "allowed_networks"),
        ("Only with these client certificates", "client_certificates"),
    ] {
        let listed = typed.lines(field).replace('\n', ", ");
        if !listed.is_empty() {
            facts.push((name, listed));
        }
    }
    facts.push(("Repeated deliveries", dedup(typed)));
    if !typed.get("rate.per_minute").is_empty() {
        let (minute, burst) = (typed.get("rate.per_minute"), typed.get("rate.burst"));
        facts.push(("Rate", format!("{minute} a minute, {burst} at once")));
    }
    let taken = super::edit::methods();
    let taken: Vec<_> = taken.into_iter().filter(|method| typed.has("methods", method)).collect();
    facts.push(("Methods", taken.join(", ")));
    let most = typed.get("max_body_bytes").parse().map(grouped).unwrap_or_default();
    facts.push(("Largest body", format!("{most} bytes")));
    facts
}

fn or<'t>(typed: &'t Typed, name: &str, default: &'t str) -> &'t str {
    Some(typed.get(name)).filter(|text| !text.is_empty()).unwrap_or(default)
}

fn reply(typed: &Typed) -> String {
    match typed.get("reply") {
        "outcome" => format!(
            "the workflow's answer, or after {} ms that it is accepted",
            typed.get("reply_timeout_ms")
        ),
        "fixed" => {
            let kind = or(typed, "fixed.content_type", "text/plain; charset=utf-8");
            let bytes = typed.get("fixed.body").len();
            format!("always {} with {bytes} bytes of {kind}", or(typed, "fixed.status", "200"))
        }
        _ => "that it is accepted, with the run's id".to_owned(),
    }
}

fn verify(typed: &Typed, facts: &mut Vec<(&'static str, String)>) {
    let chosen = VerifyPreset::from_word(typed.get("verify.preset")).unwrap_or_default();
    let fresh = |at: &str| format!("{at}, at most {} s from now", or(typed, "verify.tolerance_s", "300"));
    match chosen {
        VerifyPreset::None => {
            facts.push(("Signature", "none: who has the URL can start the workflow".to_owned()));
            return;
        }
        VerifyPreset::Hmac => {
            let prefix = typed.get("verify.prefix");
            let after = if prefix.is_empty() { String::new() } else { format!(" after {prefix}") };
            let (algorithm, how) =
                (or(typed, "verify.algorithm", "sha256"), or(typed, "verify.encoding", "hex"));
            let signature = format!("HMAC {algorithm}, {how}, in {}{after}", typed.get("verify.header"));
            facts.push(("Signature", signature));
            let time = typed.get("verify.timestamp_header");
            let words = "not asked for: a delivery that somebody copied can be sent again";
            facts.push(("Time of signing", if time.is_empty() { words.to_owned() } else { fresh(time) }));
        }
        other => facts.push(("Proof", format!("as {} has it", proof(other.as_str(), "")))),
    }
    match chosen {
        VerifyPreset::Standard | VerifyPreset::Stripe | VerifyPreset::Slack => {
            facts.push(("Time of signing", fresh("signed too")));
        }
        VerifyPreset::Twilio => {
            facts.push(("Called at", or(typed, "verify.public_url", "this URL").to_owned()));
        }
        _ => {}
    }
    facts.push(("Secret", "stored encrypted, and never shown".to_owned()));
}

fn dedup(typed: &Typed) -> String {
    let days = or(typed, "dedup.window_days", "7");
    let (header, pointer) = (typed.get("dedup.header"), typed.get("dedup.pointer"));
    let chosen = VerifyPreset::from_word(typed.get("verify.preset")).unwrap_or_default();
    match typed.get("dedup.by") {
        "none" => "each delivery is new".to_owned(),
        "body" => format!("the body's bytes name a delivery, for {days} days"),
        _ if !header.is_empty() => format!("{header} names a delivery, for {days} days"),
        _ if !pointer.is_empty() => format!("{pointer} in the body names a delivery, for {days} days"),
        _ if typed.get("format") == "cloudevents" => {
            format!("source and id name an event, for {days} days")
        }
        _ => match preset::name_words(chosen) {
            Some(name) => format!("{name} names a delivery, for {days} days"),
            None => "each delivery is new".to_owned(),
        },
    }
}
