//! `factotum serve`: its flags, and the way into the server.

use std::path::PathBuf;

use super::exit::CommandError;
use super::output::Output;
use crate::config::{Config, Environment};

/// Where data lives: for every command that works on the machine itself.
#[derive(Debug, clap::Args)]
pub struct DataArgs {
    /// The data folder: SQLite file, keys, compiled plugins [env: FACTOTUM_DATA] [default: ./data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
    /// sqlite:FILE or postgres://… [env: FACTOTUM_DATABASE] [default: factotum.db in the data folder]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// The database URL that migrations run with [env: FACTOTUM_MIGRATE_DATABASE] [default: as --database]
    #[arg(long, value_name = "URL")]
    pub migrate_database: Option<String>,
    /// The configuration file [env: FACTOTUM_CONFIG] [default: factotum.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The flags of `factotum serve`. The environment is read by the configuration, which can say where a value came from.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Where to listen for HTTP [env: FACTOTUM_LISTEN] [default: 127.0.0.1:7070]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Where to listen for SMTP, or off [env: FACTOTUM_SMTP_LISTEN] [default: 127.0.0.1:7025]
    #[arg(long, value_name = "ADDR")]
    smtp_listen: Option<String>,
    /// The domain of e-mail triggers' addresses [env: FACTOTUM_MAIL_DOMAIN] [default: localhost]
    #[arg(long, value_name = "NAME")]
    mail_domain: Option<String>,
    /// The certificate chain for HTTPS, PEM [env: FACTOTUM_TLS_CERT]
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// Its private key, PEM [env: FACTOTUM_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// What the world calls this server [env: FACTOTUM_PUBLIC_URL] [default: from the listen address]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Where to listen for webhooks, and for nothing else; then --listen serves none [env: FACTOTUM_HOOKS_LISTEN] [default: off]
    #[arg(long, value_name = "ADDR")]
    hooks_listen: Option<String>,
    /// What the world calls the place where webhooks are served [env: FACTOTUM_HOOKS_PUBLIC_URL] [default: from where they are]
    #[arg(long, value_name = "URL")]
    hooks_public_url: Option<String>,
    /// text or json [env: FACTOTUM_LOG_FORMAT] [default: text on a terminal, else json]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Show each setting, its value and where it came from, and do nothing else
    #[arg(long)]
    print_config: bool,
}

impl DataArgs {
    /// The flags as settings.
    pub fn flags(&self) -> Vec<(&'static str, Option<String>)> {
        vec![
            ("data", self.data.clone()),
            ("database", self.database.clone()),
            ("migrate_database", self.migrate_database.clone()),
        ]
    }

    /// The configuration that follows from these flags, the environment and the file.
    pub fn config(&self, more: &[(&'static str, Option<String>)]) -> Result<Config, CommandError> {
        let mut flags = self.flags();
        flags.extend_from_slice(more);
        Ok(Config::load(&flags, &environment(), self.config.as_deref())?)
    }
}

/// The environment as it is now, what is not text left out.
pub fn environment() -> Environment {
    std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect()
}

/// Runs the server until it is told to stop.
pub fn run(args: ServeArgs, output: Output) -> Result<(), CommandError> {
    let config = args.data.config(&[
        ("listen", args.listen),
        ("smtp_listen", args.smtp_listen),
        ("mail_domain", args.mail_domain),
        ("tls_cert", args.tls_cert),
        ("tls_key", args.tls_key),
        ("public_url", args.public_url),
        ("hooks_listen", args.hooks_listen),
        ("hooks_public_url", args.hooks_public_url),
        ("log_format", args.log_format),
    ])?;
    if args.print_config {
        return output.bytes(config.printed().as_bytes());
    }
    let environment = environment();
    crate::serve::logging::begin(config.logging, &environment);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(crate::serve::run(config, &environment)).map_err(|e| CommandError::failed(e.to_string()))
}
