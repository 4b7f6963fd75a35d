//! Accepts connections and serves the router on them. What must hold: no more connections than the limit are open, one that sends its
//! head slowly is closed, and after the stop is signalled each open request is answered before its connection closes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::certificate::ClientCertificate;
use super::tls::{self, TlsError};
use crate::config::HttpConfig;

/// How long a client may take for the head of a request, and for the TLS handshake.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// The most headers of a request.
pub const MAX_HEADERS: usize = 100;
/// The largest head of a request over HTTP/1.1, in bytes.
pub const MAX_HEAD_BYTES: usize = 64 << 10;
/// Streams at a time on one HTTP/2 connection.
pub const MAX_STREAMS: u32 = 250;
/// How long to wait before accepting again when the system is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, or not of this machine.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A bound socket.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Binds the socket and reads certificates, so that a wrong set-up fails before anything starts.
    pub async fn bind(config: &HttpConfig) -> Result<Self, ServeError> {
        // A browser that has certificates would ask its user which one to show: only where hooks come in.
        Self::bind_at(config.listen, config, config.hooks_listen.is_none()).await
    }

    /// The same for hooks alone, where they have a place of their own.
    pub async fn bind_hooks(config: &HttpConfig) -> Result<Option<Self>, ServeError> {
        match config.hooks_listen {
            Some(address) => Self::bind_at(address, config, true).await.map(Some),
            None => Ok(None),
        }
    }

    async fn bind_at(address: SocketAddr, config: &HttpConfig, asks: bool) -> Result<Self, ServeError> {
        let tls = config.tls.as_ref().map(|files| tls::acceptor(files, &tls::HTTP, asks)).transpose()?;
        let failed = |source| ServeError::Bind { address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address, tls })
    }

    /// The address it listens on, with the port that the system chose if it was asked to.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`; then answers what is open, for `drain` at the most.
    pub async fn serve(
        self,
        router: Router,
        connections: usize,
        gauge: Gauge,
        stop: CancellationToken,
        drain: Duration,
    ) {
        let graceful = GracefulShutdown::new();
        let slots = Arc::new(Semaphore::new(connections));
        let tasks = TaskTracker::new();
        let builder = Arc::new(builder());
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = accept(&self.socket, &slots) => accepted,
            };
            let Some((stream, peer, slot)) = accepted else { continue };
            let (router, tls, builder) = (router.clone(), self.tls.clone(), Arc::clone(&builder));
            let watcher = graceful.watcher();
            let (gauge, stop) = (gauge.clone(), stop.clone());
            tasks.spawn(async move {
                gauge.inc();
                let served = match tls {
                    None => {
                        let service = service(router, peer, None);
                        watcher.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned()).await
                    }
                    Some(tls) => {
                        // A stop must not wait for a client that never finishes its handshake.
                        let handshake = tokio::select! {
                            handshake = tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)) => handshake.ok(),
                            () = stop.cancelled() => None,
                        };
                        match handshake {
                            Some(Ok(stream)) => {
                                let shown = ClientCertificate::of(stream.get_ref().1.peer_certificates());
                                let service = service(router, peer, shown);
                                watcher.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned()).await
                            }
                            Some(Err(error)) => Err(error.into()),
                            None => Ok(()),
                        }
                    }
                };
                if let Err(error) = served {
                    tracing::debug!(%peer, error, "a connection broke off");
                }
                gauge.dec();
                drop(slot);
            });
        }
        drop(self.socket);
        tasks.close();
        let drained = tokio::time::timeout(drain, async {
            graceful.shutdown().await;
            tasks.wait().await;
        });
        if drained.await.is_err() {
            tracing::warn!(open = tasks.len(), "connections were still open when the time to drain was up");
        }
    }
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

async fn accept(socket: &TcpListener, slots: &Arc<Semaphore>) -> Option<Accepted> {
    // The semaphore is never closed.
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match socket.accept().await {
        Ok((stream, peer)) => {
            // Answers are written whole: waiting to fill a packet only adds latency.
            let _ = stream.set_nodelay(true);
            Some((stream, peer, slot))
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept a connection");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD_BYTES as u32)
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .keep_alive_timeout(HEAD_TIMEOUT);
    builder
}

/// The router as hyper calls it, with the client's address in each request, and its certificate if it showed one.
fn service(
    router: Router,
    peer: SocketAddr,
    certificate: Option<ClientCertificate>,
) -> impl hyper::service::Service<
    http::Request<Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send + 'static,
> + Clone {
    hyper::service::service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        if let Some(certificate) = certificate {
            request.extensions_mut().insert(certificate);
        }
        router.clone().oneshot(request.map(axum::body::Body::new))
    })
}
