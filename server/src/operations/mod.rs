//! What can be done, one file per verb: each authorizes, acts and audits, in one transaction, whoever calls it (API now, console
//! later). What must hold: nothing is done without its audit entry; a denial is committed before it is answered; and whoever was
//! revoked a moment ago can no longer change anything.

pub mod account;
pub mod attempts;
pub mod audit;
pub mod caller;
pub mod denials;
pub mod error;
pub mod event;
pub mod identity;
pub mod interchange;
pub mod invitation;
pub mod key;
pub mod key_cache;
pub mod key_uses;
pub mod letter;
pub mod member;
pub mod notice;
pub mod oidc;
pub mod organization;
pub mod overview;
pub mod page;
pub mod partner;
pub mod password;
pub mod plugin;
pub mod rate_limit;
pub mod refusals;
pub mod role;
pub mod run;
pub mod saved_view;
pub mod secret;
pub mod session;
pub mod settings;
pub mod token;
pub mod totp;
pub mod trigger;
pub mod unknown_keys;
pub mod work;
pub mod workflow;

use std::sync::Arc;

use factotum_dispatch::Dispatcher;
use factotum_edi::Inbox;
use factotum_email::Mailboxes;
use factotum_host::Host;
use factotum_model::{Clock, Timestamp};
use factotum_schedule::Scheduler;
use factotum_storage::Storage;
use factotum_webhook::Webhooks;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::metrics::Metrics;
use crate::config::{LimitsConfig, Setting};
use crate::mail::Mailer;
use crate::oidc::Oidc;

pub use attempts::Attempts;
pub use caller::{Caller, Origin, Via};
pub use denials::Denials;
pub use error::OperationError;
pub use key_cache::KeyCache;
pub use key_uses::KeyUses;
pub use page::{Listed, Page};
pub use password::Hashing;
pub use rate_limit::RateLimit;
pub use refusals::Refusals;
pub use token::Token;
pub use unknown_keys::UnknownKeys;
pub use work::{Once, Work};

/// What operations work with.
pub struct Services {
    /// The database.
    pub storage: Storage,
    /// The sandbox: uploads are inspected by it.
    pub host: Host,
    /// Runs what is due; told of what must stop or may go on.
    pub dispatcher: Dispatcher,
    /// Takes deliveries; told of triggers that changed.
    pub webhooks: Webhooks,
    /// Takes mail; told of triggers that changed.
    pub mailboxes: Arc<Mailboxes>,
    /// Takes EDI interchanges.
    pub inbox: Inbox,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Bounds.
    pub limits: LimitsConfig,
    /// What the server is set up with, for those who may read it.
    pub settings: Vec<Setting>,
    /// What the world calls this server, without a slash at the end.
    pub public_url: String,
    /// Where the world brings webhooks.
    pub hooks: trigger::HookDoor,
    /// Denials, on their way to the audit trail.
    pub denials: Denials,
    /// Keys that were looked up lately.
    pub key_cache: KeyCache,
    /// How often an address may show keys that were never seen.
    pub unknown_keys: UnknownKeys,
    /// When keys were last used.
    pub key_uses: KeyUses,
    /// Refusals that belong to no organization.
    pub refusals: Refusals,
    /// How often people are invited, and invitations tried.
    pub invitation_limits: invitation::Limits,
    /// Sends letters to people.
    pub mailer: Arc<Mailer>,
    /// How often people may try to prove who they are.
    pub attempts: Attempts,
    /// What goes on after its answer; ended in order at the stop.
    pub background: TaskTracker,
    /// Bounds the hashing of passwords.
    pub hashing: Hashing,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Fires schedules; told of those that changed.
    pub scheduler: Scheduler,
    /// The identity provider, where one is configured.
    pub oidc: Option<Oidc>,
    /// The streams of the audit trail that are configured.
    pub streams: Vec<crate::streams::Scope>,
    /// Who follows audit trails: so many at a time.
    pub tails: audit::tail::Tails,
    /// Cancelled when the server stops: waits end.
    pub stopping: CancellationToken,
}

impl Services {
    /// The instant now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
