//! Many webhook deliveries over keep-alive connections. What must hold: every delivery is told of with what came back, broken
//! connections included, and the generator is cheap enough to share two cores with the server: bytes are written and
//! read by hand, one thread a connection.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_mins(1);
/// How long a thread waits before it tries a server again that refused its connection.
const RECONNECT_PAUSE: Duration = Duration::from_millis(5);

/// What to send where.
pub struct Load<'a> {
    /// The server's loopback port.
    pub port: u16,
    /// The path to POST to.
    pub path: &'a str,
    /// How many deliveries.
    pub count: usize,
    /// Over how many connections.
    pub connections: usize,
    /// The headers beyond the necessary ones and the body, by the delivery's number from 0.
    pub message: &'a (dyn Fn(usize) -> (String, String) + Sync),
}

/// One delivery that was tried.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its number, from 0.
    pub number: usize,
    /// The answer's status; none if the connection broke before the answer was whole.
    pub status: Option<u16>,
    /// The answer's body.
    pub body: String,
    /// From the first byte written to the last one read.
    pub latency: Duration,
}

impl Delivery {
    /// Whether the server said yes.
    pub fn acknowledged(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

impl Load<'_> {
    /// Sends everything once, a broken delivery not again.
    pub fn send(&self) -> Vec<Delivery> {
        self.send_while(&AtomicBool::new(true))
    }

    /// Sends until all is sent or `go` turns false. In the order of completion.
    pub fn send_while(&self, go: &AtomicBool) -> Vec<Delivery> {
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::with_capacity(self.count));
        std::thread::scope(|scope| {
            for _ in 0..self.connections {
                scope.spawn(|| {
                    let mut own = Vec::new();
                    let mut connection = None;
                    while go.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.count {
                            break;
                        }
                        own.push(self.deliver(number, &mut connection));
                    }
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).append(&mut own);
                });
            }
        });
        done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn deliver(&self, number: usize, connection: &mut Option<BufReader<TcpStream>>) -> Delivery {
        let (headers, body) = (self.message)(number);
        let request = format!(
            "POST {} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            self.path,
            body.len()
        );
        let start = Instant::now();
        let answer = exchange(self.port, request.as_bytes(), connection);
        let latency = start.elapsed();
        match answer {
            Ok((status, body)) => {
                let body = String::from_utf8_lossy(&body).into_owned();
                Delivery { number, status: Some(status), body, latency }
            }
            Err(error) => {
                *connection = None;
                std::thread::sleep(RECONNECT_PAUSE);
                Delivery { number, status: None, body: error.to_string(), latency }
            }
        }
    }
}

fn exchange(
    port: u16,
    request: &[u8],
    connection: &mut Option<BufReader<TcpStream>>,
) -> std::io::Result<(u16, Vec<u8>)> {
    if connection.is_none() {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        *connection = Some(BufReader::new(stream));
    }
    let Some(stream) = connection.as_mut() else { return Err(std::io::ErrorKind::NotConnected.into()) };
    stream.get_mut().write_all(request)?;
    let (status, body, close) = read_answer(stream)?;
    if close {
        *connection = None;
    }
    Ok((status, body))
}

/// One HTTP/1.1 answer (RFC 9112 §6): by content length, or chunked. Also whether the server closes the connection.
fn read_answer(stream: &mut BufReader<TcpStream>) -> std::io::Result<(u16, Vec<u8>, bool)> {
    let mut line = String::new();
    let status = {
        read_line(stream, &mut line)?;
        line.get(9..12).and_then(|digits| digits.parse().ok()).ok_or(std::io::ErrorKind::InvalidData)?
    };
    let (mut length, mut chunked, mut close) = (0usize, false, false);
    loop {
        read_line(stream, &mut line)?;
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().map_err(|_| std::io::ErrorKind::InvalidData)?,
            "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
            "connection" => close = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    while chunked {
        read_line(stream, &mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).map_err(|_| std::io::ErrorKind::InvalidData)?;
        let start = body.len();
        body.resize(start + size, 0);
        stream.read_exact(&mut body[start..])?;
        read_line(stream, &mut line)?;
        chunked = size > 0;
    }
    Ok((status, body, close))
}

fn read_line(stream: &mut BufReader<TcpStream>, line: &mut String) -> std::io::Result<()> {
    line.clear();
    if stream.read_line(line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end().len());
    Ok(())
}

/// The value below which `share` (0 to 1) of the deliveries' latencies lie.
pub fn percentile(deliveries: &[Delivery], share: f64) -> Duration {
    let mut all: Vec<_> = deliveries.iter().map(|d| d.latency).collect();
    all.sort_unstable();
    let rank = ((all.len() as f64 * share).ceil() as usize).clamp(1, all.len().max(1));
    all.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver::Receiver;

    #[test]
    fn every_delivery_arrives_once_and_is_told_of() {
        let receiver = Receiver::start().unwrap();
        let load = Load {
            port: receiver.port(),
            path: "/in",
            count: 200,
            connections: 8,
            message: &|n| (format!("x-id: {n}\r\n"), format!("{{\"n\":{n}}}")),
        };
        let deliveries = load.send();
        assert_eq!(deliveries.len(), 200);
        assert!(deliveries.iter().all(Delivery::acknowledged));
        let mut numbers: Vec<usize> =
            receiver.received().iter().map(|r| r.header("x-id").unwrap().parse().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..200).collect::<Vec<_>>());
        assert!(percentile(&deliveries, 0.5) <= percentile(&deliveries, 0.99));
    }

    #[test]
    fn a_refused_connection_is_told_of() {
        let port = crate::postgres::free_port().unwrap();
        let load = Load { port, path: "/", count: 3, connections: 1, message: &|_| Default::default() };
        let deliveries = load.send();
        assert_eq!(deliveries.len(), 3);
        assert!(deliveries.iter().all(|d| d.status.is_none() && !d.acknowledged()));
    }
}
