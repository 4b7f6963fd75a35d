//! Mails signed as RFC 6376 and RFC 8463 say, by keys made for the test.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_auth::common::crypto::{Ed25519Key, RsaKey, Sha256, SigningKey};
use mail_auth::common::headers::HeaderWriter as _;
use mail_auth::dkim::DkimSigner;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// What is signed.
pub const MAIL: &str = "From: Ann <ann@example.com>\r\nTo: orders@example.org\r\nSubject: Order\r\nDate: Tue, 5 Mar 2024 10:00:00 +0100\r\n\r\nHello\r\n";

/// The signed fields; `From` twice, so that a second one breaks it (RFC 6376 §8.15).
const FIELDS: [&str; 4] = ["From", "To", "Subject", "Date"];

/// An RSA key of 2 048 bits, for tests alone.
const RSA: &[u8] = include_bytes!("rsa.der");

/// The keys of a test.
pub struct Keys {
    ed: Vec<u8>,
}

impl Keys {
    pub fn made() -> Self {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        Self { ed: key.serialize_der() }
    }

    fn ed(&self) -> Ed25519Key {
        Ed25519Key::from_pkcs8_der(&self.ed).unwrap()
    }

    fn rsa() -> RsaKey<Sha256> {
        RsaKey::from_key_der(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(RSA))).unwrap()
    }

    pub fn ed_record(&self) -> String {
        format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(self.ed().public_key()))
    }

    pub fn rsa_record() -> String {
        format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(Self::rsa().public_key()))
    }

    pub fn by_ed(&self, domain: &str, selector: &str, mail: &str) -> String {
        signed(self.ed(), domain, selector, mail)
    }

    pub fn by_rsa(domain: &str, mail: &str) -> String {
        signed(Self::rsa(), domain, "rsa", mail)
    }
}

fn signed(key: impl SigningKey, domain: &str, selector: &str, mail: &str) -> String {
    let signer = DkimSigner::from_key(key).domain(domain).selector(selector).headers(FIELDS);
    let signature = signer.sign(mail.as_bytes()).unwrap();
    format!("{}{mail}", signature.to_header())
}
