//! Client certificates, for webhooks that pin them. What must hold: a client may show none; what it shows counts only with proof of its key
//! (RFC 8446 §4.4.3), and by its digest: no authority, name or date in it is believed or asked for.

use std::sync::Arc;

use factotum_model::Digest;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

/// The digest of the certificate that a client showed, in the extensions of its requests.
#[derive(Debug, Clone, Copy)]
pub struct ClientCertificate(pub Digest);

impl ClientCertificate {
    /// That of a client's chain, its own certificate first.
    pub fn of(chain: Option<&[CertificateDer<'_>]>) -> Option<Self> {
        chain?.first().map(|own| Self(Digest::of(own)))
    }
}

/// Asks for a certificate and takes any, since a webhook decides by its digest.
#[derive(Debug)]
pub(super) struct ClientCertificates(WebPkiSupportedAlgorithms);

impl ClientCertificates {
    pub(super) fn verifier(provider: &CryptoProvider) -> Arc<dyn ClientCertVerifier> {
        Arc::new(Self(provider.signature_verification_algorithms))
    }
}

impl ClientCertVerifier for ClientCertificates {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _own: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, own, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, own, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
