//! Handshakes: how senders ask, before they deliver, whether an address expects them. What must hold: only that of the configured preset is answered;
//! it starts nothing and stores nothing; what it repeats is plain text that no browser runs.

use factotum_model::trigger::{Format, VerifyPreset, WebhookConfig};
use factotum_model::{Digest, Redacted};
use http::{HeaderMap, Method};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use crate::answer::Answer;
use crate::request::Delivery;

/// The longest text that is repeated, in bytes.
pub const MAX_CHALLENGE_BYTES: usize = 4_096;

/// Why a handshake is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The verify token is not the configured one.
    #[error("the handshake's `hub.verify_token` is not the one that is configured")]
    Token,
    /// There is nothing to repeat, or too much.
    #[error("the handshake's challenge is missing or longer than {MAX_CHALLENGE_BYTES} bytes")]
    Challenge,
    /// The origin is not one that is configured.
    #[error("deliveries from the `WebHook-Request-Origin` that asked are not welcome")]
    Origin,
}

/// Which handshake a request of this method would be, as the audit trail has it: code and words.
pub fn kind(config: &WebhookConfig, method: &Method) -> (&'static str, &'static str) {
    match config.verify.preset {
        _ if *method == Method::OPTIONS => {
            ("cloud_events_origin", "the origin that asked may send its CloudEvents here")
        }
        VerifyPreset::Meta => {
            ("meta_subscription", "`hub.challenge` was answered: the verify token was right")
        }
        VerifyPreset::Graph => {
            ("graph_validation", "`validationToken` was answered: whoever knows the address can ask")
        }
        _ => ("slack_url_verification", "`url_verification` was answered: it was signed"),
    }
}

/// The answer to a handshake that needs no body; none if the request is no such handshake.
pub fn before_the_body(
    config: &WebhookConfig,
    delivery: &Delivery,
) -> Result<Option<Answer>, HandshakeError> {
    match (config.verify.preset, &delivery.method) {
        (VerifyPreset::Meta, &Method::GET) => {
            meta(&delivery.query, config.verify.verify_token.as_ref()).map(Some)
        }
        // <https://learn.microsoft.com/graph/change-notifications-delivery-webhooks>: a POST without anything but its query.
        (VerifyPreset::Graph, &Method::POST) => match field(&delivery.query, "validationToken") {
            Some(token) => challenge(token).map(Some),
            None => Ok(None),
        },
        (_, &Method::OPTIONS) if config.format == Format::CloudEvents => {
            origin(config, &delivery.headers).map(Some)
        }
        _ => Ok(None),
    }
}

/// The answer to Slack's `url_verification`, which is signed like every request of Slack's.
pub fn after_verification(config: &WebhookConfig, body: &[u8]) -> Result<Option<Answer>, HandshakeError> {
    #[derive(Deserialize)]
    struct Event {
        #[serde(rename = "type")]
        kind: String,
        challenge: Option<String>,
    }
    if config.verify.preset != VerifyPreset::Slack {
        return Ok(None);
    }
    match serde_json::from_slice::<Event>(body) {
        Ok(event) if event.kind == "url_verification" => {
            challenge(event.challenge.unwrap_or_default()).map(Some)
        }
        _ => Ok(None),
    }
}

fn field(query: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes()).find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}

fn meta(query: &str, token: Option<&Redacted>) -> Result<Answer, HandshakeError> {
    let sent = field(query, "hub.verify_token").unwrap_or_default();
    let fits = token.is_some_and(|token| {
        // Digests, so that neither content nor length shows in the time.
        Digest::of(token.expose().as_bytes()).0.ct_eq(&Digest::of(sent.as_bytes()).0).into()
    });
    if !fits || field(query, "hub.mode").as_deref() != Some("subscribe") {
        return Err(HandshakeError::Token);
    }
    challenge(field(query, "hub.challenge").unwrap_or_default())
}

fn challenge(text: String) -> Result<Answer, HandshakeError> {
    if text.is_empty() || text.len() > MAX_CHALLENGE_BYTES {
        return Err(HandshakeError::Challenge);
    }
    Ok(Answer::text(text))
}

/// CloudEvents HTTP 1.1 Web Hooks §4: validation of an address.
fn origin(config: &WebhookConfig, headers: &HeaderMap) -> Result<Answer, HandshakeError> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    let origin = text("webhook-request-origin").filter(|o| !o.is_empty()).ok_or(HandshakeError::Origin)?;
    let welcome =
        config.origins.is_empty() || config.origins.iter().any(|own| own.eq_ignore_ascii_case(origin));
    if !welcome {
        return Err(HandshakeError::Origin);
    }
    let asked = text("webhook-request-rate").and_then(|rate| rate.parse::<u32>().ok());
    let ours = config.rate.map(|rate| rate.per_minute);
    let rate = match (asked, ours) {
        (Some(asked), Some(ours)) => asked.min(ours).to_string(),
        (None, Some(one)) | (Some(one), None) => one.to_string(),
        (None, None) => "*".to_owned(),
    };
    Ok(Answer::welcome(origin, &rate, &config.methods))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(value: serde_json::Value) -> WebhookConfig {
        serde_json::from_value(value).unwrap()
    }

    fn asked(method: Method, query: &str) -> Delivery {
        Delivery {
            method,
            url: Redacted::new("https://hooks.example/hooks/x".into()),
            path: String::new(),
            query: query.into(),
            headers: HeaderMap::new(),
            certificate: None,
        }
    }

    #[test]
    fn meta_is_answered_only_with_the_token() {
        let meta = config(
            json!({"verify": {"preset": "meta", "secrets": ["app-secret"], "verify_token": "a-token"}}),
        );
        let ask = |query: &str| before_the_body(&meta, &asked(Method::GET, query));
        let fine = "hub.mode=subscribe&hub.challenge=11%2022&hub.verify_token=a-token";
        assert_eq!(ask(fine).unwrap().unwrap().body, "11 22");
        assert_eq!(ask(&fine.replace("a-token", "another")), Err(HandshakeError::Token));
        assert_eq!(ask(&fine.replace("subscribe", "unsubscribe")), Err(HandshakeError::Token));
        assert_eq!(ask("hub.mode=subscribe&hub.verify_token=a-token"), Err(HandshakeError::Challenge));
        assert_eq!(ask(""), Err(HandshakeError::Token));
        assert_eq!(before_the_body(&meta, &asked(Method::POST, fine)), Ok(None));
        let github = config(json!({"verify": {"preset": "github", "secrets": ["app-secret"]}}));
        assert_eq!(before_the_body(&github, &asked(Method::GET, fine)), Ok(None), "another preset");
    }

    #[test]
    fn graph_is_answered_with_what_it_sent_and_within_bounds() {
        let graph = config(json!({"verify": {"preset": "graph", "secrets": ["client-state"]}}));
        let ask = |query: &str| before_the_body(&graph, &asked(Method::POST, query));
        let answer = ask("validationToken=Validation%3A+%3Cb%3E").unwrap().unwrap();
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"Validation: <b>"[..]));
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(answer.headers["content-security-policy"], "sandbox");
        assert_eq!(ask(""), Ok(None));
        assert_eq!(ask("validationToken="), Err(HandshakeError::Challenge));
        let long = format!("validationToken={}", "x".repeat(MAX_CHALLENGE_BYTES + 1));
        assert_eq!(ask(&long), Err(HandshakeError::Challenge));
    }

    #[test]
    fn slack_is_answered_after_its_signature() {
        let slack = config(json!({"verify": {"preset": "slack", "secrets": ["s"]}}));
        let body = br#"{"type": "url_verification", "challenge": "3eZb", "token": "x"}"#;
        assert_eq!(after_verification(&slack, body).unwrap().unwrap().body, "3eZb");
        assert_eq!(after_verification(&slack, br#"{"type": "event_callback"}"#), Ok(None));
        assert_eq!(
            after_verification(&slack, br#"{"type": "url_verification"}"#),
            Err(HandshakeError::Challenge)
        );
        assert_eq!(after_verification(&config(json!({})), body), Ok(None));
    }

    #[test]
    fn cloud_events_are_welcome_from_configured_origins_at_the_configured_rate() {
        let ask = |config: &WebhookConfig, origin: &str, rate: &str| {
            let mut delivery = asked(Method::OPTIONS, "");
            delivery.headers.insert("webhook-request-origin", origin.parse().unwrap());
            delivery.headers.insert("webhook-request-rate", rate.parse().unwrap());
            before_the_body(config, &delivery)
        };
        let open = config(json!({"format": "cloudevents", "methods": ["POST"]}));
        let answer = ask(&open, "events.example", "120").unwrap().unwrap();
        assert_eq!(answer.headers["webhook-allowed-origin"], "events.example");
        assert_eq!(
            (&answer.headers["webhook-allowed-rate"], &answer.headers["allow"]),
            (&"120".parse().unwrap(), &"POST".parse().unwrap())
        );
        let closed = json!({"format": "cloudevents", "origins": ["events.example"], "rate": {"per_minute": 60, "burst": 5}});
        let closed = config(closed);
        assert_eq!(
            ask(&closed, "Events.Example", "120").unwrap().unwrap().headers["webhook-allowed-rate"],
            "60"
        );
        assert_eq!(ask(&closed, "evil.example", "120"), Err(HandshakeError::Origin));
        assert_eq!(before_the_body(&open, &asked(Method::OPTIONS, "")), Err(HandshakeError::Origin));
        assert_eq!(ask(&config(json!({})), "events.example", "1"), Ok(None), "not configured");
    }
}
