//! The client that commands speak to the server with: HTTP/1.1, with TLS for `https`. What must hold: the key is sent to the named server only, and
//! each refusal ends with its exit code.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use factotum_model::Redacted;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::task::TaskTracker;

use super::exit::{CommandError, Exit};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest JSON answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 256 << 20;
/// RFC 3986 §2.3: what stands for itself in a path segment or query value.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where the server is and with which key to speak to it.
#[derive(Debug, Clone, clap::Args)]
pub struct RemoteArgs {
    /// The server
    #[arg(
        long,
        global = true,
        env = "FACTOTUM_URL",
        hide_env_values = true,
        default_value = "http://127.0.0.1:7070",
        value_name = "URL",
        help_heading = "Server"
    )]
    pub url: String,
    /// A PEM file of certificate authorities to trust instead of the public ones
    #[arg(long, global = true, env = "FACTOTUM_CA_FILE", value_name = "FILE", help_heading = "Server")]
    pub ca_file: Option<PathBuf>,
}

/// The server, and the key to speak to it with.
pub struct Remote {
    base: Uri,
    key: Redacted,
    ca_file: Option<PathBuf>,
}

/// One segment of a path, escaped.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// A query string with its `?`, of those parameters that have a value.
pub fn query(parameters: &[(&str, Option<&str>)]) -> String {
    let set = parameters.iter().filter_map(|(name, value)| Some(format!("{name}={}", segment((*value)?))));
    let joined = set.collect::<Vec<_>>().join("&");
    if joined.is_empty() { joined } else { format!("?{joined}") }
}

impl Remote {
    /// Takes the key from the environment: a flag would show it to everyone on the machine.
    pub fn from_args(args: &RemoteArgs) -> Result<Self, CommandError> {
        let base: Uri = args.url.trim_end_matches('/').parse().map_err(|_| wrong_url(&args.url))?;
        if !matches!(base.scheme_str(), Some("http" | "https")) || base.host().is_none() {
            return Err(wrong_url(&args.url));
        }
        if base.authority().is_some_and(|a| a.as_str().contains('@')) {
            return Err(CommandError::usage(format!(
                "`{}` holds a user or a password, which is sent nowhere; take it out, and set FACTOTUM_API_KEY",
                without_password(&args.url)
            )));
        }
        let key = std::env::var("FACTOTUM_API_KEY").map_err(|_| CommandError {
            exit: Exit::Denied,
            message: "no API key: set FACTOTUM_API_KEY to a key that `factotum key create` or `factotum admin bootstrap` printed".into(),
            problem: None,
        })?;
        Ok(Self { base, key: Redacted::new(key), ca_file: args.ca_file.clone() })
    }

    /// Asks for JSON.
    pub async fn get(&self, path: &str) -> Result<Value, CommandError> {
        self.json(Method::GET, path, None).await
    }

    /// Sends JSON, or nothing, and reads the JSON that comes back; null where nothing does.
    pub async fn json(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, CommandError> {
        let body = body.map(|value| ("application/json", Bytes::from(value.to_string())));
        self.bytes(method, path, body).await
    }

    /// Sends bytes of a content type, and reads JSON.
    pub async fn bytes(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Bytes)>,
    ) -> Result<Value, CommandError> {
        let answer = self.send(method, path, body, Vec::new(), |mut all, chunk| {
            all.extend_from_slice(&chunk);
            if all.len() > MAX_ANSWER_BYTES {
                Err(CommandError::failed("the server's answer is too large"))
            } else {
                Ok(all)
            }
        });
        let answer = answer.await?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer).map_err(|e| {
            CommandError::failed(format!(
                "the server's answer is not JSON ({e}); is {} a Factotum server?",
                self.base
            ))
        })
    }

    /// Asks for a stream of bytes and hands each chunk on as it comes.
    pub async fn stream(
        &self,
        path: &str,
        mut each: impl FnMut(&[u8]) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        self.send(Method::GET, path, None, (), |(), chunk| each(&chunk)).await
    }

    /// Every page of a list, up to `limit` items.
    pub async fn list(
        &self,
        path: &str,
        parameters: &[(&str, Option<&str>)],
        limit: usize,
    ) -> Result<Value, CommandError> {
        let mut items = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let page_size = (limit - items.len()).min(200).to_string();
            let mut all = parameters.to_vec();
            all.extend([("limit", Some(page_size.as_str())), ("cursor", next.as_deref())]);
            let mut page = self.get(&format!("{path}{}", query(&all))).await?;
            if let Value::Array(more) = page["items"].take() {
                items.extend(more);
            }
            next = page["next"].as_str().map(ToOwned::to_owned);
            if next.is_none() || items.len() >= limit {
                return Ok(serde_json::json!({"items": items, "next": next}));
            }
        }
    }

    async fn send<T>(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Bytes)>,
        first: T,
        fold: impl FnMut(T, Bytes) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let uri: Uri = format!("{}/api/v1{path}", self.base.to_string().trim_end_matches('/'))
            .parse()
            .map_err(|_| wrong_url(&self.base.to_string()))?;
        let mut request =
            Request::builder().method(method).uri(uri.path_and_query().map_or("/", |p| p.as_str()));
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", self.key.expose()))
            .map_err(|_| CommandError::usage("FACTOTUM_API_KEY holds characters that no key has"))?;
        bearer.set_sensitive(true);
        request = request
            .header(header::AUTHORIZATION, bearer)
            .header(header::HOST, self.base.authority().map_or("", |a| a.as_str()))
            .header(header::USER_AGENT, concat!("factotum/", env!("CARGO_PKG_VERSION")));
        if let Some((kind, _)) = &body {
            request = request.header(header::CONTENT_TYPE, *kind);
        }
        let body = Full::new(body.map(|(_, bytes)| bytes).unwrap_or_default());
        let request = request.body(body).context("cannot form the request")?;

        let (host, tls) = (self.base.host().unwrap_or_default(), self.base.scheme_str() == Some("https"));
        let port = self.base.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let connect = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect((bare, port)));
        let reached = connect.await.map_err(anyhow::Error::from).and_then(|r| r.map_err(Into::into));
        let stream = reached.with_context(|| {
            format!("cannot reach {}; is the server running, and FACTOTUM_URL right?", self.base)
        })?;
        if tls {
            let name =
                ServerName::try_from(bare.to_owned()).map_err(|_| wrong_url(&self.base.to_string()))?;
            let stream = self.tls()?.connect(name, stream).await;
            let stream = stream.with_context(|| format!("cannot set up TLS with {}", self.base))?;
            exchange(stream, request, first, fold).await
        } else {
            exchange(stream, request, first, fold).await
        }
    }

    fn tls(&self) -> Result<TlsConnector, CommandError> {
        let mut roots = RootCertStore::empty();
        match &self.ca_file {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(file) => {
                let unusable =
                    |e: &dyn std::fmt::Display| CommandError::usage(format!("{}: {e}", file.display()));
                for certificate in CertificateDer::pem_file_iter(file).map_err(|e| unusable(&e))? {
                    let certificate = certificate.map_err(|e| unusable(&e))?;
                    roots.add(certificate).map_err(|e| unusable(&e))?;
                }
            }
        }
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("no TLS version")?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

async fn exchange<IO, T>(
    stream: IO,
    request: Request<Full<Bytes>>,
    first: T,
    mut fold: impl FnMut(T, Bytes) -> Result<T, CommandError>,
) -> Result<T, CommandError>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .context("the server does not speak HTTP")?;
    let tasks = TaskTracker::new();
    tasks.spawn(connection);
    let response =
        sender.send_request(request).await.context("the connection broke off before an answer came")?;
    let response = refused(response).await?;
    let mut body = response.into_body();
    let mut folded = first;
    while let Some(frame) = body.frame().await {
        let frame = frame.context("the answer broke off")?;
        if let Ok(data) = frame.into_data() {
            folded = fold(folded, data)?;
        }
    }
    Ok(folded)
}

/// The answer if it is one of success; else what it says, with its exit code.
async fn refused(response: Response<Incoming>) -> Result<Response<Incoming>, CommandError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body =
        response.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let problem: Option<Value> = serde_json::from_slice(&body).ok();
    let text = |name: &str| problem.as_ref().and_then(|p| p[name].as_str()).map(super::output::harmless);
    let mut message = text("detail").unwrap_or_else(|| format!("the server answered {status}"));
    if let Some(field) = text("field") {
        message = format!("{field}: {message}");
    }
    if let Some(id) = text("request_id") {
        message = format!("{message} ({}, request {id})", status.as_u16());
    }
    let exit = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Exit::Denied,
        StatusCode::NOT_FOUND => Exit::NotFound,
        _ => Exit::Failed,
    };
    Err(CommandError { exit, message, problem })
}

/// The URL without what stands before an `@`: a password is shown nowhere (RFC 3986 §3.2.1).
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let Some((_, host)) = rest.rsplit_once('@') else { return url.to_owned() };
    if scheme.is_empty() { format!("…@{host}") } else { format!("{scheme}://…@{host}") }
}

fn wrong_url(url: &str) -> CommandError {
    CommandError::usage(format!(
        "`{}` is not the URL of a server; write it as `https://factotum.example.com`",
        without_password(url)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_url_is_refused_and_never_shown() {
        for url in [
            "https://me:hunter2@example.com",
            "http://hunter2@example.com:1/x",
            "ftp://a:hunter2@b",
            "a:hunter2@b c",
        ] {
            let args = RemoteArgs { url: url.to_owned(), ca_file: None };
            let error = Remote::from_args(&args).err().unwrap();
            assert_eq!(error.exit, Exit::Usage, "{url}");
            assert!(!error.message.contains("hunter2"), "{}", error.message);
            let document = error.document();
            assert_eq!(document["code"], "usage", "for `--json`");
            assert!(!document.to_string().contains("hunter2"), "{document}");
        }
    }

    #[test]
    fn paths_and_queries_are_escaped() {
        assert_eq!(segment("a/b c"), "a%2Fb%20c");
        assert_eq!(query(&[("q", Some("a&b")), ("x", None), ("y", Some("1"))]), "?q=a%26b&y=1");
        assert_eq!(query(&[("x", None)]), "");
    }
}
