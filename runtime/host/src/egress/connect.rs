//! Connecting: resolve, check, connect to the address that was checked, and TLS. What must hold: every step is bounded in
//! time, and no address is connected to that the policy did not pass.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use wasmtime_wasi_http::Error;

use super::EgressPolicy;
use crate::error::HostError;

/// Everything a connection needs that does not depend on the run.
pub(crate) struct Egress {
    policy: EgressPolicy,
    tls: TlsConnector,
    connect_timeout: Duration,
    lookups: Semaphore,
}

/// How many names are looked up at a time: each takes a thread.
const MAX_LOOKUPS: usize = 64;

/// A connection with or without TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    /// Lower case, without a final dot; an IPv6 address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
}

/// Why there is no connection.
pub(crate) enum ConnectError {
    /// The policy refuses; the text says what and why, for the audit trail.
    Prohibited(String),
    /// The network does.
    Failed(Error),
}

impl Destination {
    /// The destination of a request's URI.
    pub(crate) fn of(uri: &http::Uri) -> Option<Self> {
        let tls = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let host = uri.host()?;
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let port = match uri.authority()?.port() {
            Some(port) => port.as_str().parse().ok()?,
            None => Self::default_port(tls),
        };
        (!host.is_empty()).then_some(Self { host, port, tls })
    }

    const fn default_port(tls: bool) -> u16 {
        if tls { 443 } else { 80 }
    }

    /// The name that grants are asked for: the host, with its port unless that is the scheme's default.
    pub(crate) fn grant_name(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == Self::default_port(self.tls) { host } else { format!("{host}:{}", self.port) }
    }
}

impl Egress {
    pub(crate) fn new(
        policy: EgressPolicy,
        own_roots: Vec<Vec<u8>>,
        connect_timeout: Duration,
    ) -> Result<Self, HostError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for root in own_roots {
            roots.add(root.into()).map_err(|error| {
                HostError::Engine(format!(
                    "a certificate authority for outbound requests cannot be read: {error}"
                ))
            })?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| HostError::Engine(format!("TLS for outbound requests: {error}")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            policy,
            tls: TlsConnector::from(Arc::new(config)),
            connect_timeout,
            lookups: Semaphore::new(MAX_LOOKUPS),
        })
    }

    /// Connects, or says why not. `timeout` is the guest's own, if it set one; ours is the upper bound.
    pub(crate) async fn connect(
        &self,
        to: &Destination,
        timeout: Option<Duration>,
    ) -> Result<Box<dyn Stream>, ConnectError> {
        let limit = timeout.map_or(self.connect_timeout, |t| t.min(self.connect_timeout));
        let addresses = tokio::time::timeout(limit, self.resolve(to))
            .await
            .map_err(|_| ConnectError::Failed(Error::DnsTimeout))?
            .map_err(ConnectError::Failed)?;
        let checked = self.checked(to, &addresses)?;
        let tcp = tokio::time::timeout(limit, first_that_answers(&checked))
            .await
            .map_err(|_| ConnectError::Failed(Error::ConnectionTimeout))?
            .map_err(|error| ConnectError::Failed(Error::Connect(error)))?;
        // A request is written in few pieces; waiting for more would only delay it.
        let _ = tcp.set_nodelay(true);
        if !to.tls {
            return Ok(Box::new(tcp));
        }
        let name = ServerName::try_from(to.host.clone())
            .map_err(|_| ConnectError::Failed(Error::HttpRequestUriInvalid))?;
        let tls = tokio::time::timeout(limit, self.tls.connect(name, tcp))
            .await
            .map_err(|_| ConnectError::Failed(Error::ConnectionTimeout))?
            .map_err(|error| ConnectError::Failed(Error::Tls(error)))?;
        Ok(Box::new(tls))
    }

    async fn resolve(&self, to: &Destination) -> Result<Vec<SocketAddr>, Error> {
        if let Ok(ip) = to.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, to.port)]);
        }
        let _permit = self.lookups.acquire().await;
        match tokio::net::lookup_host((to.host.as_str(), to.port)).await {
            Ok(found) => Ok(found.collect()),
            Err(error) => Err(Error::DnsError { rcode: Some(error.to_string()), info_code: None }),
        }
    }

    /// Those of the addresses that the policy passes; an error if it passes none.
    fn checked(&self, to: &Destination, found: &[SocketAddr]) -> Result<Vec<SocketAddr>, ConnectError> {
        let mut refused = None;
        let mut checked = Vec::with_capacity(found.len());
        for address in found {
            match self.policy.check(&to.host, to.port, address.ip()) {
                Ok(()) => checked.push(*address),
                Err(why) => refused = Some((address.ip(), why)),
            }
        }
        match (checked.is_empty(), refused) {
            (false, _) => Ok(checked),
            (true, Some((ip, why))) => Err(ConnectError::Prohibited(format!(
                "egress: {} leads to {ip}, {}; `egress.allow` does not list it",
                to.grant_name(),
                why.as_str()
            ))),
            (true, None) => Err(ConnectError::Failed(Error::DestinationNotFound)),
        }
    }
}

async fn first_that_answers(addresses: &[SocketAddr]) -> std::io::Result<TcpStream> {
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::ErrorKind::AddrNotAvailable.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_have_grant_names() {
        for (uri, name) in [
            ("http://Example.com/x", "example.com"),
            ("https://example.com.:443/", "example.com"),
            ("https://example.com:8443/", "example.com:8443"),
            ("http://example.com:443/", "example.com:443"),
            ("http://user:pw@example.com/", "example.com"),
            ("http://[::1]/", "[::1]"),
            ("http://[::1]:8080/", "[::1]:8080"),
            ("http://127.0.0.1:9/", "127.0.0.1:9"),
        ] {
            let to = Destination::of(&uri.parse().unwrap()).unwrap();
            assert_eq!(to.grant_name(), name, "{uri}");
        }
        assert_eq!(Destination::of(&"/path".parse().unwrap()), None);
    }

    #[tokio::test]
    async fn names_and_odd_spellings_are_judged_by_what_they_resolve_to() {
        let egress = Egress::new(EgressPolicy::default(), Vec::new(), Duration::from_secs(5)).unwrap();
        for uri in ["http://localhost:1/", "http://127.1:1/", "http://2130706433:1/", "http://0x7f000001:1/"]
        {
            let to = Destination::of(&uri.parse().unwrap()).unwrap();
            match egress.connect(&to, None).await {
                Err(ConnectError::Prohibited(text)) => assert!(text.contains("loopback"), "{uri}: {text}"),
                Err(ConnectError::Failed(error)) => panic!("{uri}: {error}"),
                Ok(_) => panic!("{uri}: connected"),
            }
        }
    }
}
