//! Senders that mean ill: slow heads, floods of headers, bodies without end, bombs, streams that are reset as soon as they are opened. What must hold: others
//! keep being served meanwhile, and memory stays bounded.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use factotum_tests::backend::soak;
use factotum_tests::{Backend, Server, wait_until};
use serde_json::json;

use super::{hook, post};

/// How much the server may grow while it is attacked, in KiB.
const GROWTH_KIB: u64 = 96 << 10;
/// How long an honest sender may wait meanwhile, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn resident_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id().unwrap())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    stream.set_write_timeout(Some(Duration::from_mins(1))).unwrap();
    stream
}

/// An honest delivery: taken, and soon enough.
fn honest(server: &Server, path: &str) {
    let asked = Instant::now();
    post(server, path, &[], b"{}").expect(202);
    assert!(asked.elapsed() < PATIENCE, "an honest sender waited {:?}", asked.elapsed());
}

/// What comes back until the connection ends or stays silent.
fn answer(mut stream: &TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut part = [0; 4_096];
    while let Ok(read) = stream.read(&mut part) {
        bytes.extend_from_slice(&part[..read]);
        if read == 0 || bytes.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn slow_heads_are_cut_off_and_keep_nobody_waiting() {
    let server = Server::start(Backend::Sqlite);
    server.api().deploy("echo", &[]);
    let (_, path) = hook(&server, &json!({}));
    let mut slow: Vec<TcpStream> = (0..300).map(|_| connect(&server)).collect();
    for stream in &mut slow {
        stream.write_all(format!("POST {path} HTTP/1.1\r\nhost: a\r\n").as_bytes()).unwrap();
    }
    for _ in 0..20 {
        honest(&server, &path);
    }
    // A line of the head now and then does not prolong it. Each is closed, and not by us.
    let first = Instant::now();
    for (at, stream) in slow.iter_mut().enumerate() {
        let _ = stream.write_all(format!("x-{at}: 1\r\n").as_bytes());
    }
    for stream in &slow {
        let told = answer(stream);
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 4"), "{told}");
    }
    assert!(first.elapsed() < Duration::from_secs(50), "slow heads stayed for {:?}", first.elapsed());
    honest(&server, &path);
}

#[test]
fn floods_of_headers_and_lying_lengths_are_refused() {
    let server = Server::start(Backend::Sqlite);
    server.api().deploy("echo", &[]);
    let (_, path) = hook(&server, &json!({"max_body_bytes": 1_000}));
    let many: String = "x-many: 1\r\n".repeat(5_000);
    let large = format!("x-large: {}\r\n", "y".repeat(1 << 20));
    for head in [many, large] {
        let mut stream = connect(&server);
        let _ = stream.write_all(format!("POST {path} HTTP/1.1\r\nhost: a\r\n{head}\r\n").as_bytes());
        let told = answer(&stream);
        assert!(
            told.is_empty() || told.starts_with("HTTP/1.1 431") || told.starts_with("HTTP/1.1 400"),
            "{told}"
        );
        honest(&server, &path);
    }
    for (head, status) in [
        ("content-length: 99999999999\r\n", "413"),
        ("content-length: 5\r\ncontent-length: 6\r\n", "400"),
        ("content-length: -1\r\n", "400"),
        ("transfer-encoding: chunked, gzip\r\n", "400"),
    ] {
        let mut stream = connect(&server);
        stream.write_all(format!("POST {path} HTTP/1.1\r\nhost: a\r\n{head}\r\n").as_bytes()).unwrap();
        let told = answer(&stream);
        assert!(told.is_empty() || told.starts_with(&format!("HTTP/1.1 {status}")), "{head}: {told}");
    }
    honest(&server, &path);
}

#[test]
fn a_body_without_end_takes_neither_memory_nor_others_time() {
    let server = Server::start(Backend::Sqlite);
    server.api().deploy("echo", &[]);
    let (id, path) = hook(&server, &json!({}));
    honest(&server, &path);
    let before = resident_kib(&server);
    // In chunks, as long as the server reads: it answers 413 at once, reads on a while so that the answer is heard, and closes.
    let gigabytes: u64 = if soak() { 10 } else { 1 };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut stream = connect(&server);
                stream
                    .write_all(
                        format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
                            .as_bytes(),
                    )
                    .unwrap();
                let chunk = [b"100000\r\n".as_slice(), &vec![b'x'; 1 << 20], b"\r\n"].concat();
                let mut sent = 0;
                while sent < gigabytes << 30 && stream.write_all(&chunk).is_ok() {
                    sent += 1 << 20;
                }
                let _ = stream.write_all(b"0\r\n\r\n");
                let told = answer(&stream);
                assert!(told.is_empty() || told.starts_with("HTTP/1.1 413"), "{told}");
                done.store(true, Ordering::SeqCst);
            });
        }
        scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::SeqCst) {
                honest(&server, &path);
                most = most.max(resident_kib(&server).saturating_sub(before));
            }
            assert!(most < GROWTH_KIB, "it grew by {most} KiB");
        });
    });
    let told = super::refusals(&server, &id);
    assert!(told.iter().any(|reason| reason.starts_with("too_large")), "{told:?}");
}

#[test]
fn a_compressed_body_is_kept_as_it_came() {
    let server = Server::start(Backend::Sqlite);
    server.api().deploy("echo", &[]);
    let (_, path) = hook(&server, &json!({}));
    // What would be ten megabytes, were it unpacked; nothing unpacks it.
    let bomb: Vec<u8> = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0; 10_000]].concat();
    let headers = [("content-encoding".to_owned(), "gzip".to_owned())];
    let run = post(&server, &path, &headers, &bomb).expect(202)["run"].as_str().unwrap().to_owned();
    let run = server.api().wait_end(&run);
    let raw = server.api().get(&format!("/api/v1/events/{}/raw", run["event"].as_str().unwrap()));
    assert_eq!(raw.body, bomb);
}

/// A frame of HTTP/2 (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[test]
fn streams_that_are_reset_as_soon_as_they_are_opened_end_the_connection() {
    let server = Server::start(Backend::Sqlite);
    server.api().deploy("echo", &[]);
    let (_, path) = hook(&server, &json!({}));
    honest(&server, &path);
    let before = resident_kib(&server);
    // HPACK (RFC 7541) without compression: `:method` POST and `:scheme` http by index, path and authority as literals.
    let literal =
        |index: u8, text: &str| [&[index, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let head = [vec![0x83, 0x86], literal(0x04, &path), literal(0x01, "a")].concat();
    let resets = if soak() { 200_000 } else { 20_000 };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut stream = connect(&server);
                let mut opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
                opening.extend(frame(4, 0, 0, &[]));
                stream.write_all(&opening).unwrap();
                let mut number = 1;
                let mut sent = 0;
                while sent < resets {
                    let mut together = Vec::new();
                    for _ in 0..500 {
                        together.extend(frame(1, 4, number, &head));
                        together.extend(frame(3, 0, number, &8_u32.to_be_bytes()));
                        (number, sent) = (number + 2, sent + 1);
                    }
                    if stream.write_all(&together).is_err() {
                        return;
                    }
                }
                // All of it was sent: the server must have said goodbye (GOAWAY) or closed by now.
                let mut told = Vec::new();
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let _ = stream.read_to_end(&mut told);
                let mut rest = told.as_slice();
                let mut goodbye = false;
                while rest.len() >= 9 {
                    let length =
                        usize::from(rest[0]) << 16 | usize::from(rest[1]) << 8 | usize::from(rest[2]);
                    goodbye |= rest[3] == 7;
                    rest = rest.get(9 + length..).unwrap_or_default();
                }
                assert!(goodbye, "{resets} resets on one connection were put up with");
            });
        }
        for _ in 0..20 {
            honest(&server, &path);
        }
    });
    wait_until("memory", || (resident_kib(&server).saturating_sub(before) < GROWTH_KIB).then_some(()));
    honest(&server, &path);
}
