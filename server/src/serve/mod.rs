//! The server as a whole: opens what it needs, starts what runs, and stops it in order. What must hold: nothing listens before all is set
//! up; on SIGTERM no new work is taken, what is going on comes to its end within a bound, what is acknowledged is committed, and
//! the exit code is 0.

pub mod audit_index;
pub mod digest;
pub mod logging;
pub mod open;
pub mod retention;
pub mod seal;
pub mod smtp;
pub mod stop;
pub mod upkeep;

use std::sync::Arc;

use factotum_dispatch::Dispatcher;
use factotum_edi::Inbox;
use factotum_email::Mailboxes;
use factotum_host::{EgressPolicy, Host, HostConfig};
use factotum_model::{Clock, SystemClock};
use factotum_schedule::Scheduler;
use factotum_storage::{Storage, organizations};
use factotum_webhook::Webhooks;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Serves;
use crate::api::metrics::Metrics;
use crate::config::{Config, Environment};
use crate::http::Listener;
use crate::mail::Mailer;
use crate::oidc::Oidc;
use crate::operations::organization::{SETUP_LINK_LASTS, offer_setup};
use crate::operations::trigger::HookDoor;
use crate::operations::{
    self, Attempts, Denials, Hashing, KeyCache, KeyUses, OperationError, Refusals, Services, UnknownKeys,
    audit, invitation,
};
use crate::streams::{Stream, StreamError, lag};

/// Why the server cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Data folder, master key or database.
    #[error(transparent)]
    Open(#[from] open::OpenError),
    /// The sandbox.
    #[error("the sandbox cannot be set up: {0}")]
    Host(#[from] factotum_host::HostError),
    /// `[egress] allow`.
    #[error("`egress.allow`: {0}")]
    Egress(#[from] factotum_host::EgressPolicyError),
    /// The socket or its certificate.
    #[error(transparent)]
    Listen(#[from] crate::http::ServeError),
    /// The socket of SMTP.
    #[error(transparent)]
    ListenForMail(#[from] factotum_email::smtp::ListenError),
    /// The name servers that are asked about senders.
    #[error(transparent)]
    Dns(#[from] factotum_email::verdict::DnsError),
    /// The link to the first organization.
    #[error("the server cannot start: {0}")]
    Setup(#[from] OperationError),
    /// The database, at the start.
    #[error("the server cannot start: {0}")]
    Storage(#[from] factotum_storage::StorageError),
    /// `[[audit.stream]]`.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// A setting that does not go with what is in the database.
    #[error("{0}")]
    Settings(String),
    /// The system gives no signals.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
}

/// Runs until SIGTERM or SIGINT.
pub async fn run(config: Config, environment: &Environment) -> Result<(), ServeError> {
    let stop = stop::on_signal().map_err(ServeError::Signals)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (storage, _lock) = open::for_serving(&config, environment, Arc::clone(&clock)).await?;
    let host = Host::new(HostConfig {
        max_instances: config.limits.max_instances,
        max_component_bytes: config.limits.component_bytes,
        egress: EgressPolicy::parse(&config.egress.allow)?,
        ..HostConfig::new(config.data.folder.join("cache"))
    })?;
    let streams = config.audit_streams.iter().map(|stream| Stream::configured(stream, &node_name()));
    let streams = streams.collect::<Result<Vec<_>, _>>()?;
    let scopes: Vec<_> = streams.iter().map(Stream::scope).collect();
    let listener = Listener::bind(&config.http).await?;
    let mail_listener = smtp::bind(&config).await?;
    let hooks_listener = Listener::bind_hooks(&config.http).await?;
    let public_url = config.http.public_url_at(listener.address());
    let hooks_at = hooks_listener.as_ref().map(Listener::address);
    let hooks = HookDoor {
        url: config.http.hooks_url_at(listener.address(), hooks_at),
        asks_for_certificates: config.http.tls.is_some(),
    };
    say_how_to_begin(&storage, clock.as_ref(), &public_url).await?;
    let oidc = identity_provider(&storage, &config, &public_url).await?;

    // Half of the time to drain is for requests, half for the runs that they left behind.
    let drain = config.limits.drain / 2;
    let mailer = Arc::new(Mailer::through(&config.mail.relay, config.mail.from.clone()));
    let outlet: Arc<dyn factotum_dispatch::Outlet> = Arc::<Mailer>::clone(&mailer);
    let options = factotum_dispatch::Options { name: node_name(), drain, outlet: Some(outlet) };
    let dispatcher = Dispatcher::start(storage.clone(), host.clone(), options).await?;
    let services = Arc::new(Services {
        webhooks: Webhooks::over(storage.clone()),
        mailboxes: Arc::new(Mailboxes::over(storage.clone(), &config.mail.domain, smtp::checker(&config)?)),
        inbox: Inbox::over(storage.clone()),
        scheduler: Scheduler::over(storage.clone()),
        storage,
        host,
        dispatcher,
        clock,
        limits: config.limits.clone(),
        settings: config.shown(),
        public_url: public_url.clone(),
        hooks,
        denials: Denials::default(),
        key_cache: KeyCache::default(),
        unknown_keys: UnknownKeys::new(config.limits.unknown_keys_per_minute),
        key_uses: KeyUses::default(),
        refusals: Refusals::default(),
        invitation_limits: invitation::Limits::default(),
        mailer,
        attempts: Attempts::default(),
        background: TaskTracker::new(),
        hashing: Hashing::default(),
        metrics: Arc::new(Metrics::register()),
        oidc,
        streams: scopes.clone(),
        tails: audit::tail::Tails::default(),
        stopping: stop.clone(),
    });
    // Schedules end with the listener; counts and the rest go on until the last run has ended.
    let (tasks, last) = (services.background.clone(), CancellationToken::new());
    let (own, until) = (Arc::clone(&services), stop.clone());
    tasks.spawn(async move { own.scheduler.run(until).await });
    let (own, until) = (Arc::clone(&services), last.clone());
    tasks.spawn(async move { own.webhooks.tally(until).await });
    let (own, until) = (Arc::clone(&services), last.clone());
    tasks.spawn(async move { own.mailboxes.tally(until).await });
    let (own, until) = (Arc::clone(&services), last.clone());
    tasks.spawn(async move { own.inbox.tally(until).await });
    let (own, until) = (Arc::clone(&services), last.clone());
    tasks.spawn(async move { own.key_cache.run(&own.storage, until).await });
    tasks.spawn(audit_index::run(services.storage.clone(), stop.clone()));
    tasks.spawn(digest::run(services.storage.clone(), stop.clone()));
    tasks.spawn(upkeep::run(Arc::clone(&services), last.clone()));
    tasks.spawn(crate::notices::run(Arc::clone(&services), stop.clone()));
    if let Some(age) = config.retention.audit {
        tasks.spawn(retention::run(Arc::clone(&services), age, stop.clone()));
    }
    // The trail is sealed last: everything else may still write to it.
    let (sealing, sealed) = (TaskTracker::new(), CancellationToken::new());
    sealing.spawn(seal::run(Arc::clone(&services), config.data.folder.clone(), sealed.clone()));
    if !scopes.is_empty() {
        tasks.spawn(lag::run(scopes, Arc::clone(&services), last.clone()));
    }
    for stream in streams {
        tasks.spawn(stream.run(Arc::clone(&services), last.clone()));
    }

    let mail = TaskTracker::new();
    if let Some(mail_listener) = mail_listener {
        tracing::info!(address = %mail_listener.address(), domain = %config.mail.domain, "listening for mail");
        let (mailboxes, metrics) = (Arc::clone(&services.mailboxes), services.metrics.smtp.clone());
        mail.spawn(mail_listener.serve(mailboxes, Arc::new(metrics), stop.clone(), drain));
    }
    mail.close();
    tracing::info!(address = %listener.address(), %public_url, version = env!("CARGO_PKG_VERSION"), "listening");
    let router = |serves| {
        crate::api::router(Arc::clone(&services), config.proxy.clone(), config.http.tls.is_some(), serves)
    };
    let (connections, gauge) = (config.limits.connections, services.metrics.connections.clone());
    if let Some(hooks) = hooks_listener {
        tracing::info!(address = %hooks.address(), url = %services.hooks.url, "listening for webhooks");
        tokio::join!(
            listener.serve(router(Serves::AllButHooks), connections, gauge.clone(), stop.clone(), drain),
            hooks.serve(router(Serves::Hooks), connections, gauge, stop, drain),
        );
    } else {
        listener.serve(router(Serves::All), connections, gauge, stop, drain).await;
    }

    mail.wait().await;
    services.dispatcher.shut_down().await;
    last.cancel();
    tasks.close();
    tasks.wait().await;
    sealed.cancel();
    sealing.close();
    sealing.wait().await;
    services.storage.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// A first start has no organization, and nobody who could log in: whoever sees this line may make the first.
async fn say_how_to_begin(storage: &Storage, clock: &dyn Clock, public_url: &str) -> Result<(), ServeError> {
    let mut tx = storage.read().await?;
    let begun = !organizations::list(&mut tx).await?.is_empty();
    drop(tx);
    if begun {
        return Ok(());
    }
    if let Some(token) = offer_setup(storage, clock.now()).await? {
        let hours = SETUP_LINK_LASTS.as_secs() / 3600;
        tracing::warn!(
            "there is no organization yet; make the first one here, once, within {hours} hours: {public_url}/setup#token={} (or with `factotum admin bootstrap`)",
            token.expose()
        );
    }
    Ok(())
}

/// The client of the identity provider, if one is configured. Before there is an organization, nothing can be said of its roles.
async fn identity_provider(
    storage: &Storage,
    config: &Config,
    public_url: &str,
) -> Result<Option<Oidc>, ServeError> {
    let Some(settings) = &config.oidc else { return Ok(None) };
    let mut tx = storage.read().await?;
    if !organizations::list(&mut tx).await?.is_empty() {
        let organization = operations::oidc::organization(&mut tx, settings).await?;
        let organization = organization.map_err(|e| ServeError::Settings(e.to_string()))?;
        let role = &settings.default_role;
        if !organizations::has_role(&mut tx, organization.id, role).await? {
            let name = &organization.name;
            let reason = format!("`oidc.default_role`: `{name}` has no role `{role}`");
            return Err(ServeError::Settings(reason));
        }
    }
    Oidc::configured(settings.clone(), public_url)
        .map(Some)
        .map_err(|e| ServeError::Settings(format!("`oidc`: {e}")))
}

/// What the list of nodes calls this one: its machine's name.
fn node_name() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = read.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| "factotum".to_owned())
}
