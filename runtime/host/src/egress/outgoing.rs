//! Connections that the server itself makes to where users told it to. What must hold: they are under the same policy as those of guests, or a user could reach through
//! the server what no workflow may.

use tokio::io::{AsyncRead, AsyncWrite};
use wasmtime_wasi_http::Error;

use super::connect::{ConnectError, Destination, Egress};

/// A connection with or without TLS.
pub trait Outgoing: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Outgoing for T {}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutgoingError {
    /// The policy refuses it.
    #[error("{0}")]
    Prohibited(String),
    /// The network does.
    #[error("{0}")]
    Failed(String),
}

impl Egress {
    /// Connects to the host of a URL.
    pub(crate) async fn connect_to(&self, uri: &http::Uri) -> Result<Box<dyn Outgoing>, OutgoingError> {
        let to = Destination::of(uri)
            .ok_or_else(|| OutgoingError::Failed("the URL names no host and port".to_owned()))?;
        match self.connect(&to, None).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(ConnectError::Prohibited(why)) => Err(OutgoingError::Prohibited(why)),
            Err(ConnectError::Failed(error)) => {
                Err(OutgoingError::Failed(format!("{}: {}", to.grant_name(), words(&error))))
            }
        }
    }
}

fn words(error: &Error) -> String {
    match error {
        Error::DnsTimeout => "its name was not found in time".to_owned(),
        Error::DnsError { .. } | Error::DestinationNotFound => "its name is not found".to_owned(),
        Error::ConnectionTimeout => "no connection in time".to_owned(),
        Error::Connect(error) => format!("no connection: {error}"),
        Error::Tls(error) => format!("TLS: {error}"),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::egress::EgressPolicy;

    #[tokio::test]
    async fn the_server_may_connect_to_what_guests_may_and_to_nothing_else() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let uri: http::Uri = format!("http://127.0.0.1:{port}/x").parse().unwrap();
        let egress = |allow: &[&str]| {
            Egress::new(EgressPolicy::parse(allow).unwrap(), Vec::new(), Duration::from_secs(5)).unwrap()
        };
        let refused = egress(&[]).connect_to(&uri).await.err();
        assert!(matches!(refused, Some(OutgoingError::Prohibited(why)) if why.contains("loopback")));
        assert!(egress(&["127.0.0.1"]).connect_to(&uri).await.is_ok());
        drop(listener);
        let gone = egress(&["127.0.0.1"]).connect_to(&uri).await.err();
        assert!(matches!(gone, Some(OutgoingError::Failed(why)) if why.contains("no connection")));
        assert!(egress(&[]).connect_to(&"/x".parse().unwrap()).await.is_err());
    }
}
