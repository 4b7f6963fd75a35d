//! `[oidc]`: log-in at an identity provider. What must hold: it is off unless an issuer is set, and wrong settings are found at the start;
//! the client's secret is shown nowhere.

use std::net::IpAddr;
use std::path::Path;

use factotum_model::Redacted;
use http::Uri;

use super::source::Layers;
use super::{ConfigError, Origin};

const MAX_LABEL_CHARS: usize = 60;

/// Log-in at an identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcConfig {
    /// The provider, exactly as it names itself (OpenID Connect Discovery §4.3).
    pub issuer: String,
    /// What the provider calls this server.
    pub client_id: String,
    /// What this server shows the provider.
    pub client_secret: Redacted,
    /// The domains, lower case, whose addresses may join; none: nobody joins by logging in.
    pub allowed_domains: Vec<String>,
    /// The role of who joins.
    pub default_role: String,
    /// The organization's name; the only one unless set.
    pub organization: Option<String>,
    /// What the button says.
    pub label: String,
}

impl OidcConfig {
    /// Checks the settings.
    pub fn from_layers(layers: &Layers) -> Result<Option<Self>, ConfigError> {
        let Some((issuer, origin)) = layers.text("oidc.issuer") else {
            return without_issuer(layers).map(|()| None);
        };
        check_issuer(&issuer).map_err(|reason| wrong("oidc.issuer", origin, reason))?;
        let missing = |key, reason: &str| wrong(key, Origin::Default, reason.to_owned());
        let client_id = layers.text("oidc.client_id").map(|(id, _)| id).filter(|id| !id.is_empty());
        let client_id = client_id
            .ok_or_else(|| missing("oidc.client_id", "it is missing: what the provider calls this server"))?;
        let domains = layers.parse_list::<String>("oidc.allowed_domains")?;
        let (_, origin) = layers.text("oidc.allowed_domains").unwrap_or((String::new(), Origin::Default));
        let allowed_domains = domains
            .iter()
            .map(|domain| {
                let domain = domain.to_ascii_lowercase();
                let reason =
                    || format!("`{domain}` is not a domain; write it as `example.com`, without `@` or `*`");
                let fine = is_domain(&domain);
                fine.then(|| domain.clone())
                    .ok_or_else(|| wrong("oidc.allowed_domains", origin.clone(), reason()))
            })
            .collect::<Result<_, _>>()?;
        let (label, origin) = layers.text("oidc.label").unwrap_or((String::new(), Origin::Default));
        if label.trim().is_empty()
            || label.chars().count() > MAX_LABEL_CHARS
            || label.chars().any(char::is_control)
        {
            let reason = format!("give 1 to {MAX_LABEL_CHARS} printable characters");
            return Err(wrong("oidc.label", origin, reason));
        }
        Ok(Some(Self {
            issuer,
            client_id,
            client_secret: client_secret(layers)?,
            allowed_domains,
            default_role: layers.text("oidc.default_role").map(|(role, _)| role).unwrap_or_default(),
            organization: layers.text("oidc.organization").map(|(name, _)| name),
            label,
        }))
    }
}

/// Whether a URL may carry what a log-in depends on: `https`, or `http` to this machine alone.
pub fn is_safe_url(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        _ => false,
    }
}

fn check_issuer(issuer: &str) -> Result<(), String> {
    let fine = issuer.parse::<Uri>().is_ok_and(|uri| {
        is_safe_url(&uri)
            && uri.query().is_none()
            && !issuer.contains('#')
            && !uri.authority().is_some_and(|a| a.as_str().contains('@'))
    });
    if fine {
        return Ok(());
    }
    Err(format!(
        "`{issuer}` is not an issuer; write it as the provider does, `https://id.example.com` (`http` on loopback only)"
    ))
}

fn is_domain(text: &str) -> bool {
    let label =
        |l: &str| !l.is_empty() && l.len() <= 63 && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    text.len() <= 253 && text.split('.').all(label)
}

fn without_issuer(layers: &Layers) -> Result<(), ConfigError> {
    for key in ["oidc.client_id", "oidc.client_secret", "oidc.client_secret_file", "oidc.organization"] {
        if let Some(found) = layers.get(key) {
            let reason = "it is of no use without `oidc.issuer`; set that too, or leave this out";
            return Err(wrong(key, found.origin.clone(), reason.to_owned()));
        }
    }
    Ok(())
}

fn client_secret(layers: &Layers) -> Result<Redacted, ConfigError> {
    const FILE: &str = "oidc.client_secret_file";
    let (secret, key, origin) = match (layers.text("oidc.client_secret"), layers.text(FILE)) {
        (Some((secret, origin)), None) => (secret, "oidc.client_secret", origin),
        (None, Some((path, origin))) => {
            let text = std::fs::read_to_string(Path::new(&path));
            let text = text.map_err(|e| wrong(FILE, origin.clone(), format!("{path}: {e}")))?;
            (text.trim().to_owned(), FILE, origin)
        }
        (Some(_), Some((_, origin))) => {
            let reason = "`oidc.client_secret` is set as well; set one of them".to_owned();
            return Err(wrong(FILE, origin, reason));
        }
        (None, None) => {
            let reason = "it is missing: set it, or `oidc.client_secret_file`".to_owned();
            return Err(wrong("oidc.client_secret", Origin::Default, reason));
        }
    };
    let secret = Redacted::new(secret);
    if secret.expose().is_empty() || secret.expose().chars().any(char::is_control) {
        return Err(wrong(key, origin, "the secret is empty, or holds control characters".to_owned()));
    }
    Ok(secret)
}

fn wrong(key: &'static str, origin: Origin, reason: String) -> ConfigError {
    ConfigError::Value { key, origin, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn load(set: &[(&str, &str)]) -> Result<Option<OidcConfig>, String> {
        let variable = |(name, value): &(&str, &str)| {
            (format!("FACTOTUM_OIDC_{}", name.to_uppercase()), (*value).to_owned())
        };
        let environment: Environment = set.iter().map(variable).collect();
        let layers = Layers::resolve(&[], &environment, None).unwrap();
        OidcConfig::from_layers(&layers).map_err(|e| e.to_string())
    }

    const FINE: [(&str, &str); 3] =
        [("issuer", "https://id.example.com/realm"), ("client_id", "factotum"), ("client_secret", "hunter2")];

    #[test]
    fn it_is_off_unless_an_issuer_is_set() {
        assert_eq!(load(&[]), Ok(None));
        assert!(load(&FINE[1..]).unwrap_err().contains("without `oidc.issuer`"));
        let config = load(&FINE).unwrap().unwrap();
        assert_eq!((config.default_role.as_str(), config.label.as_str()), ("Viewer", "Single sign-on"));
        assert!(config.allowed_domains.is_empty() && !format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_unsafe_or_missing_is_refused_by_name() {
        for (name, value) in [
            ("issuer", "http://id.example.com"),
            ("issuer", "id.example.com"),
            ("issuer", "https://id.example.com?x=1"),
            ("issuer", "https://user@id.example.com"),
            ("issuer", "http://localhost.example.com"),
            ("client_id", ""),
            ("client_secret", ""),
            ("client_secret_file", "also-this-one"),
            ("allowed_domains", "example.com,*.example.com"),
            ("allowed_domains", "@example.com"),
            ("label", " "),
        ] {
            let set: Vec<_> = FINE.into_iter().filter(|(n, _)| *n != name).chain([(name, value)]).collect();
            let error = load(&set).unwrap_err();
            assert!(error.contains(&format!("`oidc.{name}`")) && !error.contains("hunter2"), "{error}");
        }
        for local in ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9"] {
            assert!(load(&[("issuer", local), FINE[1], FINE[2]]).is_ok(), "{local}");
        }
    }

    #[test]
    fn the_secret_may_stand_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hunter2\n").unwrap();
        let path = file.path().display().to_string();
        let config = load(&[FINE[0], FINE[1], ("client_secret_file", &path)]).unwrap().unwrap();
        assert_eq!(config.client_secret.expose(), "hunter2");
        assert!(load(&[FINE[0], FINE[1], ("client_secret_file", "/nowhere")]).is_err());
    }
}
