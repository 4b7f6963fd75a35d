//! Factotum's database: the only crate that knows sqlx. One module per table; every difference between SQLite and
//! PostgreSQL stands in `dialect.rs`. What must hold: an audit entry commits with its action, what is acknowledged is
//! committed first, and no transaction is open while a plugin runs.

pub mod accept;
pub mod accounts;
pub mod api_keys;
pub mod audit_entries;
mod audit_filter;
pub mod audit_intents;
pub mod blobs;
mod breaker;
mod cancel;
pub mod claim;
mod connection;
pub mod credentials;
mod dedup_keys;
mod dialect;
pub mod error;
pub mod events;
pub mod finish;
pub mod idempotency_keys;
pub mod identities;
pub mod invitations;
pub mod journal;
pub mod kv;
pub mod members;
pub mod nodes;
pub mod oidc_flows;
pub mod one_time_links;
pub mod organizations;
pub mod people;
pub mod plugins;
mod principal;
pub mod recover;
pub mod recovery_codes;
pub mod revocations;
pub mod roles;
pub mod runs;
pub mod schedules;
pub mod secrets;
pub mod sessions;
pub mod signals;
mod statement;
mod storage;
pub mod suspensions;
pub mod sweep;
pub mod totp;
pub mod triggers;
pub mod vault;
pub mod watch;
pub mod workflows;

pub use connection::Tx;
pub use dialect::{Backend, DEFAULT_POSTGRES_CONNECTIONS};
pub use error::StorageError;
pub use storage::{Options, Storage};
pub use vault::{MasterKey, Vault};
