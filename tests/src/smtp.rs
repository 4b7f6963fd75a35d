//! An SMTP client that says exactly what it is told to, well formed or not. What must hold: it reads whole answers; a server that does not answer is an error within
//! a bound.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rcgen::{CertificateParams, KeyPair};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// An answer: its code, and its lines without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Three digits.
    pub code: u16,
    /// What follows them, line by line.
    pub lines: Vec<String>,
}

impl Said {
    /// `250 2.1.5`: code and enhanced code, where it has one.
    pub fn short(&self) -> String {
        let enhanced = self.lines.last().and_then(|line| line.split(' ').next());
        let enhanced = enhanced.filter(|word| word.split('.').count() == 3);
        enhanced.map_or_else(|| self.code.to_string(), |word| format!("{} {word}", self.code))
    }
}

/// A connection.
pub struct Smtp {
    stream: BufReader<Box<dyn Wire>>,
    plain: TcpStream,
}

impl Smtp {
    /// Connects, and reads nothing yet.
    pub fn open(port: u16) -> anyhow::Result<Self> {
        let plain = TcpStream::connect(("127.0.0.1", port))?;
        plain.set_read_timeout(Some(PATIENCE))?;
        plain.set_write_timeout(Some(PATIENCE))?;
        plain.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(Box::new(plain.try_clone()?)), plain })
    }

    /// Connects, and says EHLO.
    pub fn greeted(port: u16) -> anyhow::Result<Self> {
        let mut smtp = Self::open(port)?;
        ensure!(smtp.read()?.code == 220, "no greeting");
        ensure!(smtp.say("EHLO client.example.com")?.code == 250, "no answer to EHLO");
        Ok(smtp)
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream.get_mut().write_all(bytes)?;
        Ok(self.stream.get_mut().flush()?)
    }

    /// Reads an answer.
    pub fn read(&mut self) -> anyhow::Result<Said> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            ensure!(self.stream.read_line(&mut line)? > 0, "the server closed the connection");
            let text = line.strip_suffix("\r\n").context("a line without CRLF")?;
            let code = text.get(..3).and_then(|code| code.parse().ok()).context("no code")?;
            lines.push(text.get(4..).unwrap_or_default().to_owned());
            match text.as_bytes().get(3) {
                Some(b'-') => {}
                None | Some(b' ') => return Ok(Said { code, lines }),
                Some(_) => bail!("neither the last line nor another: {text}"),
            }
        }
    }

    /// Whether the server closed the connection, all answers read.
    pub fn is_closed(&mut self) -> bool {
        let mut rest = [0; 1];
        // A reset closes it, too.
        matches!(self.stream.read(&mut rest), Ok(0) | Err(_))
    }

    /// Sends a command and reads its answer.
    pub fn say(&mut self, command: &str) -> anyhow::Result<Said> {
        self.send(format!("{command}\r\n").as_bytes())?;
        self.read().with_context(|| format!("after {command}"))
    }

    /// Begins a message; the answers' codes have to be 250 each.
    pub fn envelope(&mut self, from: &str, to: &[&str]) -> anyhow::Result<()> {
        let said = self.say(&format!("MAIL FROM:<{from}>"))?;
        ensure!(said.code == 250, "{said:?}");
        for to in to {
            let said = self.say(&format!("RCPT TO:<{to}>"))?;
            ensure!(said.code == 250, "{said:?}");
        }
        Ok(())
    }

    /// Sends a whole message by DATA; the last answer. `message` has no line that begins with a dot, and ends its lines with CRLF.
    pub fn deliver(&mut self, from: &str, to: &str, message: &[u8]) -> anyhow::Result<Said> {
        self.envelope(from, &[to])?;
        let said = self.say("DATA")?;
        ensure!(said.code == 354, "{said:?}");
        self.send(message)?;
        self.send(b".\r\n")?;
        self.read()
    }

    /// Sends a whole message by one BDAT, byte for byte; the last answer.
    pub fn deliver_chunk(&mut self, from: &str, to: &str, message: &[u8]) -> anyhow::Result<Said> {
        self.envelope(from, &[to])?;
        self.send(format!("BDAT {} LAST\r\n", message.len()).as_bytes())?;
        self.send(message)?;
        self.read()
    }

    /// Does the handshake after a STARTTLS that was answered with 220; trusts this certificate.
    pub fn secure(self, certificate: &Path) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certificate)?)?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost")?)?;
        let stream = StreamOwned::new(connection, self.plain.try_clone()?);
        Ok(Self { stream: BufReader::new(Box::new(stream)), plain: self.plain })
    }
}

/// Makes a certificate for `localhost` in this folder: the paths of `cert.pem` and `key.pem`.
pub fn certificate(folder: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&key)?;
    let paths = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&paths.0, certificate.pem())?;
    std::fs::write(&paths.1, key.serialize_pem())?;
    Ok(paths)
}
