//! A webhook's configuration as the API takes it. What must hold: whatever is stored can be worked with; whatever is refused
//! names the field of `config`; a secret is never repeated in an error; settings that look like a protection and are
//! none are refused.

use factotum_model::trigger::{MAX_BODY_BYTES, MAX_RATE, MAX_REPLY_MS, Verify, VerifyPreset, WebhookConfig};
use http::HeaderName;
use serde_json::Value;

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

fn refuse<T>(field: &str, problem: impl ToString) -> Result<T, ConfigError> {
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
    check_verify(&config.verify)?;
    if let Some(dedup) = &config.dedup {
        check_header("dedup.header", &dedup.header)?;
        if !(1..=MAX_WINDOW_DAYS).contains(&dedup.window_days) {
            return refuse("dedup.window_days", format!("between 1 and {MAX_WINDOW_DAYS} days"));
        }
    }
    if let Some(rate) = config.rate {
        for (field, number) in [("rate.per_minute", rate.per_minute), ("rate.burst", rate.burst)] {
            if !(1..=MAX_RATE).contains(&number) {
                return refuse(field, format!("between 1 and {MAX_RATE}"));
            }
        }
    }
    Ok(config)
}

fn parse(config: &Value) -> Result<WebhookConfig, ConfigError> {
    // Serde would take a list for an object, its fields by position.
    if !config.is_object() {
        return refuse("", "a JSON object is expected");
    }
    for field in ["verify", "dedup", "rate"] {
        if config.get(field).is_some_and(Value::is_array) {
            return refuse(field, "a JSON object is expected");
        }
    }
    serde_path_to_error::deserialize(config).map_err(|e| {
        let path = e.path().to_string();
        if path.starts_with("verify.secrets") {
            // Serde's words would repeat what was given.
            return ConfigError {
                field: "verify.secrets".into(),
                problem: "a list of strings is expected".into(),
            };
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

fn check_verify(verify: &Verify) -> Result<(), ConfigError> {
    match verify.preset {
        VerifyPreset::None => check_unused(verify),
        VerifyPreset::Hmac => check_hmac(verify),
    }
}

/// Who gives secrets expects them to be checked.
fn check_unused(verify: &Verify) -> Result<(), ConfigError> {
    let given = [
        ("verify.secrets", !verify.secrets.is_empty()),
        ("verify.header", verify.header.is_some()),
        ("verify.algorithm", verify.algorithm.is_some()),
        ("verify.encoding", verify.encoding.is_some()),
        ("verify.prefix", verify.prefix.is_some()),
        ("verify.timestamp_header", verify.timestamp_header.is_some()),
        ("verify.tolerance_s", verify.tolerance_s.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((field, _)) => refuse(field, "has no effect without `\"preset\": \"hmac\"`"),
        None => Ok(()),
    }
}

fn check_hmac(verify: &Verify) -> Result<(), ConfigError> {
    if verify.secrets.is_empty() || verify.secrets.len() > MAX_SECRETS {
        return refuse("verify.secrets", format!("give 1 to {MAX_SECRETS} secrets"));
    }
    if verify.secrets.iter().any(|s| !(MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&s.expose().len())) {
        return refuse(
            "verify.secrets",
            format!("a secret has {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes"),
        );
    }
    let Some(header) = &verify.header else {
        return refuse("verify.header", "name the header that carries the signature");
    };
    check_header("verify.header", header)?;
    let prefix = verify.prefix.as_deref().unwrap_or_default();
    if prefix.len() > MAX_PREFIX_BYTES || !prefix.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        return refuse("verify.prefix", format!("at most {MAX_PREFIX_BYTES} bytes of visible ASCII"));
    }
    match (&verify.timestamp_header, verify.tolerance_s) {
        (Some(name), _) if name.eq_ignore_ascii_case(header) => {
            refuse("verify.timestamp_header", "is the signature's own header")
        }
        (Some(_), Some(seconds)) if !(1..=MAX_TOLERANCE_S).contains(&seconds) => {
            refuse("verify.tolerance_s", format!("between 1 and {MAX_TOLERANCE_S} seconds"))
        }
        (Some(name), _) => check_header("verify.timestamp_header", name),
        (None, Some(_)) => refuse("verify.tolerance_s", "has no effect without `timestamp_header`"),
        (None, None) => Ok(()),
    }
}

fn check_header(field: &str, name: &str) -> Result<(), ConfigError> {
    if name.len() <= 128 && HeaderName::from_bytes(name.as_bytes()).is_ok() {
        Ok(())
    } else {
        refuse(field, "not a header's name (RFC 9110 §5.1), such as `X-Signature`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_contract_shows_is_taken() {
        for config in [
            json!({}),
            json!({"reply": "outcome", "reply_timeout_ms": 5000, "dedup": {"header": "X-Id"}}),
            json!({"verify": {"preset": "hmac", "secrets": ["a secret"], "header": "X-Sig", "algorithm": "sha512",
                "encoding": "base64", "prefix": "v0=", "timestamp_header": "X-Time", "tolerance_s": 60}}),
            json!({"rate": {"per_minute": 1, "burst": MAX_RATE}}),
            json!({"verify": {"preset": "none"}, "methods": ["POST"], "max_body_bytes": MAX_BODY_BYTES}),
        ] {
            assert!(check_config(&config).is_ok(), "{config}");
        }
    }

    #[test]
    fn each_refusal_names_its_field() {
        let hmac = |more: Value| {
            let mut verify = json!({"preset": "hmac", "secrets": ["a secret"], "header": "X-Sig"});
            for (key, value) in more.as_object().unwrap() {
                verify[key] = value.clone();
            }
            json!({"verify": verify})
        };
        for (config, field) in [
            (json!([]), ""),
            (json!("outcome"), ""),
            (json!({"verify": []}), "verify"),
            (json!({"dedup": ["x"]}), "dedup"),
            (json!({"replay": "outcome"}), "replay"),
            (json!({"reply": "later"}), "reply"),
            (json!({"reply_timeout_ms": 0}), "reply_timeout_ms"),
            (json!({"reply_timeout_ms": MAX_REPLY_MS + 1}), "reply_timeout_ms"),
            (json!({"max_body_bytes": MAX_BODY_BYTES + 1}), "max_body_bytes"),
            (json!({"methods": []}), "methods"),
            (json!({"methods": ["post"]}), "methods"),
            (json!({"methods": ["CONNECT"]}), "methods"),
            (json!({"dedup": {}}), "dedup.header"),
            (json!({"dedup": {"header": "not a header"}}), "dedup.header"),
            (json!({"dedup": {"header": "x", "window_days": 91}}), "dedup.window_days"),
            (json!({"rate": 5}), "rate"),
            (json!({"rate": [60, 10]}), "rate"),
            (json!({"rate": {"per_minute": 5}}), "rate.burst"),
            (json!({"rate": {"per_minute": 0, "burst": 1}}), "rate.per_minute"),
            (json!({"rate": {"per_minute": 1, "burst": 0}}), "rate.burst"),
            (json!({"rate": {"per_minute": -1, "burst": 1}}), "rate.per_minute"),
            (json!({"rate": {"per_minute": MAX_RATE + 1, "burst": 1}}), "rate.per_minute"),
            (json!({"rate": {"per_minute": 1, "burst": 1, "per_hour": 1}}), "rate.per_hour"),
            (json!({"verify": {"preset": "github2"}}), "verify.preset"),
            (json!({"verify": {"secret": "x"}}), "verify.secret"),
            (json!({"verify": {"secrets": ["a secret"]}}), "verify.secrets"),
            (json!({"verify": {"preset": "hmac", "header": "x"}}), "verify.secrets"),
            (json!({"verify": {"preset": "hmac", "secrets": ["a secret"]}}), "verify.header"),
            (hmac(json!({"secrets": ["short"]})), "verify.secrets"),
            (hmac(json!({"header": "é"})), "verify.header"),
            (hmac(json!({"prefix": "\n"})), "verify.prefix"),
            (hmac(json!({"algorithm": "md5"})), "verify.algorithm"),
            (hmac(json!({"timestamp_header": "x-sig"})), "verify.timestamp_header"),
            (hmac(json!({"tolerance_s": 5})), "verify.tolerance_s"),
            (hmac(json!({"timestamp_header": "t", "tolerance_s": 0})), "verify.tolerance_s"),
        ] {
            let error = check_config(&config).unwrap_err();
            assert_eq!(error.field, field, "{config}: {error}");
        }
    }

    #[test]
    fn no_error_repeats_a_secret() {
        for config in [
            json!({"verify": {"preset": "hmac", "secrets": "hunter2hunter2"}}),
            json!({"verify": {"preset": "hmac", "secrets": [["hunter2hunter2"]]}}),
            json!({"verify": {"preset": "hmac", "secrets": {"hunter2hunter2": 1}}}),
            json!({"verify": {"preset": "hmac", "secrets": ["hunter2hunter2"]}}),
        ] {
            let error = check_config(&config).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(error.field.starts_with("verify"), "{error}");
        }
    }
}
