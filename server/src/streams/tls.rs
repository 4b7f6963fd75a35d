//! TLS to a receiver. What must hold: its certificate is verified, always; whoever names an authority of their own trusts that alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Reads authorities, and our own certificate and key where there are such.
pub fn connector(
    ca_file: Option<&Path>,
    identity: Option<&(PathBuf, PathBuf)>,
) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|e| unusable(file, &e))?;
            }
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("no TLS version: {e}"))?
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some((cert_file, key_file)) => {
            let key = PrivateKeyDer::from_pem_file(key_file).map_err(|e| unusable(key_file, &e))?;
            builder
                .with_client_auth_cert(certificates(cert_file)?, key)
                .map_err(|e| unusable(cert_file, &e))?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Vec<_> =
        CertificateDer::pem_file_iter(file).and_then(Iterator::collect).map_err(|e| unusable(file, &e))?;
    if read.is_empty() { Err(unusable(file, &"there is no certificate in it")) } else { Ok(read) }
}

fn unusable(file: &Path, reason: &dyn std::fmt::Display) -> String {
    format!("{}: {reason}", file.display())
}
