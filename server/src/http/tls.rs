//! TLS (RFC 8446, RFC 5246) from two PEM files, with the protocols within it by ALPN (RFC 7301). What must hold: a client certificate is asked for only where
//! hooks are served, and nobody needs one to connect.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::certificate::ClientCertificates;
use crate::config::http::TlsFiles;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or is no PEM of its kind.
    #[error("{path}: no usable {what}: {reason}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    #[error("the certificate and its key cannot be used: {0}")]
    Pair(#[from] rustls::Error),
}

/// What HTTPS offers.
pub const HTTP: [&str; 2] = ["h2", "http/1.1"];

/// Reads certificate and key; `asks`: whether clients are asked for a certificate.
pub fn acceptor(files: &TlsFiles, protocols: &[&str], asks: bool) -> Result<TlsAcceptor, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect)
        .map_err(|e| file(&files.cert, "certificate", &e))?;
    if chain.is_empty() {
        return Err(file(&files.cert, "certificate", &"the file has none"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| file(&files.key, "private key", &e))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = ClientCertificates::verifier(&provider);
    let builder =
        rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder =
        if asks { builder.with_client_cert_verifier(clients) } else { builder.with_no_client_auth() };
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn file(path: &Path, what: &'static str, reason: &impl ToString) -> TlsError {
    TlsError::File { path: path.to_owned(), what, reason: reason.to_string() }
}
