//! How the HTTP server listens. What must hold: a certificate never goes without its key, and without TLS the program listens
//! on loopback unless it is told otherwise.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::source::Layers;
use super::{ConfigError, Origin};

/// How the HTTP server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Certificate and key, PEM; none for plain HTTP.
    pub tls: Option<TlsFiles>,
    /// What the world calls this server, without a slash at the end; none: from the address it listens on.
    pub public_url: Option<String>,
    /// Where hooks are served, and nothing else; none: where everything is.
    pub hooks_listen: Option<SocketAddr>,
    /// What the world calls the place where hooks are served, without a slash at the end; none: from where they are.
    pub hooks_public_url: Option<String>,
}

/// The two PEM files of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, the server's own first.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl HttpConfig {
    /// Checks the settings.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let (text, origin) =
            layers.text("listen").unwrap_or_else(|| ("127.0.0.1:7070".into(), Origin::Default));
        let listen = socket_address("listen", &text, origin)?;
        let tls = tls_files(layers, "tls_cert", "tls_key")?;
        let url = |key| layers.text(key).map(|(url, origin)| checked_url(key, &url, origin)).transpose();
        let (public_url, hooks_public_url) = (url("public_url")?, url("hooks_public_url")?);
        let hooks_listen = match layers.text("hooks_listen") {
            Some((text, _)) if text == "off" => None,
            Some((text, origin)) => Some(socket_address("hooks_listen", &text, origin)?),
            None => None,
        };
        Ok(Self { listen, tls, public_url, hooks_listen, hooks_public_url })
    }

    /// What the world calls this server once it listens on `address`, without a slash at the end.
    pub fn public_url_at(&self, address: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| self.url_at(address))
    }

    /// What the world calls the place where hooks are served, once the server listens on `address` and for hooks on `hooks`.
    pub fn hooks_url_at(&self, address: SocketAddr, hooks: Option<SocketAddr>) -> String {
        let own = || hooks.map_or_else(|| self.public_url_at(address), |hooks| self.url_at(hooks));
        self.hooks_public_url.clone().unwrap_or_else(own)
    }

    fn url_at(&self, address: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{address}")
    }
}

/// Reads `ADDRESS:PORT`; `localhost:7070` and `:7070` are understood.
pub(super) fn socket_address(
    key: &'static str,
    text: &str,
    origin: Origin,
) -> Result<SocketAddr, ConfigError> {
    let spelled = match text.split_once(':') {
        Some(("localhost", port)) => format!("127.0.0.1:{port}"),
        Some(("", port)) => format!("0.0.0.0:{port}"),
        _ => text.to_owned(),
    };
    spelled.parse().map_err(|_| ConfigError::Value {
        key,
        origin,
        reason: format!(
            "`{text}` is not an address with a port; write it as `127.0.0.1:7070` or `[::1]:7070`"
        ),
    })
}

/// Both files, or neither.
pub(super) fn tls_files(
    layers: &Layers,
    cert_key: &'static str,
    key_key: &'static str,
) -> Result<Option<TlsFiles>, ConfigError> {
    match (layers.text(cert_key), layers.text(key_key)) {
        (None, None) => Ok(None),
        (Some((cert, _)), Some((key, _))) => Ok(Some(TlsFiles { cert: cert.into(), key: key.into() })),
        (Some((_, origin)), None) => Err(half(cert_key, origin, key_key)),
        (None, Some((_, origin))) => Err(half(key_key, origin, cert_key)),
    }
}

fn half(key: &'static str, origin: Origin, missing: &str) -> ConfigError {
    ConfigError::Value { key, origin, reason: format!("TLS needs `{missing}` as well") }
}

fn checked_url(key: &'static str, url: &str, origin: Origin) -> Result<String, ConfigError> {
    let parsed = url.parse::<http::Uri>().ok();
    let fine = parsed.is_some_and(|u| {
        matches!(u.scheme_str(), Some("http" | "https")) && u.authority().is_some() && u.query().is_none()
    });
    if fine {
        Ok(url.trim_end_matches('/').to_owned())
    } else {
        let reason = format!("`{url}` is not a base URL; write it as `https://factotum.example.com`");
        Err(ConfigError::Value { key, origin, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn http(flags: &[(&'static str, Option<String>)]) -> Result<HttpConfig, ConfigError> {
        HttpConfig::from_layers(&Layers::resolve(flags, &Environment::new(), None).unwrap())
    }

    #[test]
    fn addresses_and_urls_are_checked() {
        assert_eq!(
            http(&[("listen", Some("localhost:0".into()))]).unwrap().listen,
            "127.0.0.1:0".parse().unwrap()
        );
        assert!(http(&[("listen", Some("7070".into()))]).is_err());
        assert!(http(&[("public_url", Some("factotum.example.com".into()))]).is_err());
        let named = http(&[("public_url", Some("https://f.example/".into()))]).unwrap();
        assert_eq!(named.public_url_at("127.0.0.1:1".parse().unwrap()), "https://f.example");
    }

    #[test]
    fn hooks_have_a_place_of_their_own_if_they_are_given_one() {
        let (main, own) = ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
        let with = |pairs: &[(&'static str, &str)]| {
            let flags: Vec<_> = pairs.iter().map(|(key, value)| (*key, Some((*value).to_owned()))).collect();
            http(&flags)
        };
        let shared = with(&[("public_url", "https://f.example"), ("hooks_listen", "off")]).unwrap();
        assert_eq!(
            (shared.hooks_listen, shared.hooks_url_at(main, None)),
            (None, "https://f.example".into())
        );
        let apart = with(&[("public_url", "https://f.example"), ("hooks_listen", ":7071")]).unwrap();
        assert_eq!(apart.hooks_url_at(main, Some(own)), "http://127.0.0.1:2");
        let named =
            with(&[("hooks_listen", ":7071"), ("hooks_public_url", "https://hooks.example/")]).unwrap();
        assert_eq!(named.hooks_url_at(main, Some(own)), "https://hooks.example");
        let error = with(&[("hooks_listen", "7071")]).unwrap_err().to_string();
        assert!(error.contains("hooks_listen"), "{error}");
    }

    #[test]
    fn a_certificate_needs_its_key() {
        let error = http(&[("tls_cert", Some("c.pem".into()))]).unwrap_err().to_string();
        assert!(error.contains("tls_key"), "{error}");
    }
}
