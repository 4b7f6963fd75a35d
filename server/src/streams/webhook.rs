//! One `POST`, signed in the form of Standard Webhooks. What must hold: the receiver's certificate is verified; only an answer of
//! 2xx counts; no redirect is followed; the secret is in no error.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use factotum_model::{Redacted, Timestamp};
use hmac::{Hmac, Mac as _};
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::sink::SinkError;
use super::tls;
use crate::config::audit_stream::WebhookTarget;

/// How long one message may take, with its connection.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of an answer is read before the connection is closed, in bytes: nothing in it counts.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// What is posted.
pub struct Message {
    /// The same when it is sent again.
    pub id: String,
    /// What `body` is.
    pub content_type: &'static str,
    /// What is signed.
    pub body: String,
    /// Now.
    pub at: Timestamp,
}

/// A receiver.
pub struct WebhookSink {
    url: Uri,
    secret: Redacted<Vec<u8>>,
    tls: TlsConnector,
}

impl WebhookSink {
    /// Reads certificates.
    pub fn configured(target: &WebhookTarget) -> Result<Self, String> {
        let tls = tls::connector(target.ca_file.as_deref(), None)?;
        Ok(Self { url: target.url.clone(), secret: target.secret.clone(), tls })
    }

    /// Posts a message.
    pub async fn deliver(&self, message: &Message) -> Result<(), SinkError> {
        let request = signed(&self.url, self.secret.expose(), message)?;
        let answered = tokio::time::timeout(TIMEOUT, self.send(request)).await;
        let status = answered.map_err(|_| SinkError::Timeout(TIMEOUT.as_secs()))??;
        if status.is_success() { Ok(()) } else { Err(SinkError::Status(status)) }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<StatusCode, SinkError> {
        let tls = self.url.scheme_str() == Some("https");
        let host = self.url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = self.url.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let stream =
            TcpStream::connect((host, port)).await.map_err(SinkError::io(format!("{host}:{port}")))?;
        if tls {
            let name = ServerName::try_from(host.to_owned()).map_err(|_| {
                SinkError::Form(format!("`{host}` is no name that a certificate could be for"))
            })?;
            exchange(self.tls.connect(name, stream).await.map_err(SinkError::io("TLS"))?, request).await
        } else {
            exchange(stream, request).await
        }
    }
}

/// The request that a message becomes.
pub(crate) fn signed(url: &Uri, secret: &[u8], message: &Message) -> Result<Request<Full<Bytes>>, SinkError> {
    let Message { id, content_type, body, at } = message;
    let at = at.as_millis() / 1000;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    Request::post(path)
        .header(header::HOST, url.authority().map_or("", |authority| authority.as_str()))
        .header(header::USER_AGENT, concat!("factotum/", env!("CARGO_PKG_VERSION")))
        .header(header::CONTENT_TYPE, HeaderValue::from_static(content_type))
        .header("webhook-signature", signature(secret, id, at, body))
        .header("webhook-id", id)
        .header("webhook-timestamp", at)
        .body(Full::new(Bytes::from(body.clone())))
        .map_err(|e| SinkError::Form(e.to_string()))
}

/// One request over one connection, which ends with it.
pub(crate) async fn exchange<IO>(stream: IO, request: Request<Full<Bytes>>) -> Result<StatusCode, SinkError>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        // Read, so that the connection ends in an orderly way; what is in it does not matter.
        let _ = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
        Ok::<_, SinkError>(status)
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

/// Standard Webhooks, "Signature scheme": HMAC-SHA256 of `id.timestamp.body`.
fn signature(secret: &[u8], id: &str, at: i64, body: &str) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(body.as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // The example of the specification's reference libraries.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed =
            signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
