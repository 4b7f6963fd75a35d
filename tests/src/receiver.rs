//! A small HTTP receiver on loopback: the other end of what workflows send. What must hold: it keeps what it got, answers as
//! told, and its threads end with it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The largest body it takes, in bytes.
const MAX_BODY_BYTES: usize = 16 << 20;

/// A request that came.
#[derive(Debug, Clone)]
pub struct Received {
    /// `POST`
    pub method: String,
    /// With its query.
    pub path: String,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: Vec<u8>,
}

impl Received {
    /// A header's first value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    status: AtomicU16,
    page: Mutex<Option<String>>,
    ended: AtomicBool,
}

impl Shared {
    fn received(&self) -> MutexGuard<'_, Vec<Received>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The receiver.
pub struct Receiver {
    port: u16,
    shared: Arc<Shared>,
}

impl Receiver {
    /// Listens on a free port and answers 200 `{"ok":true}`.
    pub fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared { status: AtomicU16::new(200), ..Shared::default() });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if own.ended.load(Ordering::Acquire) {
                    break;
                }
                let shared = Arc::clone(&own);
                if let Ok(stream) = stream {
                    // A client that breaks off is its own affair.
                    std::thread::spawn(move || serve(stream, &shared).ok());
                }
            }
        });
        Ok(Self { port, shared })
    }

    /// The loopback port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:PORT`
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: u16) {
        self.shared.status.store(status, Ordering::Release);
    }

    /// Answers with this page from now on: what another site could show to whoever visits it.
    pub fn show(&self, html: &str) {
        *self.shared.page.lock().unwrap_or_else(PoisonError::into_inner) = Some(html.to_owned());
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        // Wakes the thread that waits in `accept`.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream)? {
        shared.received().push(request);
        let status = shared.status.load(Ordering::Acquire);
        let page = shared.page.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (kind, body) = match page {
            Some(html) => ("text/html; charset=utf-8", html),
            None => ("application/json", r#"{"ok":true}"#.to_owned()),
        };
        let head = format!(
            "HTTP/1.1 {status} Answer\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let answer = [head.as_bytes(), body.as_bytes()].concat();
        stream.get_mut().write_all(&answer)?;
    }
    Ok(())
}

fn read_request(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Received>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(ToOwned::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let mut request = Received { method, path, headers, body: Vec::new() };
    if request.header("transfer-encoding").is_some_and(|t| t.eq_ignore_ascii_case("chunked")) {
        request.body = read_chunks(stream)?;
    } else if let Some(length) = request.header("content-length").and_then(|l| l.parse().ok()) {
        request.body = read_bytes(stream, length)?;
    }
    Ok(Some(request))
}

fn read_chunks(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).map_err(|_| std::io::ErrorKind::InvalidData)?;
        body.extend(read_bytes(stream, size)?);
        stream.read_line(&mut line)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn read_bytes(stream: &mut BufReader<TcpStream>, length: usize) -> std::io::Result<Vec<u8>> {
    if length > MAX_BODY_BYTES {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}
