//! Where letters go: the value of `mail.relay`. What must hold: a password goes over a network only inside TLS, and neither it nor the
//! value that holds it is ever printed.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use factotum_model::Redacted;
use http::Uri;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use percent_encoding::percent_decode_str;

/// Where letters go.
#[derive(Debug, Clone)]
pub enum Relay {
    /// Nowhere.
    Off,
    /// To the terminal: for development.
    Stdout,
    /// Into a folder, one `.eml` each.
    Folder(PathBuf),
    /// To an SMTP server.
    Smtp(Server),
}

/// An SMTP server that takes letters on (RFC 6409).
#[derive(Clone)]
pub struct Server {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<(String, Redacted)>,
}

#[derive(Clone)]
enum Security {
    /// Loopback only.
    Plain,
    /// RFC 3207, never done without.
    StartTls(TlsParameters),
    /// RFC 8314 §3.3.
    Tls(TlsParameters),
}

/// Why a text names no relay. It does not repeat the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// None of the forms.
    #[error(
        "write it as `smtp://[user:password@]host[:port]` (STARTTLS, needed unless the host is this machine), `smtps://…`, `file:/folder`, `stdout` or `off`"
    )]
    Form,
    /// A user without a password, or the other way round; or escapes that are no text.
    #[error(
        "give user and password both, as in `smtp://user:password@host`, with characters such as `@`, `:` and `/` escaped as `%40`, `%3A`, `%2F`"
    )]
    Credentials,
    /// A folder that is not absolute.
    #[error("the folder must be an absolute path, as in `file:/var/mail/factotum`")]
    Folder,
    /// A file of certificates that holds none.
    #[error("the file holds no certificate; it must be PEM: `-----BEGIN CERTIFICATE-----`")]
    Authority,
    /// A host that no certificate can name.
    #[error("the host is no name that a certificate could be for")]
    Host,
}

impl FromStr for Relay {
    type Err = RelayError;

    fn from_str(text: &str) -> Result<Self, RelayError> {
        match text {
            "off" => Ok(Self::Off),
            "stdout" => Ok(Self::Stdout),
            _ => match text.strip_prefix("file:") {
                Some(folder) => {
                    let folder = PathBuf::from(folder.strip_prefix("//").unwrap_or(folder));
                    if folder.is_absolute() { Ok(Self::Folder(folder)) } else { Err(RelayError::Folder) }
                }
                None => server(text).map(Self::Smtp),
            },
        }
    }
}

impl Relay {
    /// The same relay, believed only with a certificate of these authorities (PEM), whatever the public ones say. TLS is then never done without,
    /// on this machine neither.
    pub fn trusting(self, authorities: &[u8]) -> Result<Self, RelayError> {
        let certificates = Certificate::from_pem(authorities).map_err(|_| RelayError::Authority)?;
        if !authorities.windows(BEGIN.len()).any(|window| window == BEGIN) {
            return Err(RelayError::Authority);
        }
        let Self::Smtp(server) = self else { return Ok(self) };
        let own = TlsParameters::builder(server.host.clone())
            .certificate_store(CertificateStore::None)
            .add_root_certificate(certificates)
            .build()
            .map_err(|_| RelayError::Authority)?;
        let security = match server.security {
            Security::Tls(_) => Security::Tls(own),
            Security::Plain | Security::StartTls(_) => Security::StartTls(own),
        };
        Ok(Self::Smtp(Server { security, ..server }))
    }
}

/// How a certificate begins in PEM (RFC 7468 §5).
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

fn server(text: &str) -> Result<Server, RelayError> {
    let uri: Uri = text.parse().map_err(|_| RelayError::Form)?;
    let wrapped = match uri.scheme_str() {
        Some("smtp") => false,
        Some("smtps") => true,
        _ => return Err(RelayError::Form),
    };
    let authority = uri.authority().ok_or(RelayError::Form)?;
    if uri.path_and_query().is_some_and(|p| p.as_str() != "/") || authority.host().is_empty() {
        return Err(RelayError::Form);
    }
    let credentials = match authority.as_str().rsplit_once('@') {
        None => None,
        Some((userinfo, _)) => {
            let (user, password) = userinfo.split_once(':').ok_or(RelayError::Credentials)?;
            let decoded = |part: &str| percent_decode_str(part).decode_utf8().map(String::from);
            let (Ok(user), Ok(password)) = (decoded(user), decoded(password)) else {
                return Err(RelayError::Credentials);
            };
            if user.is_empty() || password.is_empty() {
                return Err(RelayError::Credentials);
            }
            Some((user, Redacted::new(password)))
        }
    };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let loopback =
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|a| a.is_loopback());
    let tls = || TlsParameters::new(host.clone()).map_err(|_| RelayError::Host);
    let (security, port) = match (wrapped, loopback) {
        (true, _) => (Security::Tls(tls()?), 465),
        (false, true) => (Security::Plain, 25),
        (false, false) => (Security::StartTls(tls()?), 587),
    };
    Ok(Server { port: authority.port_u16().unwrap_or(port), host, security, credentials })
}

impl Server {
    /// A client of it.
    pub(super) fn transport(&self, timeout: Duration) -> AsyncSmtpTransport<Tokio1Executor> {
        let tls = match &self.security {
            Security::Plain => Tls::None,
            Security::StartTls(parameters) => Tls::Required(parameters.clone()),
            Security::Tls(parameters) => Tls::Wrapper(parameters.clone()),
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host)
            .port(self.port)
            .tls(tls)
            .timeout(Some(timeout));
        match &self.credentials {
            Some((user, password)) => {
                builder.credentials(Credentials::new(user.clone(), password.expose().clone())).build()
            }
            None => builder.build(),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

    use super::*;
    use crate::mail::{Letter, MailError, Mailer};

    #[test]
    fn a_relay_over_a_network_has_tls() {
        let read = |text: &str| match text.parse::<Relay>().unwrap() {
            Relay::Smtp(server) => server,
            other => panic!("{other:?}"),
        };
        for (text, port) in [("smtp://mx.example.com", 587), ("smtp://u:p@10.0.0.1:25", 25)] {
            let server = read(text);
            assert!(matches!(server.security, Security::StartTls(_)) && server.port == port, "{text}");
        }
        assert!(matches!(read("smtps://mx.example.com").security, Security::Tls(_)));
        for text in ["smtp://localhost", "smtp://127.0.0.1:2525", "smtp://u:p@[::1]:2525"] {
            assert!(matches!(read(text).security, Security::Plain), "{text}");
        }
        let escaped = read("smtps://ann%40example.com:hunter%3A2@mx.example.com:465");
        let (user, password) = escaped.credentials.clone().unwrap();
        assert_eq!((user.as_str(), password.expose().as_str()), ("ann@example.com", "hunter:2"));
        assert!(!format!("{escaped:?}").contains("hunter"));
    }

    /// An SMTP server that takes one letter, in plain text, and gives back what it was told (RFC 5321).
    async fn taken(listener: tokio::net::TcpListener) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (reader, mut writer) = stream.split();
        let (mut lines, mut heard, mut in_data) = (BufReader::new(reader).lines(), String::new(), false);
        writer.write_all(b"220 relay.example.com ESMTP\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            heard.extend([line.as_str(), "\n"]);
            let answer = match line.split([' ', ':']).next().unwrap_or_default() {
                "." if in_data => "250 taken",
                _ if in_data => continue,
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                _ => "250 fine",
            };
            in_data = line == "DATA";
            if writer.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() || line == "QUIT" {
                break;
            }
        }
        heard
    }

    async fn sent(security: Security) -> (Result<(), MailError>, String) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Server { host: "127.0.0.1".into(), port, security, credentials: None };
        let mailer = Mailer::through(&Relay::Smtp(server), "f@example.com".parse().unwrap());
        let letter = Letter::of("ann@example.com", "Hello", "a line\n.\nanother\n");
        let now = factotum_model::Timestamp::from_micros(0);
        let (sent, heard) = tokio::join!(
            async {
                let sent = mailer.send(&letter, now).await;
                drop(mailer);
                sent
            },
            taken(listener)
        );
        (sent, heard)
    }

    #[tokio::test]
    async fn a_letter_is_handed_over_by_smtp() {
        let (sent, heard) = sent(Security::Plain).await;
        sent.unwrap();
        assert!(
            heard.contains("MAIL FROM:<f@example.com>") && heard.contains("RCPT TO:<ann@example.com>"),
            "{heard}"
        );
        assert!(heard.contains("\na line\n..\nanother\n"), "a dot alone does not end it: {heard}");
    }

    #[tokio::test]
    async fn a_relay_that_offers_no_tls_is_told_nothing() {
        let (sent, heard) = sent(Security::StartTls(TlsParameters::new("localhost".into()).unwrap())).await;
        assert!(matches!(sent, Err(MailError::Relay(_))), "{sent:?}");
        assert!(!heard.contains("MAIL") && !heard.contains("example.com"), "{heard}");
    }

    #[test]
    fn a_private_authority_takes_the_place_of_the_public_ones() {
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap().pem();
        let trusting = |text: &str| text.parse::<Relay>().unwrap().trusting(pem.as_bytes()).unwrap();
        let security = |text: &str| match trusting(text) {
            Relay::Smtp(server) => server.security,
            other => panic!("{other:?}"),
        };
        assert!(matches!(security("smtps://mx.example.com"), Security::Tls(_)));
        for text in ["smtp://mx.example.com", "smtp://localhost:2525"] {
            assert!(matches!(security(text), Security::StartTls(_)), "{text}");
        }
        assert!(matches!(trusting("off"), Relay::Off));
        for bad in ["", "hello", &key.serialize_pem()] {
            let refused = "smtps://mx".parse::<Relay>().unwrap().trusting(bad.as_bytes());
            assert!(matches!(refused, Err(RelayError::Authority)), "{bad}");
        }
    }

    #[test]
    fn what_is_no_relay_is_refused_without_repeating_it() {
        for bad in [
            "",
            "on",
            "mx.example.com",
            "http://u:hunter2@mx",
            "smtp://",
            "smtp://hunter2@mx",
            "smtp://:hunter2@mx",
            "smtp://u:hunter2@mx/path",
            "smtp://u:hunter2@mx?tls=none",
            "file:folder",
            "file:",
            "smtps://u:%FF@mx",
        ] {
            let error = bad.parse::<Relay>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{bad}");
        }
        assert!(matches!("file:///var/out".parse(), Ok(Relay::Folder(p)) if p.to_str() == Some("/var/out")));
        assert!(matches!("file:/var/out".parse(), Ok(Relay::Folder(p)) if p.to_str() == Some("/var/out")));
    }
}
