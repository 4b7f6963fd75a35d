//! How mail is taken: the `[smtp]` section. What must hold: a certificate never goes without its key, and mail that must come within TLS has one to come with; no
//! bound is below what RFC 5321 §4.5.3 asks for, but for times.

use std::time::Duration;

use factotum_email::Limits;
use factotum_email::verdict::Dns;
use factotum_model::trigger::MAX_MESSAGE_BYTES;

use super::http::{HttpConfig, TlsFiles, tls_files};
use super::limits::within;
use super::mail::{MailConfig, is_domain};
use super::source::Layers;
use super::{ConfigError, Origin};

/// The fewest recipients that a message may be given (RFC 5321 §4.5.3.1.8).
const FEWEST_RECIPIENTS: usize = 100;
/// The longest time that can be set, in seconds.
const MAX_SECONDS: u64 = 24 * 3_600;

/// How mail is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpConfig {
    /// Which name servers are asked about senders.
    pub dns: Dns,
    /// What the server calls itself.
    pub hostname: String,
    /// For STARTTLS; none: it is not offered.
    pub tls: Option<TlsFiles>,
    /// Whether mail is taken within TLS only.
    pub require_tls: bool,
    /// Its bounds.
    pub limits: Limits,
}

impl SmtpConfig {
    /// Checks the settings.
    pub fn from_layers(layers: &Layers, mail: &MailConfig, http: &HttpConfig) -> Result<Self, ConfigError> {
        let (hostname, origin) =
            layers.text("smtp.hostname").unwrap_or_else(|| (mail.domain.clone(), Origin::Default));
        if !is_domain(&hostname) {
            let reason = format!("`{hostname}` is not a host's name; write it as `mx.example.com`");
            return Err(ConfigError::Value { key: "smtp.hostname", origin, reason });
        }
        let tls = tls_files(layers, "smtp.tls_cert", "smtp.tls_key")?.or_else(|| http.tls.clone());
        let require_tls = layers.parse::<bool>("smtp.require_tls")?.unwrap_or(false);
        if require_tls && tls.is_none() {
            return Err(wrong(layers, "smtp.require_tls", "TLS needs `smtp.tls_cert` and `smtp.tls_key`"));
        }
        let seconds = |key| within(layers, key, MAX_SECONDS).map(Duration::from_secs);
        let limits = Limits {
            connections: within(layers, "smtp.connections", 100_000)? as usize,
            connections_per_address: within(layers, "smtp.connections_per_address", 100_000)? as usize,
            recipients: within(layers, "smtp.recipients", 10_000)? as usize,
            message_bytes: within(layers, "smtp.message_bytes", MAX_MESSAGE_BYTES)?,
            memory_bytes: within(layers, "smtp.memory_bytes", 1 << 40)?,
            faults: within(layers, "smtp.faults", 10_000)? as u32,
            command: seconds("smtp.command_timeout_s")?,
            data: seconds("smtp.data_timeout_s")?,
            message: seconds("smtp.message_timeout_s")?,
        };
        if limits.recipients < FEWEST_RECIPIENTS {
            let reason = format!("senders may rely on {FEWEST_RECIPIENTS} recipients (RFC 5321 §4.5.3.1.8)");
            return Err(wrong(layers, "smtp.recipients", &reason));
        }
        if limits.memory_bytes < limits.message_bytes {
            let reason =
                format!("not room for one message of `smtp.message_bytes`, {}", limits.message_bytes);
            return Err(wrong(layers, "smtp.memory_bytes", &reason));
        }
        let dns = layers.parse("smtp.dns")?.unwrap_or_default();
        Ok(Self { dns, hostname: hostname.to_ascii_lowercase(), tls, require_tls, limits })
    }
}

fn wrong(layers: &Layers, key: &'static str, reason: &str) -> ConfigError {
    let origin = layers.text(key).map_or(Origin::Default, |(_, origin)| origin);
    ConfigError::Value { key, origin, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Environment};

    fn refusal(settings: &[(&str, &str)]) -> String {
        let set = |(key, value): &(&str, &str)| (format!("FACTOTUM_SMTP_{key}"), (*value).to_owned());
        let environment: Environment = settings.iter().map(set).collect();
        Config::load(&[], &environment, None).map_or_else(|e| e.to_string(), |_| String::new())
    }

    #[test]
    fn the_defaults_are_those_of_the_server() {
        let config = Config::load(&[], &Environment::new(), None).unwrap();
        assert_eq!(config.smtp.limits, factotum_email::Limits::default());
        assert_eq!((config.smtp.hostname.as_str(), config.smtp.require_tls), ("localhost", false));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (settings, words) in [
            (&[("REQUIRE_TLS", "true")][..], "smtp.tls_cert"),
            (&[("REQUIRE_TLS", "maybe")], "FACTOTUM_SMTP_REQUIRE_TLS"),
            (&[("DNS", "nowhere")], "FACTOTUM_SMTP_DNS"),
            (&[("TLS_CERT", "c.pem")], "smtp.tls_key"),
            (&[("RECIPIENTS", "99")], "100 recipients"),
            (&[("MESSAGE_BYTES", "52428801")], "FACTOTUM_SMTP_MESSAGE_BYTES"),
            (&[("MEMORY_BYTES", "1000")], "smtp.message_bytes"),
            (&[("COMMAND_TIMEOUT_S", "0")], "FACTOTUM_SMTP_COMMAND_TIMEOUT_S"),
            (&[("HOSTNAME", "not a name")], "mx.example.com"),
        ] {
            let refusal = refusal(settings);
            assert!(refusal.contains(words), "{settings:?}: {refusal}");
        }
        assert_eq!(refusal(&[("TLS_CERT", "c.pem"), ("TLS_KEY", "k.pem"), ("REQUIRE_TLS", "true")]), "");
    }
}
