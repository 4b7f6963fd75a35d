//! Outbound HTTP against a real server on this machine: reached where grant and egress list allow it, refused and recorded
//! where not.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use factotum_host::{EgressPolicy, Report};
use factotum_model::ErrorCode;
use serde_json::{Value, json};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::{Attempt, Fixture};

/// A server that answers every request alike, on a connection each, and keeps what it read.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut request = Vec::new();
                let mut chunk = [0; 4096];
                while !complete(&request) {
                    match stream.read(&mut chunk) {
                        Ok(n) if n > 0 => request.extend_from_slice(&chunk[..n]),
                        _ => break,
                    }
                }
                keep.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, seen }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Head and body are there: by length, or by the last chunk; or it is no HTTP at all.
fn complete(request: &[u8]) -> bool {
    if request.first().is_some_and(|b| !b.is_ascii_alphabetic()) {
        return true;
    }
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let head = head.to_lowercase();
    if head.contains("transfer-encoding: chunked") {
        return body.ends_with("0\r\n\r\n");
    }
    let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    body.len() >= length
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn allowing(entries: &[&str]) -> Fixture {
    Fixture::with(|config| config.egress = EgressPolicy::parse(entries).expect("readable"))
}

async fn call(fixture: &Fixture, call: Value, attempt: Attempt) -> Report {
    fixture.run("caller", call, attempt).await
}

#[tokio::test]
async fn an_allowed_server_is_reached_with_a_host_header() {
    let server = Server::start(ok("pong"));
    let fixture = allowing(&["127.0.0.1"]);
    let attempt = Attempt::granted(&["http:request"]);
    let ask =
        json!({"url": server.url("/ping?x=1"), "method": "POST", "headers": {"x-id": "7"}, "body": "hello"});
    let report = call(&fixture, ask, attempt.clone()).await;
    assert_eq!(report.result.unwrap().into_value(), json!({"status": 200, "body": "pong"}));
    let seen = server.seen().remove(0);
    let head = seen.to_lowercase();
    assert!(head.starts_with("post /ping?x=1 http/1.1\r\n"), "{seen}");
    assert_eq!(head.matches("\r\nhost:").count(), 1, "{seen}");
    assert!(head.contains(&format!("\r\nhost: {}\r\n", server.address)), "{seen}");
    assert!(head.contains("\r\nx-id: 7\r\n"), "{seen}");
    assert!(seen.contains("hello"), "{seen}");
    assert_eq!(report.usage.http_requests, 1);
    assert!(report.usage.http_bytes >= 9, "{:?}", report.usage);
    assert!(attempt.ports.denials().is_empty());
}

#[tokio::test]
async fn a_private_address_is_refused_and_recorded() {
    let server = Server::start(ok("secret"));
    let fixture = Fixture::new();
    let port = server.address.port();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let attempt = Attempt::granted(&["http:request"]);
        let report = call(&fixture, json!({"url": format!("http://{host}:{port}/")}), attempt.clone()).await;
        assert_eq!(report.result.unwrap().into_value()["error"]["kind"], "denied", "{host}");
        let denials = attempt.ports.denials();
        assert_eq!(denials.len(), 1, "{host}");
        assert!(denials[0].starts_with(&format!("http:request {host}:{port} egress: ")), "{denials:?}");
        assert!(denials[0].contains("loopback"), "{denials:?}");
    }
    for url in ["http://169.254.169.254/latest/meta-data", "http://10.0.0.1/", "http://[fd00:ec2::254]/"] {
        let attempt = Attempt::granted(&["http:request"]);
        let report = call(&fixture, json!({"url": url}), attempt.clone()).await;
        assert_eq!(report.result.unwrap().into_value()["error"]["kind"], "denied", "{url}");
        assert_eq!(attempt.ports.denials().len(), 1, "{url}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn without_the_grant_nothing_is_sent_and_it_is_recorded() {
    let server = Server::start(ok("secret"));
    let fixture = allowing(&["127.0.0.1"]);
    let attempt = Attempt::granted(&["http:request:example.com", "kv:read"]);
    let report = call(&fixture, json!({"url": server.url("/")}), attempt.clone()).await;
    assert_eq!(report.result.unwrap().into_value()["error"]["kind"], "denied");
    let (address, denials) = (server.address, attempt.ports.denials());
    assert_eq!(
        denials,
        [format!("http:request {address} the grant `http:request:{address}` is needed for this")]
    );
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_redirect_is_the_guests_to_follow() {
    let target = Server::start(ok("secret"));
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", target.url("/"));
    let server = Server::start(answer);
    let fixture = allowing(&["127.0.0.1"]);
    let report = call(&fixture, json!({"url": server.url("/")}), Attempt::granted(&["http:request"])).await;
    assert_eq!(report.result.unwrap().into_value()["status"], 302);
    assert!(target.seen().is_empty());
}

#[tokio::test]
async fn requests_and_bytes_are_bounded() {
    let server = Server::start(ok(&"x".repeat(100_000)));
    let fixture = allowing(&["127.0.0.1"]);
    let mut attempt = Attempt::granted(&["http:request"]);
    attempt.limits.http_bytes = 50_000;
    let report = call(&fixture, json!({"url": server.url("/")}), attempt.clone()).await;
    assert_eq!(report.result.unwrap_err().code, ErrorCode::EgressLimit);
    let mut attempt = Attempt::granted(&["http:request"]);
    attempt.limits.http_requests = 0;
    let report = call(&fixture, json!({"url": server.url("/")}), attempt).await;
    assert_eq!(report.result.unwrap_err().code, ErrorCode::EgressLimit);
    assert_eq!(server.seen().len(), 1, "the second was not sent");
}

#[tokio::test]
async fn a_server_that_says_nothing_ends_with_the_guests_timeout_or_the_deadline() {
    // Accepts by backlog and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let fixture = allowing(&["127.0.0.1"]);
    let grants = &["http:request"];
    let report = call(&fixture, json!({"url": url, "timeout_ms": 100}), Attempt::granted(grants)).await;
    assert_eq!(report.result.unwrap().into_value()["error"]["kind"], "timeout");
    let mut attempt = Attempt::granted(grants);
    attempt.limits.wall_ms = 300;
    let report = call(&fixture, json!({"url": url}), attempt).await;
    assert_eq!(report.result.unwrap_err().code, ErrorCode::DeadlineExceeded);
}

/// Answers one request over TLS with this certificate, on a thread of its own.
fn serve_tls(identity: rcgen::CertifiedKey<rcgen::KeyPair>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|c| c.with_no_client_auth().with_single_cert(vec![identity.cert.der().clone()], key))
        .expect("a TLS configuration");
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let Ok(session) = ServerConnection::new(Arc::clone(&config)) else { return };
            let mut tls = StreamOwned::new(session, stream);
            let mut request = [0; 4096];
            if matches!(tls.read(&mut request), Ok(n) if n > 0) {
                let _ = tls.write_all(ok("over TLS").as_bytes());
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        }
    });
    address
}

#[tokio::test]
async fn tls_is_verified_by_name_and_authority() {
    let identity = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let root = identity.cert.der().to_vec();
    let address = serve_tls(identity);
    let attempt = || Attempt::granted(&["http:request"]);
    let ask = |host: &str| json!({"url": format!("https://{host}:{}/", address.port())});

    let trusting = Fixture::with(|config| {
        config.egress = EgressPolicy::parse(&["127.0.0.0/8", "::1"]).expect("readable");
        config.egress_roots = vec![root];
    });
    let report = call(&trusting, ask("localhost"), attempt()).await;
    assert_eq!(report.result.unwrap().into_value(), json!({"status": 200, "body": "over TLS"}));
    let report = call(&trusting, ask("127.0.0.1"), attempt()).await;
    assert_eq!(report.result.unwrap().into_value()["error"]["kind"], "network", "another name");
    let report = call(&allowing(&["127.0.0.1"]), ask("localhost"), attempt()).await;
    assert_eq!(report.result.unwrap().into_value()["error"]["kind"], "network", "an unknown authority");
}

#[tokio::test]
async fn plain_http_is_not_taken_for_tls() {
    let server = Server::start(ok("pong"));
    let fixture = allowing(&["127.0.0.1"]);
    let url = format!("https://{}/", server.address);
    let report = call(&fixture, json!({"url": url}), Attempt::granted(&["http:request"])).await;
    assert_eq!(report.result.unwrap().into_value()["error"]["kind"], "network");
}
