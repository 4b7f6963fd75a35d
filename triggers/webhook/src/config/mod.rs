//! A webhook's configuration as the API takes it. What must hold: whatever is stored can be worked with; whatever is refused
//! names the field of `config`; a secret is never repeated in an error; settings that look like a protection and are
//! none are refused.

mod reply;
mod verify;

use factotum_model::trigger::{DedupBy, Format, MAX_BODY_BYTES, MAX_RATE, MAX_REPLY_MS, WebhookConfig};
use http::HeaderName;
use serde_json::Value;

use crate::{admit, preset};

/// The most secrets valid at a time.
pub const MAX_SECRETS: usize = 8;
/// The shortest secret, in bytes: shorter ones can be guessed.
pub const MIN_SECRET_BYTES: usize = 8;
/// The longest secret, in bytes.
pub const MAX_SECRET_BYTES: usize = 1_024;
/// The longest prefix of a signature, in bytes.
pub const MAX_PREFIX_BYTES: usize = 64;
/// The longest tolerance, in seconds: a day.
pub const MAX_TOLERANCE_S: u32 = 86_400;
/// The longest time that a delivery's name is remembered, in days.
pub const MAX_WINDOW_DAYS: u32 = 90;
/// The longest JSON pointer, in bytes.
pub const MAX_POINTER_BYTES: usize = 256;
/// The most networks, certificates, origins.
pub const MAX_LISTED: usize = 50;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What is wrong with a configuration, and in which field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("config.{field}: {problem}")]
pub struct ConfigError {
    /// The field within `config`: `verify.header`.
    pub field: String,
    /// What is wrong there, and what to do.
    pub problem: String,
}

pub(super) fn refuse<T>(field: &str, problem: impl ToString) -> Result<T, ConfigError> {
    Err(ConfigError { field: field.to_owned(), problem: problem.to_string() })
}

/// Checks a configuration when a trigger is created or changed.
pub fn check_config(config: &Value) -> Result<WebhookConfig, ConfigError> {
    let config = parse(config)?;
    if !(1..=MAX_REPLY_MS).contains(&config.reply_timeout_ms) {
        return refuse("reply_timeout_ms", format!("between 1 and {MAX_REPLY_MS} milliseconds"));
    }
    if !(1..=MAX_BODY_BYTES).contains(&config.max_body_bytes) {
        return refuse("max_body_bytes", format!("between 1 and {MAX_BODY_BYTES} bytes"));
    }
    if config.methods.is_empty() {
        return refuse("methods", "name at least one method, such as `POST`");
    }
    if let Some(method) = config.methods.iter().find(|m| !METHODS.contains(&m.as_str())) {
        let shown: String = method.chars().take(32).collect();
        return refuse("methods", format!("`{shown}` is not one of {}", METHODS.join(", ")));
    }
    verify::check(&config.verify)?;
    check_dedup(&config)?;
    reply::check(&config)?;
    check_format(&config)?;
    check_admission(&config)?;
    if let Some(rate) = config.rate {
        for (field, number) in [("rate.per_minute", rate.per_minute), ("rate.burst", rate.burst)] {
            if !(1..=MAX_RATE).contains(&number) {
                return refuse(field, format!("between 1 and {MAX_RATE}"));
            }
        }
    }
    Ok(config)
}

fn check_dedup(config: &WebhookConfig) -> Result<(), ConfigError> {
    let Some(dedup) = &config.dedup else { return Ok(()) };
    if !(1..=MAX_WINDOW_DAYS).contains(&dedup.window_days) {
        return refuse("dedup.window_days", format!("between 1 and {MAX_WINDOW_DAYS} days"));
    }
    let by = dedup.by();
    match (&dedup.header, by) {
        (Some(name), DedupBy::Header) => check_header("dedup.header", name)?,
        (None, DedupBy::Header) => return refuse("dedup.header", "name the header that names the delivery"),
        (Some(_), _) => return refuse("dedup.header", "has no effect beside another way to name a delivery"),
        (None, _) => {}
    }
    match (&dedup.pointer, by) {
        (Some(pointer), DedupBy::Pointer) => {
            if !pointer.starts_with('/') || pointer.len() > MAX_POINTER_BYTES {
                return refuse("dedup.pointer", "not a JSON pointer (RFC 6901), such as `/order/id`");
            }
        }
        (None, DedupBy::Pointer) => return refuse("dedup.pointer", "say where in the body the name stands"),
        (Some(_), _) => {
            return refuse("dedup.pointer", "has no effect beside another way to name a delivery");
        }
        (None, _) => {}
    }
    let named =
        config.format == Format::CloudEvents || preset::name(config.verify.preset) != preset::Name::None;
    match by {
        DedupBy::Preset if !named => refuse(
            "dedup",
            format!(
                "deliveries of the preset `{}` have no name of their own; give `header` or `pointer`, or `\"by\": \"body\"`",
                config.verify.preset.as_str()
            ),
        ),
        DedupBy::Header | DedupBy::Pointer | DedupBy::Body if config.format == Format::CloudEvents => refuse(
            "dedup",
            "CloudEvents are named by their source and id; `\"by\": \"none\"` takes each as new",
        ),
        _ => Ok(()),
    }
}

fn check_format(config: &WebhookConfig) -> Result<(), ConfigError> {
    if config.format == Format::Plain && !config.origins.is_empty() {
        return refuse("origins", "has no effect without `\"format\": \"cloudevents\"`");
    }
    if config.origins.len() > MAX_LISTED {
        return refuse("origins", format!("at most {MAX_LISTED}"));
    }
    let is_name = |name: &String| {
        name.len() <= 253 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
    };
    match config.origins.iter().position(|name| name.is_empty() || !is_name(name)) {
        Some(at) => refuse(&format!("origins[{at}]"), "not a DNS name, such as `events.example.com`"),
        None => Ok(()),
    }
}

fn check_admission(config: &WebhookConfig) -> Result<(), ConfigError> {
    for (field, listed) in
        [("allowed_networks", &config.allowed_networks), ("client_certificates", &config.client_certificates)]
    {
        if listed.len() > MAX_LISTED {
            return refuse(field, format!("at most {MAX_LISTED}"));
        }
    }
    if let Some(at) = config.allowed_networks.iter().position(|text| admit::network(text).is_none()) {
        let words = "not an address or network; write it as `192.0.2.7` or `192.0.2.0/24`";
        return refuse(&format!("allowed_networks[{at}]"), words);
    }
    let is_digest = |text: &String| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(at) = config.client_certificates.iter().position(|text| !is_digest(text)) {
        let words = "not the SHA-256 of a certificate as 64 hexadecimal digits; `openssl x509 -in client.pem -outform der | sha256sum` shows it";
        return refuse(&format!("client_certificates[{at}]"), words);
    }
    Ok(())
}

fn parse(config: &Value) -> Result<WebhookConfig, ConfigError> {
    // Serde would take a list for an object, its fields by position.
    if !config.is_object() {
        return refuse("", "a JSON object is expected");
    }
    for field in ["verify", "dedup", "rate", "fixed"] {
        if config.get(field).is_some_and(Value::is_array) {
            return refuse(field, "a JSON object is expected");
        }
    }
    serde_path_to_error::deserialize(config).map_err(|e| {
        let path = e.path().to_string();
        // Serde's words would repeat what was given.
        for (field, problem) in [
            ("verify.secrets", "a list of strings is expected"),
            ("verify.verify_token", "a string is expected"),
        ] {
            if path.starts_with(field) {
                return ConfigError { field: field.into(), problem: problem.into() };
            }
        }
        let problem = e.into_inner().to_string();
        let named = problem.split('`').nth(1).filter(|_| problem.contains(" field `"));
        let field = match (path.as_str(), named) {
            // Of a field that is not there, serde's path ends one above.
            (".", Some(name)) => name.to_owned(),
            (".", None) => String::new(),
            (above, Some(name)) if above.rsplit('.').next() != Some(name) => format!("{above}.{name}"),
            (path, _) => path.to_owned(),
        };
        ConfigError { field, problem }
    })
}

pub(super) fn check_header(field: &str, name: &str) -> Result<(), ConfigError> {
    if name.len() <= 128 && HeaderName::from_bytes(name.as_bytes()).is_ok() {
        Ok(())
    } else {
        refuse(field, "not a header's name (RFC 9110 §5.1), such as `X-Signature`")
    }
}

#[cfg(test)]
mod tests;
