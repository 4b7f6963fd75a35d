//! The listener over real sockets: TLS with HTTP/2 and HTTP/1.1, draining, slow clients.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics with the reason")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use factotum_server::config::HttpConfig;
use factotum_server::config::http::TlsFiles;
use factotum_server::http::Listener;
use factotum_server::http::listener::HEAD_TIMEOUT;
use http::{Request, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prometheus_client::metrics::gauge::Gauge;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
    token: TaskTrackerToken,
}

async fn start(router: Router, tls: Option<TlsFiles>) -> Running {
    let config = HttpConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        tls,
        public_url: None,
        hooks_listen: None,
        hooks_public_url: None,
    };
    let listener = Listener::bind(&config).await.unwrap();
    let (address, stop, tasks) = (listener.address(), CancellationToken::new(), TaskTracker::new());
    tasks.spawn(listener.serve(router, 100, Gauge::default(), stop.clone(), Duration::from_secs(20)));
    let token = tasks.token();
    Running { address, stop, tasks, token }
}

fn certificate(folder: &std::path::Path) -> (TlsFiles, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.cert, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    (files, made.cert.der().clone())
}

async fn connect(
    address: SocketAddr,
    root: CertificateDer<'static>,
    alpn: &[u8],
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from("localhost").unwrap(), stream)
        .await
        .unwrap()
}

async fn version(request: axum::extract::Request) -> String {
    format!("{:?}", request.version())
}

#[tokio::test]
async fn tls_speaks_http_2_and_http_1_1() {
    let folder = tempfile::tempdir().unwrap();
    let (files, root) = certificate(folder.path());
    let running = start(Router::new().route("/", get(version)), Some(files)).await;
    let connections = TaskTracker::new();

    let stream = connect(running.address, root.clone(), b"h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    connections.spawn(connection);
    let request = Request::get("https://localhost/").body(Empty::<Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "HTTP/2.0");

    let stream = connect(running.address, root, b"http/1.1").await;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    connections.spawn(connection);
    let request = Request::get("/").header("host", "localhost").body(Empty::<Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "HTTP/1.1");
}

#[tokio::test]
async fn a_stop_answers_what_is_open_and_takes_nothing_more() {
    let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (entered_too, go_on_too) = (Arc::clone(&entered), Arc::clone(&go_on));
    let slow = move || {
        let (entered, go_on) = (Arc::clone(&entered_too), Arc::clone(&go_on_too));
        async move {
            entered.notify_one();
            go_on.notified().await;
            "done"
        }
    };
    let Running { address, stop, tasks, token } = start(Router::new().route("/", get(slow)), None).await;
    let mut open = TcpStream::connect(address).await.unwrap();
    open.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    entered.notified().await;

    stop.cancel();
    // The socket is closed before anything is waited for.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go_on.notify_one();
    let mut answer = String::new();
    open.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
    drop(token);
    tasks.close();
    tasks.wait().await;
}

/// In real time: a paused clock is a feature of tokio that all crates below would then be built with a second time.
#[tokio::test]
async fn a_client_that_never_finishes_its_head_is_closed() {
    let running = start(Router::new().route("/", get(version)), None).await;
    let begun = tokio::time::Instant::now();
    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
    let mut answer = Vec::new();
    // Closed with or without a word.
    let _ = slow.read_to_end(&mut answer).await;
    assert!(begun.elapsed() >= HEAD_TIMEOUT, "{:?}", begun.elapsed());
    assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
}

#[tokio::test]
async fn what_is_no_certificate_is_refused_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = certificate(folder.path());
    std::fs::write(&files.key, "nonsense").unwrap();
    let config = HttpConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        tls: Some(files),
        public_url: None,
        hooks_listen: None,
        hooks_public_url: None,
    };
    let error = Listener::bind(&config).await.err().unwrap().to_string();
    assert!(error.contains("key.pem") && error.contains("private key"), "{error}");
}
