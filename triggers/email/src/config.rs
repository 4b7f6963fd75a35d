//! An e-mail trigger's configuration, checked when it is made. What must hold: each refusal names its field and says what to write instead.

use factotum_model::trigger::{Authentication, EmailConfig, MAX_MESSAGE_BYTES};
use serde_json::Value;

use crate::address::{MAX_NAME_BYTES, is_name};

/// The most entries of `allow_senders`.
pub const MAX_SENDERS: usize = 100;
/// The longest of them, in bytes (RFC 5321 §4.5.3.1.3).
pub const MAX_SENDER_BYTES: usize = 254;

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {problem}")]
pub struct ConfigError {
    /// The field's path within `config`; empty for the whole.
    pub field: String,
    /// What is wrong, and what to write instead.
    pub problem: String,
}

/// Reads and checks a configuration.
pub fn check_config(config: &Value) -> Result<EmailConfig, ConfigError> {
    let mut config = parse(config)?;
    config.name = config.name.to_ascii_lowercase();
    if !is_name(&config.name) {
        let problem = format!(
            "1 to {MAX_NAME_BYTES} letters and digits, with single `.`, `-` or `_` between them: what the address begins with, such as `orders`"
        );
        return refuse("name", problem);
    }
    if config.allow_senders.len() > MAX_SENDERS {
        return refuse("allow_senders", format!("at most {MAX_SENDERS} domains or addresses"));
    }
    for (at, sender) in config.allow_senders.iter_mut().enumerate() {
        *sender = sender.to_lowercase();
        if !is_sender(sender) {
            return refuse(
                &format!("allow_senders[{at}]"),
                "a domain such as `example.com`, or an address such as `jane@example.com`, is expected",
            );
        }
    }
    if config.authentication == Authentication::Ignore {
        for (field, given) in
            [("require", !config.require.is_empty()), ("allow_senders", !config.allow_senders.is_empty())]
        {
            if given {
                return refuse(
                    field,
                    "needs the proofs that `\"authentication\": \"ignore\"` does not look up",
                );
            }
        }
    }
    for (at, mechanism) in config.require.iter().enumerate() {
        if config.require[..at].contains(mechanism) {
            return refuse("require", format!("`{}` is named twice", mechanism.as_str()));
        }
    }
    if !(1..=MAX_MESSAGE_BYTES).contains(&config.max_message_bytes) {
        return refuse("max_message_bytes", format!("between 1 and {MAX_MESSAGE_BYTES}"));
    }
    Ok(config)
}

fn parse(config: &Value) -> Result<EmailConfig, ConfigError> {
    // Serde would take a list for an object, its fields by position.
    if !config.is_object() {
        return refuse("", "a JSON object is expected");
    }
    serde_path_to_error::deserialize(config).map_err(|e| {
        let path = e.path().to_string();
        let problem = e.into_inner().to_string();
        let named = problem.split('`').nth(1).filter(|_| problem.contains(" field `"));
        let field = match (path.as_str(), named) {
            (".", Some(name)) => name.to_owned(),
            (".", None) => String::new(),
            (path, _) => path.to_owned(),
        };
        ConfigError { field, problem }
    })
}

/// A domain, or an address in it.
fn is_sender(text: &str) -> bool {
    let (local, domain) = text.rsplit_once('@').map_or((None, text), |(local, domain)| (Some(local), domain));
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    text.len() <= MAX_SENDER_BYTES
        && local.is_none_or(|l| !l.is_empty() && !l.chars().any(|c| c.is_control() || c.is_whitespace()))
        && domain.contains('.')
        && domain.split('.').all(label)
}

fn refuse<T>(field: &str, problem: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError { field: field.to_owned(), problem: problem.into() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_contract_shows_is_taken() {
        let config =
            check_config(&json!({"name": "Orders", "allow_senders": ["Example.com"], "require": ["dkim"]}))
                .unwrap();
        assert_eq!((config.name.as_str(), config.allow_senders[0].as_str()), ("orders", "example.com"));
        assert_eq!(config.max_message_bytes, 25 << 20);
        for config in [
            json!({"name": "orders"}),
            json!({"name": "a.b", "authentication": "require", "dispatch_automatic": true, "max_message_bytes": MAX_MESSAGE_BYTES}),
            json!({"name": "a", "authentication": "ignore"}),
            json!({"name": "a", "require": ["spf", "dkim", "dmarc"], "allow_senders": ["jane@example.com", "bücher.example"]}),
        ] {
            assert!(check_config(&config).is_ok(), "{config}");
        }
    }

    #[test]
    fn each_refusal_names_its_field() {
        for (config, field) in [
            (json!([]), ""),
            (json!({}), "name"),
            (json!({"name": 5}), "name"),
            (json!({"name": ""}), "name"),
            (json!({"name": "a b"}), "name"),
            (json!({"name": "x".repeat(32)}), "name"),
            (json!({"name": "a", "nam": "b"}), "nam"),
            (json!({"name": "a", "require": ["arc"]}), "require[0]"),
            (json!({"name": "a", "require": ["spf", "spf"]}), "require"),
            (json!({"name": "a", "authentication": "maybe"}), "authentication"),
            (json!({"name": "a", "authentication": "ignore", "require": ["spf"]}), "require"),
            (json!({"name": "a", "authentication": "ignore", "allow_senders": ["a.de"]}), "allow_senders"),
            (json!({"name": "a", "allow_senders": "a.de"}), "allow_senders"),
            (json!({"name": "a", "allow_senders": ["a.de", "nowhere"]}), "allow_senders[1]"),
            (json!({"name": "a", "allow_senders": ["@a.de"]}), "allow_senders[0]"),
            (json!({"name": "a", "allow_senders": vec!["a.de"; MAX_SENDERS + 1]}), "allow_senders"),
            (json!({"name": "a", "max_message_bytes": 0}), "max_message_bytes"),
            (json!({"name": "a", "max_message_bytes": MAX_MESSAGE_BYTES + 1}), "max_message_bytes"),
            (json!({"name": "a", "dispatch_automatic": "yes"}), "dispatch_automatic"),
        ] {
            let error = check_config(&config).unwrap_err();
            assert_eq!(error.field, field, "{config}: {error}");
        }
    }
}
