//! Where mail will be taken. What must hold: the settings are checked from now on, though no SMTP server listens yet, so that
//! a set-up written today still works when one does.

use std::net::SocketAddr;

use super::source::Layers;
use super::{ConfigError, Origin};

/// Mail settings; nothing is served on them yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailConfig {
    /// Where SMTP listens; none when `off`.
    pub listen: Option<SocketAddr>,
    /// The domain of trigger addresses.
    pub domain: String,
}

impl MailConfig {
    /// Checks the settings.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let (text, origin) = layers.text("smtp_listen").unwrap_or_else(|| ("off".into(), Origin::Default));
        let listen = if text == "off" {
            None
        } else {
            Some(super::http::socket_address("smtp_listen", &text, origin)?)
        };
        let (domain, origin) =
            layers.text("mail_domain").unwrap_or_else(|| ("localhost".into(), Origin::Default));
        let fine = !domain.is_empty()
            && domain.len() <= 253
            && domain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
        if !fine {
            let reason = format!("`{domain}` is not a domain name; write it as `mail.example.com`");
            return Err(ConfigError::Value { key: "mail_domain", origin, reason });
        }
        Ok(Self { listen, domain: domain.to_ascii_lowercase() })
    }
}
