//! The configuration of `factotum serve` and `factotum admin`: flags > `FACTOTUM_*` > `factotum.toml` > defaults. What must hold: the rest of the
//! program sees only checked values, and the environment is read here alone.

pub mod audit_stream;
pub mod data;
pub mod egress;
pub mod http;
pub mod keys;
pub mod limits;
pub mod logging;
pub mod mail;
pub mod master_key;
pub mod oidc;
pub mod print;
pub mod proxy;
pub mod retention;
pub mod smtp;
pub mod source;

use std::path::{Path, PathBuf};

pub use audit_stream::AuditStreamConfig;
pub use data::DataConfig;
pub use egress::EgressConfig;
pub use http::HttpConfig;
pub use limits::LimitsConfig;
pub use logging::{LogFormat, LoggingConfig};
pub use mail::MailConfig;
pub use oidc::OidcConfig;
pub use print::Setting;
pub use proxy::ProxyConfig;
pub use retention::RetentionConfig;
pub use smtp::SmtpConfig;
pub use source::{Environment, Layers, Origin};

/// The file that is read when no other is named and it exists in the working directory.
pub const DEFAULT_FILE: &str = "factotum.toml";

/// Why the configuration is refused. Each names the setting and where it stood.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: cannot read the configuration: {source}", path = path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path}:{line}: not valid TOML: {reason}", path = path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A key that does not exist.
    #[error("{path}:{line}: `{key}` is not a setting; known here: {known}", path = path.display())]
    UnknownKey {
        /// The key with its section.
        key: String,
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What could stand there.
        known: String,
    },
    /// A value that cannot be used.
    #[error("`{key}` ({origin}): {reason}")]
    Value {
        /// The setting.
        key: &'static str,
        /// Where the value stood.
        origin: Origin,
        /// What is wrong, and what to write instead.
        reason: String,
    },
    /// The master key cannot be read or made.
    #[error("the master key ({place}): {reason}")]
    MasterKey {
        /// The file or variable.
        place: String,
        /// What is wrong, and what to do.
        reason: String,
    },
}

/// All of it, checked.
#[derive(Debug)]
pub struct Config {
    /// Where data lives.
    pub data: DataConfig,
    /// How the HTTP server listens.
    pub http: HttpConfig,
    /// Mail going out, and the domain of addresses.
    pub mail: MailConfig,
    /// How mail is taken.
    pub smtp: SmtpConfig,
    /// What workflows may reach.
    pub egress: EgressConfig,
    /// Which proxies are believed.
    pub proxy: ProxyConfig,
    /// How long records are kept.
    pub retention: RetentionConfig,
    /// Bounds.
    pub limits: LimitsConfig,
    /// Log-in at an identity provider; none unless an issuer is set.
    pub oidc: Option<OidcConfig>,
    /// Where the audit trail is streamed to.
    pub audit_streams: Vec<AuditStreamConfig>,
    /// How logs are written.
    pub logging: LoggingConfig,
    layers: Layers,
}

impl Config {
    /// Resolves and checks. `file` is what `--config` or `FACTOTUM_CONFIG` named; without it, [`DEFAULT_FILE`] is read if it
    /// is there.
    pub fn load(
        flags: &[(&'static str, Option<String>)],
        environment: &Environment,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let named =
            file.map(Path::to_owned).or_else(|| environment.get("FACTOTUM_CONFIG").map(PathBuf::from));
        let file = named.or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|p| p.is_file()));
        let layers = Layers::resolve(flags, environment, file.as_deref())?;
        let mail = MailConfig::from_layers(&layers)?;
        let http = HttpConfig::from_layers(&layers)?;
        Ok(Self {
            data: DataConfig::from_layers(&layers)?,
            smtp: SmtpConfig::from_layers(&layers, &mail, &http)?,
            http,
            egress: EgressConfig::from_layers(&layers)?,
            proxy: ProxyConfig::from_layers(&layers)?,
            retention: RetentionConfig::from_layers(&layers)?,
            limits: LimitsConfig::from_layers(&layers)?,
            oidc: OidcConfig::from_layers(&layers)?,
            audit_streams: AuditStreamConfig::from_layers(&layers, &mail)?,
            mail,
            logging: LoggingConfig::from_layers(&layers)?,
            layers,
        })
    }

    /// Each setting with where it came from, without secrets.
    pub fn shown(&self) -> Vec<Setting> {
        print::shown_settings(self, &self.layers)
    }

    /// What `--print-config` shows.
    pub fn printed(&self) -> String {
        print::printed(self, &self.layers)
    }
}
