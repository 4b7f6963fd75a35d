//! What `factotum serve --print-config` shows: each setting, its value, and where the value came from. What must hold: no secret is shown.

use std::fmt::Write as _;

use super::keys::{Default, Form, KEYS, Key};
use super::source::{Layers, Origin};
use super::{Config, audit_stream};

/// One line per setting, as TOML with the origin as a comment, so that it can be pasted into a file.
pub(super) fn printed(config: &Config, layers: &Layers) -> String {
    let mut out = String::new();
    let mut section = "";
    let width = KEYS.iter().map(|k| line(config, layers, k).0.len()).filter(|w| *w < 60).max().unwrap_or(0);
    for key in KEYS {
        let own = key.name.split_once('.').map_or("", |(section, _)| section);
        if own != section {
            let _ = writeln!(out, "\n[{own}]");
            section = own;
        }
        let (text, origin) = line(config, layers, key);
        let _ = writeln!(out, "{text:width$}  # {origin}");
    }
    for table in layers.streams() {
        let _ = writeln!(out, "\n[[{}]]  # {}", audit_stream::TABLE, table.origin);
        for (name, found) in &table.values {
            let hidden = name == audit_stream::SECRET;
            let text = if hidden { quoted("[redacted]") } else { quoted(&masked(&found.text)) };
            let number = found.text.bytes().all(|b| b.is_ascii_digit()) && audit_stream::is_number(name);
            let text = if number { found.text.clone() } else { text };
            let _ = writeln!(out, "{name} = {text}  # {}", found.origin);
        }
    }
    out
}

/// One setting as it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name in the file, with its section.
    pub name: &'static str,
    /// The value as the file would have it, secrets masked; none where there is none.
    pub value: Option<String>,
    /// Where it was set: a flag, an environment variable, file and line; or how the default comes about.
    pub origin: String,
    /// Whether somebody set it.
    pub is_set: bool,
    /// The environment variable that would set it.
    pub variable: String,
}

/// All settings but those of tables, in the order of the table of settings.
pub(super) fn shown_settings(config: &Config, layers: &Layers) -> Vec<Setting> {
    KEYS.iter().map(|key| setting(config, layers, key)).collect()
}

fn setting(config: &Config, layers: &Layers, key: &Key) -> Setting {
    let derived = match key.default {
        Default::Derived(how) => format!("default: {how}"),
        Default::Value(_) => Origin::Default.to_string(),
    };
    let (text, origin) = match layers.text(key.name) {
        Some((text, origin)) => (Some(text), origin.to_string()),
        None => (worked_out(config, key.name), derived),
    };
    let value = text.map(|text| if key.secret { quoted(&masked(&text)) } else { shown(key.form, &text) });
    Setting {
        name: key.name,
        value,
        origin,
        is_set: layers.get(key.name).is_some(),
        variable: key.variable(),
    }
}

fn line(config: &Config, layers: &Layers, key: &Key) -> (String, String) {
    let name = key.name.rsplit_once('.').map_or(key.name, |(_, name)| name);
    let Setting { value, origin, .. } = setting(config, layers, key);
    (value.map_or_else(|| format!("# {name} ="), |value| format!("{name} = {value}")), origin)
}

fn worked_out(config: &Config, name: &str) -> Option<String> {
    match name {
        "database" => Some(config.data.database.clone()),
        "migrate_database" => Some(config.data.migrate_database.clone()),
        "public_url" => Some(config.http.public_url_at(config.http.listen)),
        "smtp.hostname" => Some(config.smtp.hostname.clone()),
        "smtp.tls_cert" => config.smtp.tls.as_ref().map(|tls| tls.cert.display().to_string()),
        "smtp.tls_key" => config.smtp.tls.as_ref().map(|tls| tls.key.display().to_string()),
        "hooks_public_url" => Some(config.http.hooks_url_at(config.http.listen, config.http.hooks_listen)),
        "mail.from" => Some(config.mail.from.to_string()),
        "log_format" => Some(config.logging.format.as_str().to_owned()),
        _ => None,
    }
}

fn shown(form: Form, text: &str) -> String {
    match form {
        Form::Text => quoted(text),
        Form::Secret => quoted("[redacted]"),
        Form::Number | Form::Flag => text.to_owned(),
        Form::List => {
            let items = text.lines().map(str::trim).filter(|i| !i.is_empty()).map(quoted);
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A URL without its password (RFC 3986 §3.2.1), and without the query, where drivers take passwords too.
fn masked(url: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, ""), |(base, _)| (base, "?[redacted]"));
    let Some((scheme, rest)) = base.split_once("://") else { return format!("{base}{query}") };
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split_once(':').map_or(user.to_owned(), |(name, _)| format!("{name}:[redacted]"));
            format!("{scheme}://{user}@{host}{query}")
        }
        None => format!("{base}{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn each_value_is_shown_with_its_origin_and_no_password() {
        let flags = [("database", Some("postgres://app:hunter2@db/f?password=hunter3".to_owned()))];
        let environment = Environment::from([
            ("FACTOTUM_LIMITS_WALL_MS".to_owned(), "5".to_owned()),
            ("FACTOTUM_EGRESS_ALLOW".to_owned(), "10.0.0.0/8,db".to_owned()),
            ("FACTOTUM_LOG_FORMAT".to_owned(), "text".to_owned()),
            ("FACTOTUM_MAIL_RELAY".to_owned(), "smtp://me:hunter4@mx.example.com".to_owned()),
            ("FACTOTUM_OIDC_ISSUER".to_owned(), "https://id.example.com".to_owned()),
            ("FACTOTUM_OIDC_CLIENT_ID".to_owned(), "factotum".to_owned()),
            ("FACTOTUM_OIDC_CLIENT_SECRET".to_owned(), "hunter5".to_owned()),
        ]);
        let config = Config::load(&flags, &environment, None).unwrap();
        let printed = config.printed();
        assert!(!printed.contains("hunter"), "{printed}");
        insta::assert_snapshot!(printed);
    }
}
