//! Accepts connections. What must hold: no more are open than the limits say, in all and from one address, and who is beyond them is told so; after the stop no new
//! one is taken, an idle one is told goodbye, and a message that is on its way comes to its answer, within a bound.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::budget::Budget;
use super::limits::Limits;
use super::reply::Reply;
use super::session::Session;
use super::stream::Stream;
use super::wire::Wire;
use crate::mailboxes::Mailboxes;
use crate::observe::Observe;

/// How long to wait before accepting again when the system is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How the server listens.
pub struct Settings {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What it calls itself.
    pub hostname: String,
    /// For STARTTLS.
    pub tls: Option<TlsAcceptor>,
    /// Whether mail is taken within TLS only.
    pub require_tls: bool,
    /// Its bounds.
    pub limits: Limits,
}

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for mail on {address}: {source}; set `smtp_listen` to another address, or to `off`")]
pub struct ListenError {
    /// Which address.
    pub address: SocketAddr,
    /// Why.
    pub source: std::io::Error,
}

/// What all sessions have in common.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) mailboxes: Arc<Mailboxes>,
    pub(crate) observer: Arc<dyn Observe>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) stop: CancellationToken,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// A bound socket.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    settings: Settings,
}

impl Listener {
    /// Binds the socket, so that a wrong set-up fails before anything starts.
    pub async fn bind(settings: Settings) -> Result<Self, ListenError> {
        let failed = |source| ListenError { address: settings.listen, source };
        let socket = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address, settings })
    }

    /// The address it listens on, with the port that the system chose if it was asked to.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`; then lets messages that are on their way come to their answer, for `drain` at the most.
    pub async fn serve(
        self,
        mailboxes: Arc<Mailboxes>,
        observer: Arc<dyn Observe>,
        stop: CancellationToken,
        drain: Duration,
    ) {
        let budget = Arc::new(Budget::of(self.settings.limits.memory_bytes));
        let shared = Arc::new(Shared {
            settings: self.settings,
            mailboxes,
            observer,
            budget,
            stop: stop.clone(),
            open: Mutex::default(),
        });
        let (tasks, abort) = (TaskTracker::new(), CancellationToken::new());
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.socket.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection for mail");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Answers are written whole: waiting to fill a packet only adds latency.
            let _ = stream.set_nodelay(true);
            let Some(place) = Place::take(&shared, peer.ip(), &stream) else { continue };
            let (shared, abort) = (Arc::clone(&shared), abort.clone());
            tasks.spawn(async move {
                let session = Session::new(&shared, peer.ip());
                tokio::select! {
                    () = session.run(Wire::over(Stream::Plain(stream))) => {}
                    () = abort.cancelled() => {}
                }
                drop(place);
            });
        }
        drop(self.socket);
        tasks.close();
        if tokio::time::timeout(drain, tasks.wait()).await.is_err() {
            tracing::warn!(open = tasks.len(), "mail was still on its way when the time to drain was up");
            abort.cancel();
            tasks.wait().await;
        }
    }
}

/// A connection's place among those that may be open.
struct Place {
    shared: Arc<Shared>,
    address: IpAddr,
}

impl Place {
    /// Takes one, or tells the client that there is none.
    fn take(shared: &Arc<Shared>, address: IpAddr, stream: &TcpStream) -> Option<Self> {
        let address = address.to_canonical();
        let limits = &shared.settings.limits;
        let mut open = shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, own) = (open.values().sum::<usize>(), open.get(&address).copied().unwrap_or(0));
        let refusal = if all >= limits.connections {
            Some(("4.3.2", "connections", "too many connections are open; try again later"))
        } else if own >= limits.connections_per_address {
            Some((
                "4.7.0",
                "connections_of_address",
                "too many connections from your address; try again later",
            ))
        } else {
            None
        };
        if let Some((enhanced, reason, text)) = refusal {
            drop(open);
            let mut out = Vec::new();
            Reply::new(421, enhanced, text).write(&mut out);
            // It fits the socket's buffer, which is empty: who is not told is one of a flood.
            let _ = stream.try_write(&out);
            shared.observer.refused(reason);
            return None;
        }
        *open.entry(address).or_default() += 1;
        drop(open);
        shared.observer.opened();
        Some(Self { shared: Arc::clone(shared), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.address);
            }
        }
        drop(open);
        self.shared.observer.closed();
    }
}
