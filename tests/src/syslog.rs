//! A syslog server over TLS (RFC 5425) on loopback, with a certificate of an authority of its own. What must hold: it keeps the messages that came in whole
//! frames; it can go away and come back on the same port; its threads end with it.

use std::io::{BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The longest message it takes, in bytes.
const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// The server.
pub struct Syslog {
    port: u16,
    config: Arc<ServerConfig>,
    folder: tempfile::TempDir,
    messages: Arc<Mutex<Vec<String>>>,
    listening: Option<Listening>,
}

struct Listening {
    ended: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
    port: u16,
}

impl Syslog {
    /// Makes an authority and a certificate for `localhost`, and listens on a free port.
    pub fn start() -> anyhow::Result<Self> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let certificate =
            CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &authority)?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("ca.pem"), authority.pem())?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let mut own =
            Self { port, config: Arc::new(config), folder, messages: Arc::default(), listening: None };
        own.serve(listener);
        Ok(own)
    }

    /// The authority that signed its certificate, in PEM.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// `localhost:PORT`
    pub fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// What came in whole frames so far.
    pub fn messages(&self) -> Vec<String> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes away: connections are refused.
    pub fn stop(&mut self) {
        self.listening = None;
    }

    /// Comes back on the same port.
    pub fn resume(&mut self) -> anyhow::Result<()> {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).context("the port is taken")?;
        self.serve(listener);
        Ok(())
    }

    fn serve(&mut self, listener: TcpListener) {
        let ended = Arc::new(AtomicBool::new(false));
        let (own, config, messages) =
            (Arc::clone(&ended), Arc::clone(&self.config), Arc::clone(&self.messages));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if own.load(Ordering::Acquire) {
                    break;
                }
                let (config, messages) = (Arc::clone(&config), Arc::clone(&messages));
                if let Ok(stream) = stream {
                    // A client that breaks off is its own affair.
                    std::thread::spawn(move || take(stream, config, &messages).ok());
                }
            }
        });
        self.listening = Some(Listening { ended, thread: Some(thread), port: self.port });
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Wakes the thread that waits in `accept`.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads to the end of the client's side, then closes in an orderly way.
fn take(stream: TcpStream, config: Arc<ServerConfig>, messages: &Mutex<Vec<String>>) -> anyhow::Result<()> {
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(config)?, stream));
    while let Some(message) = frame(&mut stream)? {
        messages.lock().unwrap_or_else(PoisonError::into_inner).push(message);
    }
    let mut stream = stream.into_inner();
    stream.conn.send_close_notify();
    stream.conn.write_tls(&mut stream.sock)?;
    Ok(())
}

/// `LENGTH SP MESSAGE` (RFC 5425 §4.3); none at the end.
fn frame(stream: &mut impl Read) -> anyhow::Result<Option<String>> {
    let mut length = 0;
    for at in 0.. {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            anyhow::ensure!(at == 0, "the stream ended within a frame's length");
            return Ok(None);
        }
        match byte[0] {
            digit @ b'0'..=b'9' => length = length * 10 + usize::from(digit - b'0'),
            b' ' if at > 0 => break,
            other => anyhow::bail!("{other:?} in a frame's length"),
        }
        anyhow::ensure!(length <= MAX_MESSAGE_BYTES, "the frame is too long");
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message)?;
    Ok(Some(String::from_utf8(message)?))
}
