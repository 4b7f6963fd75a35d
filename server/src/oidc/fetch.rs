//! HTTP requests to the provider. What must hold: `https`, or loopback; no redirect is followed; an answer is bounded in time and size.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::OidcError;
use crate::config::oidc::is_safe_url;

/// How long one request may take, with its connection.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer, in bytes: a discovery document or a set of keys has a few KiB.
const MAX_ANSWER_BYTES: usize = 256 << 10;

/// Why there is no answer. No part of the request is in it.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The URL must not be asked.
    #[error("{0}: only `https` is asked, or this machine")]
    Unsafe(String),
    /// Nobody answered in time.
    #[error("{0} did not answer within {s} s", s = REQUEST_TIMEOUT.as_secs())]
    Timeout(String),
    /// The connection.
    #[error("{0}: {1}")]
    Connection(String, #[source] std::io::Error),
    /// HTTP.
    #[error("{0}: {1}")]
    Http(String, #[source] hyper::Error),
    /// The answer broke off, or is too large.
    #[error("{0}: the answer broke off, or has more than {MAX_ANSWER_BYTES} bytes")]
    Answer(String),
}

/// Asks the provider.
pub struct Fetch {
    tls: TlsConnector,
}

impl Fetch {
    /// Trusts the public certificate authorities.
    pub fn over_tls() -> Result<Self, OidcError> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| OidcError::Provider(format!("no TLS version: {e}")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)) })
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, FetchError> {
        let uri = request.uri().clone();
        let place = format!("{}://{}", uri.scheme_str().unwrap_or("?"), uri.host().unwrap_or("?"));
        if !is_safe_url(&uri) {
            return Err(FetchError::Unsafe(place));
        }
        let asked = tokio::time::timeout(REQUEST_TIMEOUT, self.ask(&uri, &place, request)).await;
        asked.map_err(|_| FetchError::Timeout(place.clone()))?
    }

    async fn ask(&self, uri: &Uri, place: &str, request: HttpRequest) -> Result<HttpResponse, FetchError> {
        let tls = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let failed = |e| FetchError::Connection(place.to_owned(), e);
        let (mut parts, body) = request.into_parts();
        if let Some(authority) = uri.authority()
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
        {
            parts.headers.insert(header::HOST, host);
        }
        parts.uri = uri.path_and_query().map_or_else(|| Uri::from_static("/"), |p| p.clone().into());
        let agent = HeaderValue::from_static(concat!("factotum/", env!("CARGO_PKG_VERSION")));
        parts.headers.insert(header::USER_AGENT, agent);
        let request = Request::from_parts(parts, Full::new(Bytes::from(body)));
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(failed)?;
        if tls {
            let name = ServerName::try_from(host).map_err(|_| FetchError::Unsafe(place.to_owned()))?;
            let stream = self.tls.connect(name, stream).await.map_err(failed)?;
            exchange(stream, request, place).await
        } else {
            exchange(stream, request, place).await
        }
    }
}

/// One request over one connection, which ends with it.
async fn exchange<IO>(
    stream: IO,
    request: Request<Full<Bytes>>,
    place: &str,
) -> Result<HttpResponse, FetchError>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |e| FetchError::Http(place.to_owned(), e);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let answer = async {
        let (parts, body) = sender.send_request(request).await.map_err(failed)?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|_| FetchError::Answer(place.to_owned()))?;
        Ok(Response::from_parts(parts, body.to_bytes().to_vec()))
    };
    let (mut answer, mut connection) = (std::pin::pin!(answer), std::pin::pin!(connection));
    let mut open = true;
    loop {
        tokio::select! {
            answer = &mut answer => return answer,
            // Its end, or its error, is seen by the answer as well.
            _ = &mut connection, if open => open = false,
        }
    }
}

impl<'c> AsyncHttpClient<'c> for Fetch {
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}
