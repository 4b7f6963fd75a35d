//! `[[audit.stream]]`: where the audit trail, or its checkpoints, are streamed to. What must hold: each stream has a name of its own, as its progress is kept
//! by it; entries leave the machine only inside TLS, and a webhook only signed; no secret is printed.

mod checkpoints;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use factotum_model::Redacted;
use http::Uri;

use super::ConfigError;
use super::mail::MailConfig;
use super::oidc::is_safe_url;
use super::source::{FoundTable, Layers};
use crate::mail::Relay;
use crate::view::audit::AuditForm;

/// The name of the tables in the file.
pub const TABLE: &str = "audit.stream";
/// The value of a table that is never shown.
pub const SECRET: &str = "secret";
/// RFC 5425 §4.1.
pub const SYSLOG_PORT: u16 = 6514;
/// How large a file grows before another is begun, unless set.
pub const DEFAULT_ROTATE_BYTES: u64 = 100 << 20;
const MIN_ROTATE_BYTES: u64 = 4 << 10;
const MAX_NAME_CHARS: usize = 40;
/// Standard Webhooks: a secret of 24 to 64 bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
const SECRET_PREFIX: &str = "whsec_";
/// What a webhook has besides its address.
const WEBHOOK_KEYS: &[&str] = &["ca_file", SECRET, "secret_file"];

/// One stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditStreamConfig {
    /// Its name: what its progress is kept under.
    pub name: String,
    /// What it sends, and where to.
    pub sends: Sends,
    /// Of the organization with this name or id alone.
    pub organization: Option<String>,
}

/// What a stream sends, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sends {
    /// Each entry.
    Entries {
        /// Where they go.
        target: StreamTarget,
        /// In which form: JSON Lines or OCSF.
        form: AuditForm,
    },
    /// The newest checkpoint, now and then.
    Checkpoints {
        /// Where they go.
        target: CheckpointTarget,
        /// How long it waits after one before it sends the next.
        every: Duration,
    },
}

/// Where checkpoints go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointTarget {
    /// `POST` of each.
    Webhook(WebhookTarget),
    /// A folder in which each becomes a file of its own.
    Folder(PathBuf),
    /// A letter to this address.
    Email(String),
}

/// A receiver of webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookTarget {
    /// To there.
    pub url: Uri,
    /// What the body is signed with.
    pub secret: Redacted<Vec<u8>>,
    /// The authorities that may have signed its certificate, in PEM; the public ones unless set.
    pub ca_file: Option<PathBuf>,
}

/// Where entries go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamTarget {
    /// Syslog over TLS (RFC 5424, RFC 5425).
    Syslog {
        /// The server's name, which its certificate is for.
        host: String,
        /// Its port.
        port: u16,
        /// The authorities that may have signed its certificate, in PEM; the public ones unless set.
        ca_file: Option<PathBuf>,
        /// Our own certificate and key, in PEM, if the server wants one.
        identity: Option<(PathBuf, PathBuf)>,
    },
    /// `POST` of a batch.
    Webhook(WebhookTarget),
    /// A file that grows.
    File {
        /// Which; older ones beside it have a time behind their names.
        path: PathBuf,
        /// From which size on another is begun, in bytes.
        rotate_bytes: u64,
        /// How many older files are kept; all if 0.
        keep: usize,
    },
}

/// Whether a value of a table is a number.
pub fn is_number(name: &str) -> bool {
    matches!(name, "rotate_bytes" | "keep" | checkpoints::EVERY)
}

impl AuditStreamConfig {
    /// Checks all streams. `mail` is how letters go.
    pub fn from_layers(layers: &Layers, mail: &MailConfig) -> Result<Vec<Self>, ConfigError> {
        let has_relay = !matches!(mail.relay, Relay::Off);
        let mut names = BTreeSet::new();
        let mut streams = Vec::new();
        for found in layers.streams() {
            let table = Table { found, has_relay };
            let stream = table.stream()?;
            if !names.insert(stream.name.clone()) {
                return Err(table.wrong("name", "another stream has this name; give each its own"));
            }
            if stream.file().is_some() && streams.iter().any(|other: &Self| other.file() == stream.file()) {
                return Err(table.wrong("target", "another stream writes this file; give each its own"));
            }
            streams.push(stream);
        }
        Ok(streams)
    }

    /// The file that it alone may write.
    fn file(&self) -> Option<&PathBuf> {
        match &self.sends {
            Sends::Entries { target: StreamTarget::File { path, .. }, .. } => Some(path),
            _ => None,
        }
    }
}

struct Table<'a> {
    found: &'a FoundTable,
    /// Whether letters go anywhere.
    has_relay: bool,
}

impl Table<'_> {
    fn wrong(&self, name: &str, reason: &str) -> ConfigError {
        let origin = self.found.values.get(name).map_or(&self.found.origin, |found| &found.origin);
        ConfigError::Value { key: TABLE, origin: origin.clone(), reason: format!("`{name}`: {reason}") }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.found.values.get(name).map(|found| found.text.as_str())
    }

    fn needed(&self, name: &str, what: &str) -> Result<&str, ConfigError> {
        self.text(name).ok_or_else(|| self.wrong(name, &format!("it is missing: {what}")))
    }

    fn stream(&self) -> Result<AuditStreamConfig, ConfigError> {
        let name = self.needed("name", "give the stream a name, under which its progress is kept")?;
        let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || name.len() > MAX_NAME_CHARS || !name.bytes().all(fine) {
            let reason = format!("write it with a-z, 0-9 and `-`, {MAX_NAME_CHARS} characters at the most");
            return Err(self.wrong("name", &reason));
        }
        let sends = match self.text("send").unwrap_or("entries") {
            "entries" => self.entries()?,
            "checkpoints" => self.checkpoints()?,
            _ => return Err(self.wrong("send", "write `entries` or `checkpoints`")),
        };
        let organization = self.text("organization").filter(|name| *name != "all").map(ToOwned::to_owned);
        Ok(AuditStreamConfig { name: name.to_owned(), sends, organization })
    }

    fn entries(&self) -> Result<Sends, ConfigError> {
        let kind = self.needed("kind", "`syslog`, `webhook` or `file`")?;
        let (target, own): (_, &[&str]) = match kind {
            "syslog" => (self.syslog()?, &["ca_file", "cert_file", "key_file"]),
            "webhook" => (StreamTarget::Webhook(self.webhook()?), WEBHOOK_KEYS),
            "file" => (self.file()?, &["rotate_bytes", "keep"]),
            _ => return Err(self.wrong("kind", "write `syslog`, `webhook` or `file`")),
        };
        self.only(&format!("a {kind} stream of entries"), &[own, &["format"]].concat())?;
        let form = match self.text("format").unwrap_or("jsonl") {
            "jsonl" => AuditForm::JsonLines,
            "ocsf" => AuditForm::Ocsf,
            _ => return Err(self.wrong("format", "write `jsonl` or `ocsf`")),
        };
        Ok(Sends::Entries { target, form })
    }

    /// Refuses settings that are not of this kind of stream.
    fn only(&self, what: &str, own: &[&str]) -> Result<(), ConfigError> {
        let known = [&["name", "kind", "target", "send", "organization"], own].concat();
        let unknown = self.found.values.keys().find(|key| !known.contains(&key.as_str()));
        unknown.map_or(Ok(()), |unknown| {
            let known = known.join(", ");
            Err(self.wrong(unknown, &format!("{what} has no such setting; known here: {known}")))
        })
    }

    fn syslog(&self) -> Result<StreamTarget, ConfigError> {
        let text = self.needed("target", "`logs.example.com` or `logs.example.com:6514`")?;
        let wrong = || self.wrong("target", "write it as `logs.example.com` or `logs.example.com:6514`");
        let authority: http::uri::Authority = text.parse().map_err(|_| wrong())?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || text.contains('@') || (text.ends_with(':')) {
            return Err(wrong());
        }
        let identity = match (self.text("cert_file"), self.text("key_file")) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some((cert.into(), key.into())),
            (Some(_), None) => return Err(self.wrong("cert_file", "set `key_file` as well")),
            (None, Some(_)) => return Err(self.wrong("key_file", "set `cert_file` as well")),
        };
        let port = authority.port_u16().unwrap_or(SYSLOG_PORT);
        Ok(StreamTarget::Syslog { host, port, ca_file: self.text("ca_file").map(PathBuf::from), identity })
    }

    fn webhook(&self) -> Result<WebhookTarget, ConfigError> {
        let text = self.needed("target", "`https://logs.example.com/factotum`")?;
        let url = text.parse::<Uri>().ok().filter(|url| is_safe_url(url) && !text.contains(['@', '#']));
        let url = url.ok_or_else(|| {
            let how = "write it as `https://logs.example.com/factotum`, without a password; `http` goes to this machine alone";
            self.wrong("target", how)
        })?;
        let (name, secret) = match (self.text(SECRET), self.text("secret_file")) {
            (Some(secret), None) => (SECRET, Redacted::new(secret.to_owned())),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path);
                let text = text.map_err(|e| self.wrong("secret_file", &format!("{path}: {e}")))?;
                ("secret_file", Redacted::new(text))
            }
            (Some(_), Some(_)) => {
                return Err(self.wrong("secret_file", "`secret` is set as well; set one of them"));
            }
            (None, None) => return Err(self.wrong(SECRET, "it is missing: set it, or `secret_file`")),
        };
        let encoded = secret.expose().trim().strip_prefix(SECRET_PREFIX).unwrap_or_default();
        let bytes = STANDARD.decode(encoded).ok().filter(|bytes| SECRET_BYTES.contains(&bytes.len()));
        let bytes = bytes.ok_or_else(|| {
            self.wrong(name, "it must be `whsec_` and 24 to 64 random bytes in Base64: `echo whsec_$(openssl rand -base64 32)`")
        })?;
        Ok(WebhookTarget {
            url,
            secret: Redacted::new(bytes),
            ca_file: self.text("ca_file").map(PathBuf::from),
        })
    }

    fn file(&self) -> Result<StreamTarget, ConfigError> {
        let path = PathBuf::from(self.needed("target", "an absolute path, `/var/log/factotum/audit.jsonl`")?);
        if !path.is_absolute() || path.file_name().is_none() {
            return Err(
                self.wrong("target", "write an absolute path of a file, `/var/log/factotum/audit.jsonl`")
            );
        }
        let number = |name: &str, default: u64| match self.text(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| self.wrong(name, "write a whole number")),
        };
        let rotate_bytes = number("rotate_bytes", DEFAULT_ROTATE_BYTES)?;
        if rotate_bytes < MIN_ROTATE_BYTES {
            return Err(self.wrong("rotate_bytes", &format!("at least {MIN_ROTATE_BYTES}")));
        }
        Ok(StreamTarget::File { path, rotate_bytes, keep: number("keep", 0)? as usize })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    pub(super) fn load(text: &str) -> Result<Vec<AuditStreamConfig>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let layers =
            Layers::resolve(&[], &Environment::new(), Some(file.path())).map_err(|e| e.to_string())?;
        let mail = MailConfig::from_layers(&layers).map_err(|e| e.to_string())?;
        AuditStreamConfig::from_layers(&layers, &mail).map_err(|e| e.to_string())
    }

    const SYSLOG: &str =
        "[[audit.stream]]\nname = \"siem\"\nkind = \"syslog\"\ntarget = \"logs.example.com\"\n";
    const WEBHOOK: &str = "[[audit.stream]]\nname = \"hook\"\nkind = \"webhook\"\ntarget = \"https://logs.example.com/in\"\nsecret = \"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3\"\n";
    const FILE: &str =
        "[[audit.stream]]\nname = \"disk\"\nkind = \"file\"\ntarget = \"/var/log/audit.jsonl\"\n";

    #[test]
    fn streams_are_read_in_their_order() {
        assert_eq!(load("").unwrap(), []);
        let all = format!(
            "{SYSLOG}format = \"ocsf\"\norganization = \"all\"\n{WEBHOOK}organization = \"Acme\"\n{FILE}rotate_bytes = 1_000_000\n"
        );
        let streams = load(&all).unwrap();
        assert_eq!(streams.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["siem", "hook", "disk"]);
        let target = |n: usize| match &streams[n].sends {
            Sends::Entries { target, .. } => target,
            Sends::Checkpoints { .. } => panic!("{n} sends entries"),
        };
        assert!(matches!(&streams[0].sends, Sends::Entries { form: AuditForm::Ocsf, .. }));
        assert_eq!(streams[0].organization, None);
        assert!(
            matches!(target(0), StreamTarget::Syslog { host, port: SYSLOG_PORT, .. } if host == "logs.example.com")
        );
        assert_eq!(streams[1].organization.as_deref(), Some("Acme"));
        assert!(
            matches!(target(1), StreamTarget::Webhook(hook) if hook.secret.expose() == b"0123456789abcdef01234567")
        );
        assert!(matches!(target(2), StreamTarget::File { rotate_bytes: 1_000_000, keep: 0, .. }));
        assert!(!format!("{streams:?}").contains("0123"), "no secret is shown");
        let six = SYSLOG.replace("logs.example.com", "[::1]:1514");
        assert!(
            matches!(&load(&six).unwrap()[0].sends, Sends::Entries { target: StreamTarget::Syslog { host, port: 1514, .. }, .. } if host == "::1")
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, line, word) in [
            (SYSLOG.replace("syslog", "pigeon"), 3, "`kind`"),
            (SYSLOG.replace("siem", "a b"), 2, "`name`"),
            (SYSLOG.replace("logs.example.com", "https://logs.example.com"), 4, "`target`"),
            (format!("{SYSLOG}port = 5\n"), 5, "`port`"),
            (format!("{SYSLOG}cert_file = \"x\"\n"), 5, "key_file"),
            (format!("{SYSLOG}format = \"csv\"\n"), 5, "`format`"),
            (WEBHOOK.replace("https", "http"), 4, "`target`"),
            (WEBHOOK.replace("whsec_", ""), 5, "whsec_"),
            (WEBHOOK.replace("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "MDEy"), 5, "24 to 64"),
            (format!("{WEBHOOK}secret_file = \"/x\"\n"), 6, "one of them"),
            (FILE.replace("/var", "var"), 4, "absolute"),
            (format!("{FILE}rotate_bytes = 5\n"), 5, "at least"),
            (format!("{FILE}keep = true\n"), 5, "`keep`"),
            (format!("{FILE}send = \"all\"\n"), 5, "`checkpoints`"),
            (format!("{FILE}every_s = 60\n"), 5, "of entries"),
            (format!("{FILE}{FILE}"), 6, "another stream"),
            (format!("{FILE}{}", FILE.replace("disk", "again")), 8, "writes this file"),
            ("[audit]\nstream = 5\n".to_owned(), 2, "[[audit.stream]]"),
            ("[audit]\nstreams = 5\n".to_owned(), 2, "known here"),
        ] {
            let error = load(&text).unwrap_err();
            assert!(error.contains(&format!(":{line}")) && error.contains(word), "{text}: {error}");
            assert!(!error.contains("MDEy"), "{error}");
        }
    }
}
