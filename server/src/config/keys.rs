//! The table of every setting: its name in `factotum.toml`, its flag, its environment variable, its default. What must
//! hold: a setting that is not in this table does not exist, so nothing is read past it and nothing is printed past it.

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its name in `factotum.toml`, with its section: `limits.wall_ms`.
    pub name: &'static str,
    /// Its flag, where it has one.
    pub flag: Option<&'static str>,
    /// The default as it would be written in the file, or what it is taken from.
    pub default: Default,
    /// What kind of value the file takes.
    pub form: Form,
    /// What the value is masked for in `--print-config`: the password of a URL.
    pub secret: bool,
}

/// What a setting is when nobody sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// This value.
    Value(&'static str),
    /// Worked out from other settings; the words say how.
    Derived(&'static str),
}

/// What kind of value the file takes; flags and environment are texts, a list is separated by commas there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A string.
    Text,
    /// A whole number, not negative.
    Number,
    /// A list of strings.
    List,
    /// A string that is never shown.
    Secret,
    /// `true` or `false`.
    Flag,
}

impl Key {
    /// The environment variable: `FACTOTUM_LIMITS_WALL_MS` for `limits.wall_ms`.
    pub fn variable(&self) -> String {
        format!("FACTOTUM_{}", self.name.replace('.', "_").to_uppercase())
    }

    /// Looks a setting up by its name in the file.
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|k| k.name == name)
    }
}

const fn flagged(name: &'static str, flag: &'static str, default: Default) -> Key {
    Key { name, flag: Some(flag), default, form: Form::Text, secret: false }
}

const fn text(name: &'static str, default: Default) -> Key {
    Key { name, flag: None, default, form: Form::Text, secret: false }
}

const fn number(name: &'static str, default: &'static str) -> Key {
    Key { name, flag: None, default: Default::Value(default), form: Form::Number, secret: false }
}

const fn flag(name: &'static str) -> Key {
    Key { name, flag: None, default: Default::Value("false"), form: Form::Flag, secret: false }
}

const fn list(name: &'static str) -> Key {
    Key { name, flag: None, default: Default::Value(""), form: Form::List, secret: false }
}

/// Every setting there is, in the order `--print-config` shows them.
pub const KEYS: &[Key] = &[
    flagged("data", "--data", Default::Value("./data")),
    Key {
        secret: true,
        ..flagged("database", "--database", Default::Derived("factotum.db in the data folder"))
    },
    Key {
        secret: true,
        ..flagged("migrate_database", "--migrate-database", Default::Derived("as `database`"))
    },
    flagged("listen", "--listen", Default::Value("127.0.0.1:7070")),
    flagged("smtp_listen", "--smtp-listen", Default::Value("127.0.0.1:7025")),
    flagged("mail_domain", "--mail-domain", Default::Value("localhost")),
    flagged("tls_cert", "--tls-cert", Default::Derived("none: plain HTTP")),
    flagged("tls_key", "--tls-key", Default::Derived("none: plain HTTP")),
    flagged("public_url", "--public-url", Default::Derived("from the listen address")),
    flagged("hooks_listen", "--hooks-listen", Default::Value("off")),
    flagged("hooks_public_url", "--hooks-public-url", Default::Derived("from where hooks are served")),
    flagged("log_format", "--log-format", Default::Derived("text on a terminal, else json")),
    text("smtp.dns", Default::Value("system")),
    text("smtp.hostname", Default::Derived("the mail domain")),
    text("smtp.tls_cert", Default::Derived("as `tls_cert`")),
    text("smtp.tls_key", Default::Derived("as `tls_key`")),
    flag("smtp.require_tls"),
    number("smtp.connections", "1000"),
    number("smtp.connections_per_address", "100"),
    number("smtp.recipients", "100"),
    number("smtp.message_bytes", "52428800"),
    number("smtp.memory_bytes", "134217728"),
    number("smtp.faults", "20"),
    number("smtp.command_timeout_s", "300"),
    number("smtp.data_timeout_s", "180"),
    number("smtp.message_timeout_s", "1800"),
    Key { secret: true, ..text("mail.relay", Default::Value("off")) },
    text("mail.ca", Default::Derived("the public authorities")),
    text("mail.from", Default::Derived("factotum@ the mail domain")),
    list("egress.allow"),
    list("proxy.trusted"),
    number("retention.audit_days", "0"),
    text("oidc.issuer", Default::Derived("none: no log-in by OpenID Connect")),
    text("oidc.client_id", Default::Derived("none")),
    Key { form: Form::Secret, ..text("oidc.client_secret", Default::Derived("from `client_secret_file`")) },
    text("oidc.client_secret_file", Default::Derived("none")),
    list("oidc.allowed_domains"),
    text("oidc.default_role", Default::Value("Viewer")),
    text("oidc.organization", Default::Derived("the only one")),
    text("oidc.label", Default::Value("Single sign-on")),
    number("limits.wall_ms", "3600000"),
    number("limits.cpu_ms", "600000"),
    number("limits.memory_bytes", "1073741824"),
    number("limits.output_bytes", "16777216"),
    number("limits.log_bytes", "16777216"),
    number("limits.host_calls", "10000000"),
    number("limits.http_requests", "100000"),
    number("limits.http_bytes", "4294967296"),
    number("limits.max_instances", "256"),
    number("limits.component_bytes", "67108864"),
    number("limits.json_body_bytes", "1048576"),
    number("limits.connections", "10000"),
    number("limits.drain_ms", "30000"),
    number("limits.unknown_keys_per_minute", "600"),
    number("limits.session_s", "43200"),
    number("limits.session_idle_s", "7200"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_flags_and_variables_are_unique() {
        for (at, key) in KEYS.iter().enumerate() {
            assert!(
                KEYS[at + 1..]
                    .iter()
                    .all(|other| other.name != key.name && other.variable() != key.variable()),
                "{}",
                key.name
            );
        }
        assert_eq!(
            Key::find("limits.wall_ms").map(Key::variable).as_deref(),
            Some("FACTOTUM_LIMITS_WALL_MS")
        );
    }
}
