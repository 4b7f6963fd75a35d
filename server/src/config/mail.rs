//! Mail: where it is taken, in which domain, and where letters to people go. What must hold: no message repeats the relay's password.

use std::net::SocketAddr;

use lettre::message::Mailbox;

use super::source::Layers;
use super::{ConfigError, Origin};
use crate::mail::{Relay, check_address};

/// Mail settings.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// Where SMTP listens; none when `off`.
    pub listen: Option<SocketAddr>,
    /// The domain of trigger addresses.
    pub domain: String,
    /// Where letters to people go.
    pub relay: Relay,
    /// Whom they are from.
    pub from: Mailbox,
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
        if !is_domain(&domain) {
            let reason = format!("`{domain}` is not a domain name; write it as `mail.example.com`");
            return Err(ConfigError::Value { key: "mail_domain", origin, reason });
        }
        let domain = domain.to_ascii_lowercase();
        let relay = with_authority(layers, layers.parse("mail.relay")?.unwrap_or(Relay::Off))?;
        let (from, origin) =
            layers.text("mail.from").unwrap_or_else(|| (format!("factotum@{domain}"), Origin::Default));
        let from = sender(&from).ok_or_else(|| ConfigError::Value {
            key: "mail.from",
            origin,
            reason: "not a sender; write it as `factotum@example.com` or `Factotum <factotum@example.com>`"
                .into(),
        })?;
        Ok(Self { listen, domain, relay, from })
    }
}

/// Whether it looks like a domain's name.
pub(super) fn is_domain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

/// `mail.ca`: whose certificates the relay may show.
fn with_authority(layers: &Layers, relay: Relay) -> Result<Relay, ConfigError> {
    let Some((path, origin)) = layers.text("mail.ca") else { return Ok(relay) };
    let wrong = |reason: String| ConfigError::Value { key: "mail.ca", origin: origin.clone(), reason };
    let pem = std::fs::read(&path).map_err(|e| wrong(format!("{path}: {e}")))?;
    relay.trusting(&pem).map_err(|e| wrong(format!("{path}: {e}")))
}

fn sender(text: &str) -> Option<Mailbox> {
    if text.chars().any(char::is_control) {
        return None;
    }
    let mailbox: Mailbox = text.parse().ok()?;
    check_address(mailbox.email.as_ref()).ok()?;
    Some(mailbox)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn read(settings: &[(&str, &str)]) -> Result<MailConfig, ConfigError> {
        let environment: Environment =
            settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        MailConfig::from_layers(&Layers::resolve(&[], &environment, None)?)
    }

    #[test]
    fn letters_go_nowhere_unless_said_and_are_from_the_mail_domain() {
        let unset = read(&[]).unwrap();
        assert!(matches!(unset.relay, Relay::Off));
        assert_eq!(unset.from.to_string(), "factotum@localhost");
        let named =
            read(&[("FACTOTUM_MAIL_FROM", "Factotum <f@example.com>"), ("FACTOTUM_MAIL_RELAY", "stdout")]);
        assert_eq!(named.unwrap().from.to_string(), "Factotum <f@example.com>");
        for from in ["", "me", "f@example.com\r\nBcc: e@example.com", "a@example.com, b@example.com"] {
            assert!(read(&[("FACTOTUM_MAIL_FROM", from)]).is_err(), "{from:?}");
        }
        let error = read(&[("FACTOTUM_MAIL_RELAY", "smtp://u:hunter2@mx/x")]).unwrap_err().to_string();
        assert!(error.contains("FACTOTUM_MAIL_RELAY") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn an_authority_that_is_none_is_refused_at_the_start() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for path in ["/nowhere.pem", file.path().to_str().unwrap()] {
            let error = read(&[("FACTOTUM_MAIL_CA", path)]).unwrap_err().to_string();
            assert!(error.contains("`mail.ca`") && error.contains(path), "{error}");
        }
    }
}
