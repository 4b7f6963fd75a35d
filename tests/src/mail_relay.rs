//! An SMTP server on loopback with TLS of its own: where the server under test hands letters over (RFC 5321, 3207, 4954, 8314). What must hold: it
//! says of each line that it heard whether it came inside TLS; it takes letters of nobody who has not logged in; its threads end with it.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned, crypto};

/// Who may hand letters over.
pub const USER: &str = "factotum";
/// Their password, with characters that a URL has to escape.
pub const PASSWORD: &str = "relay hunter2 @:/";
/// The same in a URL.
pub const ESCAPED_PASSWORD: &str = "relay%20hunter2%20%40%3A%2F";
/// Both as `AUTH PLAIN` says them (RFC 4616 §2).
const PLAIN: &str = "AGZhY3RvdHVtAHJlbGF5IGh1bnRlcjIgQDov";
/// The longest that it waits for a line.
const PATIENCE: Duration = Duration::from_mins(1);

/// How it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// TLS from the start.
    Tls,
    /// `STARTTLS`.
    StartTls,
    /// No TLS: as one looks from whose answer somebody on the way took `STARTTLS` out. It takes everything.
    Stripped,
}

/// A line that it heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Whether inside TLS.
    pub in_tls: bool,
    /// Without its end.
    pub line: String,
}

#[derive(Default)]
struct Shared {
    heard: Mutex<Vec<Heard>>,
    letters: Mutex<Vec<String>>,
    ended: AtomicBool,
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The relay.
pub struct MailRelay {
    port: u16,
    folder: tempfile::TempDir,
    shared: Arc<Shared>,
}

impl MailRelay {
    /// Listens on a free port, with a certificate for this name by an authority that nobody else has.
    pub fn start(offer: Offer, name: &str) -> anyhow::Result<Self> {
        let (config, authority) = certified(name)?;
        let folder = tempfile::Builder::new().prefix("factotum-relay-").tempdir()?;
        std::fs::write(folder.path().join("ca.pem"), authority)?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if own.ended.load(Ordering::Acquire) {
                    break;
                }
                let (shared, config) = (Arc::clone(&own), Arc::clone(&config));
                if let Ok(stream) = stream {
                    // A client that breaks off, at a certificate that it does not believe, is what tests want to see.
                    std::thread::spawn(move || serve(stream, offer, config, &shared).ok());
                }
            }
        });
        Ok(Self { port, folder, shared })
    }

    /// The certificate of its authority, in PEM.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// `[mail]` of a server that hands its letters over here, with this password, as it stands in a URL, and this authority.
    pub fn toml(&self, scheme: &str, password: &str, authority: Option<&Path>) -> String {
        let ca = authority.map(|path| format!("ca = \"{}\"\n", path.display())).unwrap_or_default();
        format!("[mail]\nrelay = \"{scheme}://{USER}:{password}@localhost:{}\"\n{ca}", self.port)
    }

    /// What it heard so far.
    pub fn heard(&self) -> Vec<Heard> {
        locked(&self.shared.heard).clone()
    }

    /// The letters that it took.
    pub fn letters(&self) -> Vec<String> {
        locked(&self.shared.letters).clone()
    }
}

impl Drop for MailRelay {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        // Wakes the thread that waits in `accept`.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn certified(name: &str) -> anyhow::Result<(Arc<ServerConfig>, String)> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate()?;
    let root = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &issuer)?;
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("the protocol's versions")?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)?;
    Ok((Arc::new(config), root.pem()))
}

fn serve(stream: TcpStream, offer: Offer, config: Arc<ServerConfig>, shared: &Shared) -> anyhow::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let wrap = |stream| anyhow::Ok(BufReader::new(StreamOwned::new(ServerConnection::new(config)?, stream)));
    if offer == Offer::Tls {
        let mut stream = wrap(stream)?;
        say(&mut stream, "220 relay.example.com ESMTP")?;
        talk(&mut stream, "AUTH PLAIN", true, shared)?;
        return Ok(());
    }
    let mut plain = BufReader::new(stream);
    say(&mut plain, "220 relay.example.com ESMTP")?;
    let extension = if offer == Offer::StartTls { "STARTTLS" } else { "AUTH PLAIN" };
    if talk(&mut plain, extension, false, shared)? {
        talk(&mut wrap(plain.into_inner())?, "AUTH PLAIN", true, shared)?;
    }
    Ok(())
}

fn say<S: Read + Write>(stream: &mut BufReader<S>, answer: &str) -> std::io::Result<()> {
    let stream = stream.get_mut();
    stream.write_all(format!("{answer}\r\n").as_bytes())?;
    stream.flush()
}

/// Whether it ended in `STARTTLS`.
fn talk<S: Read + Write>(
    stream: &mut BufReader<S>,
    extension: &str,
    in_tls: bool,
    shared: &Shared,
) -> std::io::Result<bool> {
    let (mut logged_in, mut letter) = (false, None::<String>);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        let line = line.trim_end_matches(['\r', '\n']);
        locked(&shared.heard).push(Heard { in_tls, line: line.to_owned() });
        if let Some(text) = &mut letter {
            if line != "." {
                text.extend([line, "\n"]);
                continue;
            }
            locked(&shared.letters).extend(letter.take());
            say(stream, "250 taken")?;
            continue;
        }
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                say(stream, &format!("250-relay.example.com\r\n250 {extension}"))?;
            }
            "STARTTLS" if extension == "STARTTLS" => {
                say(stream, "220 go on")?;
                return Ok(true);
            }
            "AUTH" if line.strip_prefix("AUTH PLAIN ") == Some(PLAIN) => {
                logged_in = true;
                say(stream, "235 welcome")?;
            }
            // A relay that repeats what it was told, as none should.
            "AUTH" => say(stream, &format!("535 5.7.8 no such user: {line}"))?,
            "QUIT" => {
                say(stream, "221 bye")?;
                return Ok(false);
            }
            "MAIL" | "RCPT" | "DATA" if !logged_in => say(stream, "530 5.7.0 log in first")?,
            "DATA" => {
                letter = Some(String::new());
                say(stream, "354 go on")?;
            }
            _ => say(stream, "250 fine")?,
        }
    }
}
