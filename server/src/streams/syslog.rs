//! Syslog messages (RFC 5424) over TLS with octet counting (RFC 5425). What must hold: the server's certificate is verified; a batch counts as delivered
//! when the server has closed its side after reading ours to the end: a syslog server confirms nothing else, and what was only written may
//! still lie in a buffer when one of the two dies.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use factotum_model::audit::AuditOutcome;
use factotum_storage::audit_sealed::SealedEntry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::sink::{Batch, SinkError};
use super::tls;
use crate::view::audit::AuditForm;
use crate::view::{harmless, ocsf};

/// How long one batch may take, with its connection.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Log audit (RFC 5424 §6.2.1).
const FACILITY: u8 = 13;
/// RFC 5424 §6.2.7: bounds of the head's fields.
const MAX_MSGID: usize = 32;
const MAX_HOSTNAME: usize = 255;
/// The private enterprise number that RFC 5612 reserves for examples: this program has none of its own.
const SD_ID: &str = "factotum@32473";

/// A syslog server.
pub struct SyslogSink {
    host: String,
    port: u16,
    name: ServerName<'static>,
    tls: TlsConnector,
    own_name: String,
}

impl SyslogSink {
    /// Reads certificates.
    pub fn configured(
        host: &str,
        port: u16,
        ca_file: Option<&Path>,
        identity: Option<&(PathBuf, PathBuf)>,
        own_name: &str,
    ) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("`{host}` is no name that a certificate could be for"))?;
        Ok(Self {
            host: host.to_owned(),
            port,
            name,
            tls: tls::connector(ca_file, identity)?,
            own_name: visible(own_name, MAX_HOSTNAME),
        })
    }

    /// One connection per batch: its orderly end is the only thing that tells what arrived.
    pub async fn deliver(&self, batch: &Batch) -> Result<(), SinkError> {
        let mut frames = String::new();
        for sealed in &batch.entries {
            let message = message(sealed, batch.form, &self.own_name);
            // RFC 5425 §4.3.1: the length in octets, a space, the message.
            let _ = write!(frames, "{} {message}", message.len());
        }
        let sent = tokio::time::timeout(TIMEOUT, self.send(frames.as_bytes())).await;
        sent.map_err(|_| SinkError::Timeout(TIMEOUT.as_secs()))?
    }

    async fn send(&self, frames: &[u8]) -> Result<(), SinkError> {
        let connected = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = connected.map_err(SinkError::io(format!("{}:{}", self.host, self.port)))?;
        let mut stream = self.tls.connect(self.name.clone(), stream).await.map_err(SinkError::io("TLS"))?;
        stream.write_all(frames).await.map_err(SinkError::io("writing"))?;
        // `close_notify`, and the end of our side (RFC 5425 §4.4).
        stream.shutdown().await.map_err(SinkError::io("closing"))?;
        let mut buffer = [0; 256];
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) => return Ok(()),
                // A server may close without a word of TLS, but only after it has read all: else the system resets the connection.
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
                // It has nothing to say; what it says is dropped.
                Ok(_) => {}
                Err(error) => return Err(SinkError::io("waiting for the server's close")(error)),
            }
        }
    }
}

/// One message, without its frame. All of it is ASCII, so that it needs no byte order mark (RFC 5424 §6.4).
fn message(sealed: &SealedEntry, form: AuditForm, own_name: &str) -> String {
    let entry = &sealed.entry;
    // RFC 5424 §6.2.1: informational, notice, warning, error.
    let severity = match entry.outcome {
        AuditOutcome::Ok => 6,
        AuditOutcome::Unknown => 5,
        AuditOutcome::Denied => 4,
        AuditOutcome::Error => 3,
    };
    let text = match form {
        AuditForm::Ocsf => harmless::ascii_json(&ocsf::event(entry)),
        AuditForm::JsonLines | AuditForm::Csv => harmless::ascii_json(entry),
    };
    format!(
        "<{}>1 {} {own_name} factotum - {} [{SD_ID} id=\"{}\" org=\"{}\" index=\"{}\" outcome=\"{}\"] {text}",
        FACILITY * 8 + severity,
        entry.at,
        visible(&entry.action, MAX_MSGID),
        entry.id,
        entry.org_id,
        sealed.index,
        entry.outcome.as_str(),
    )
}

/// A field of the head: visible ASCII, or `-`.
fn visible(text: &str, most: usize) -> String {
    let shown: String = text.chars().filter(char::is_ascii_graphic).take(most).collect();
    if shown.is_empty() { "-".to_owned() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use factotum_model::audit::{AuditEntry, AuditInitiator};
    use factotum_model::{AccountId, AccountKind, InitiatorKind, OrgId, Principal, Timestamp};

    #[test]
    fn a_message_has_the_form_of_the_standard_whatever_is_in_it() {
        let actor = Principal {
            id: AccountId::random(),
            kind: AccountKind::ApiKey,
            name: "é\r\n<0>1 forged\u{1b}[2J\u{202e}".into(),
        };
        let mut entry = AuditEntry::new(
            OrgId::random(),
            Timestamp::from_micros(1_800_000_000_123_456),
            "api_key.create",
            AuditOutcome::Denied,
            actor,
            AuditInitiator::of(InitiatorKind::Api),
        );
        entry.reason = Some("]\"\\ x\ny".into());
        let (id, org) = (entry.id, entry.org_id);
        let text = message(&SealedEntry { index: 7, entry: entry.clone() }, AuditForm::JsonLines, "node-1");
        let head = format!(
            "<108>1 2027-01-15T08:00:00.123456Z node-1 factotum - api_key.create [factotum@32473 id=\"{id}\" org=\"{org}\" index=\"7\" outcome=\"denied\"] "
        );
        let body = text.strip_prefix(&head).unwrap_or_else(|| panic!("{text}"));
        assert!(text.bytes().all(|b| (b' '..=b'~').contains(&b)), "{text}");
        assert_eq!(serde_json::from_str::<AuditEntry>(body).unwrap(), entry);
        assert_eq!(visible("a b\u{e9}\n", 255), "ab");
        assert_eq!(visible("\n", 255), "-");
        assert_eq!(visible(&"x".repeat(99), 32).len(), 32);
    }
}
