//! The load generator: POSTs over keep-alive HTTP/1.1 connections from one thread. What must hold: it is cheap enough to share two
//! cores with the server (one write and one read a request, no parsing beyond the answer's length), and an answer that
//! is no 2xx is counted as an error, never as a result.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use serde_json::{Value, json};

use crate::command::say;

/// Answers longer than this are no answers of the guests measured here, in bytes.
const MAX_ANSWER_BYTES: usize = 64 << 10;
/// How many ticks a second has at the most: a poll is exact to a millisecond.
const MAX_TICKS: u64 = 1_000;

/// What to send, from the command line.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The server's loopback port
    #[arg(long)]
    pub port: u16,
    /// The path to POST to
    #[arg(long)]
    pub path: String,
    /// The body
    #[arg(long, default_value = "{}")]
    pub body: String,
    /// Keep-alive connections
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
    /// Requests a second, sent when they are due whether or not those before are answered, and measured from when they were due; 0: the next as soon
    /// as one is answered
    #[arg(long, default_value_t = 0)]
    pub rate: u64,
    /// Seconds that count
    #[arg(long, default_value_t = 8)]
    pub seconds: u64,
    /// Seconds before, that do not count
    #[arg(long, default_value_t = 2)]
    pub warm_up: u64,
}

/// Sends, and prints one line of JSON.
pub fn run(options: &Options) -> anyhow::Result<()> {
    say(&generate(options)?.to_string());
    Ok(())
}

struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    sent_at: Instant,
    writable: bool,
}

/// What is due and not yet sent, and who can send it.
struct Pace {
    tick: Duration,
    each: u64,
    next: Instant,
    due: VecDeque<Instant>,
    idle: Vec<usize>,
}

impl Pace {
    /// So many a second, in ticks no shorter than a poll is exact.
    fn of(rate: u64) -> Option<Self> {
        let each = rate.div_ceil(MAX_TICKS);
        let tick = Duration::from_secs(1).mul_f64(each as f64 / rate.max(1) as f64);
        (rate > 0).then(|| Self { tick, each, next: Instant::now(), due: VecDeque::new(), idle: Vec::new() })
    }

    /// Sends what is due over connections that wait for nothing.
    fn send(&mut self, connections: &mut [Connection], request: &[u8]) -> anyhow::Result<()> {
        while self.next <= Instant::now() {
            self.due.extend((0..self.each).map(|_| self.next));
            self.next += self.tick;
        }
        while let (Some(due), true) = (self.due.front().copied(), !self.idle.is_empty()) {
            let Some(at) = self.idle.pop() else { break };
            self.due.pop_front();
            send(&mut connections[at], request)?;
            connections[at].sent_at = due;
        }
        Ok(())
    }
}

fn generate(options: &Options) -> anyhow::Result<Value> {
    let request = format!(
        "POST {} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{}",
        options.path,
        options.port,
        options.body.len(),
        options.body
    )
    .into_bytes();
    let address = SocketAddr::from(([127, 0, 0, 1], options.port));
    let mut poll = Poll::new()?;
    let mut connections = Vec::with_capacity(options.connections);
    for number in 0..options.connections {
        let mut stream = TcpStream::connect(address).context("cannot reach the server")?;
        poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
        let answer = Vec::with_capacity(4096);
        connections.push(Connection { stream, answer, sent_at: Instant::now(), writable: false });
    }
    let mut events = Events::with_capacity(options.connections.max(16));
    let start = Instant::now() + Duration::from_secs(options.warm_up);
    let end = start + Duration::from_secs(options.seconds);
    let (mut latencies, mut errors) = (Vec::with_capacity(1 << 20), 0u64);
    let mut pace = Pace::of(options.rate);
    while Instant::now() < end {
        let patience = pace.as_ref().map(|pace| pace.next.saturating_duration_since(Instant::now()));
        poll.poll(&mut events, Some(patience.unwrap_or(Duration::from_millis(100))))?;
        for event in &events {
            let connection = &mut connections[event.token().0];
            if !connection.writable && event.is_writable() {
                connection.writable = true;
                connection.stream.set_nodelay(true)?;
                match &mut pace {
                    Some(pace) => pace.idle.push(event.token().0),
                    None => send(connection, &request)?,
                }
            }
            while let Some(status) = receive(connection)? {
                let now = Instant::now();
                if now >= start && now < end {
                    if (200..300).contains(&status) {
                        latencies.push(now - connection.sent_at);
                    } else {
                        errors += 1;
                    }
                }
                match &mut pace {
                    Some(pace) => {
                        connection.answer.clear();
                        pace.idle.push(event.token().0);
                    }
                    None => send(connection, &request)?,
                }
            }
        }
        if let Some(pace) = &mut pace {
            pace.send(&mut connections, &request)?;
        }
    }
    // What was due and never answered would be left out of the figures otherwise.
    let late = pace.as_ref().map_or(0, |pace| pace.due.len());
    latencies.sort_unstable();
    let micros = |share: f64| {
        let rank = ((latencies.len() as f64 * share) as usize).min(latencies.len().saturating_sub(1));
        latencies.get(rank).map(|d| d.as_secs_f64() * 1e6)
    };
    Ok(json!({
        "per_second": latencies.len() as f64 / options.seconds as f64,
        "p50_us": micros(0.5), "p99_us": micros(0.99), "max_us": micros(1.0),
        "requests": latencies.len(), "errors": errors, "late": late,
        "connections": options.connections, "seconds": options.seconds,
    }))
}

fn send(connection: &mut Connection, request: &[u8]) -> anyhow::Result<()> {
    connection.answer.clear();
    connection.sent_at = Instant::now();
    // A request is far smaller than a socket's buffer, which is empty whenever the answer before has come.
    let written = connection.stream.write(request)?;
    ensure!(written == request.len(), "the socket took {written} of {} bytes", request.len());
    Ok(())
}

/// The status, once the whole answer is there.
fn receive(connection: &mut Connection) -> anyhow::Result<Option<u16>> {
    let mut chunk = [0; 4096];
    loop {
        match connection.stream.read(&mut chunk) {
            Ok(0) => bail!("the server closed a connection: {}", String::from_utf8_lossy(&connection.answer)),
            Ok(length) => connection.answer.extend_from_slice(&chunk[..length]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => return Ok(None),
            Err(e) => return Err(e.into()),
        }
        ensure!(connection.answer.len() <= MAX_ANSWER_BYTES, "the answer is too long");
        if let Some(status) = whole(&connection.answer)? {
            return Ok(Some(status));
        }
    }
}

/// Whether the bytes are a whole answer (RFC 9112 §6), and its status.
fn whole(answer: &[u8]) -> anyhow::Result<Option<u16>> {
    let Some(head_end) = answer.windows(4).position(|w| w == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&answer[..head_end])?.to_ascii_lowercase();
    let status = head.get(9..12).and_then(|digits| digits.parse().ok()).context("no HTTP answer")?;
    let body = &answer[head_end + 4..];
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let done = if let Some(length) = field("content-length:") {
        body.len() >= length.parse::<usize>()?
    } else if field("transfer-encoding:").is_some() {
        body.ends_with(b"0\r\n\r\n")
    } else {
        true
    };
    Ok(done.then_some(status))
}

#[cfg(test)]
mod tests {
    use factotum_tests::receiver::Receiver;

    use super::*;

    #[test]
    fn an_answer_is_whole_at_its_end_and_not_before() {
        let answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(whole(&answer[..answer.len() - 1]).unwrap(), None);
        assert_eq!(whole(answer).unwrap(), Some(202));
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        assert_eq!(whole(&chunked[..chunked.len() - 5]).unwrap(), None);
        assert_eq!(whole(chunked).unwrap(), Some(200));
        assert!(whole(b"SSH-2.0-x\r\n\r\n").is_err());
    }

    fn measure(port: u16) -> Value {
        let options = Options {
            port,
            path: "/x".into(),
            body: "{}".into(),
            connections: 4,
            rate: 0,
            seconds: 1,
            warm_up: 0,
        };
        generate(&options).unwrap()
    }

    #[test]
    fn a_pace_is_kept() {
        let receiver = Receiver::start().unwrap();
        let path = "/x".to_owned();
        let options = Options {
            port: receiver.port(),
            path,
            body: "{}".into(),
            connections: 4,
            rate: 50,
            seconds: 2,
            warm_up: 0,
        };
        let figures = generate(&options).unwrap();
        let requests = figures["requests"].as_u64().unwrap();
        assert!((1..=101).contains(&requests), "never more than are due: {figures}");
    }

    #[test]
    fn results_are_counted_apart_from_errors() {
        let receiver = Receiver::start().unwrap();
        let figures = measure(receiver.port());
        assert!(figures["requests"].as_u64().unwrap() > 10 && figures["errors"] == 0, "{figures}");
        assert!(figures["p50_us"].as_f64().unwrap() > 0.0);
        receiver.answer(503);
        let figures = measure(receiver.port());
        assert!(figures["requests"] == 0 && figures["errors"].as_u64().unwrap() > 10, "{figures}");
    }
}
