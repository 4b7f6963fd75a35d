//! Who may deliver at all, before anything else is looked at: networks, and client certificates that are pinned. What must hold: an address that is not listed,
//! or a certificate that is not pinned, learns nothing of the webhook but that.

use std::net::IpAddr;

use factotum_model::Digest;
use factotum_model::trigger::WebhookConfig;
use ipnet::IpNet;

/// Why a sender is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// Its address is in none of the networks.
    #[error("deliveries are not taken from this address")]
    Address,
    /// It showed no certificate.
    #[error(
        "this webhook takes deliveries only with one of its client certificates, shown to this server itself: one that a proxy has seen does not count"
    )]
    NoCertificate,
    /// It showed another.
    #[error("the client certificate is none of those that this webhook takes")]
    OtherCertificate,
}

impl AdmitError {
    /// The reason as the audit trail and the problem's `code` have it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Address => "address_not_allowed",
            Self::NoCertificate => "client_certificate_missing",
            Self::OtherCertificate => "client_certificate_unknown",
        }
    }
}

/// Reads a network; a plain address is a network of one.
pub fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpAddr>().map(IpNet::from).ok().or_else(|| text.parse().ok())
}

/// Whether a sender with this address and this certificate may deliver.
pub fn check(
    config: &WebhookConfig,
    address: Option<IpAddr>,
    certificate: Option<Digest>,
) -> Result<(), AdmitError> {
    if !config.allowed_networks.is_empty() {
        let address = address.map(|a| a.to_canonical()).ok_or(AdmitError::Address)?;
        let mut networks = config.allowed_networks.iter().filter_map(|text| network(text));
        if !networks.any(|network| network.contains(&address)) {
            return Err(AdmitError::Address);
        }
    }
    if !config.client_certificates.is_empty() {
        let shown = certificate.ok_or(AdmitError::NoCertificate)?.hex();
        // A certificate is public: there is nothing in it for the time to give away.
        if !config.client_certificates.iter().any(|pinned| pinned.eq_ignore_ascii_case(&shown)) {
            return Err(AdmitError::OtherCertificate);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_listed_networks_and_pinned_certificates_are_admitted() {
        let pinned = Digest::of(b"certificate");
        let config = |value| serde_json::from_value::<WebhookConfig>(value).unwrap();
        let open = config(json!({}));
        assert_eq!(check(&open, None, None), Ok(()));
        let listed = config(json!({"allowed_networks": ["192.0.2.0/24", "2001:db8::1"]}));
        for (address, outcome) in [
            ("192.0.2.7", Ok(())),
            ("::ffff:192.0.2.7", Ok(())),
            ("2001:db8::1", Ok(())),
            ("2001:db8::2", Err(AdmitError::Address)),
            ("198.51.100.1", Err(AdmitError::Address)),
        ] {
            assert_eq!(check(&listed, Some(address.parse().unwrap()), None), outcome, "{address}");
        }
        assert_eq!(check(&listed, None, None), Err(AdmitError::Address));
        let config = config(json!({"client_certificates": [pinned.hex().to_uppercase()]}));
        assert_eq!(check(&config, None, Some(pinned)), Ok(()));
        assert_eq!(check(&config, None, None), Err(AdmitError::NoCertificate));
        assert_eq!(check(&config, None, Some(Digest::of(b"x"))), Err(AdmitError::OtherCertificate));
    }
}
