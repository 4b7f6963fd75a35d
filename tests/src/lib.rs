//! The harness of the end-to-end tests, used by `cargo xtask run` and `cargo xtask bench` too. What must hold: everything here is
//! the real thing (the `factotum` program as its own process, a real PostgreSQL, real HTTP over loopback), waiting is
//! on conditions and never on time alone, and whatever was started is gone when its value is dropped.

pub mod api;
pub mod backend;
pub mod browser;
pub mod cli;
pub mod events;
pub mod guest;
pub mod identity_provider;
pub mod load;
pub mod mail_relay;
pub mod moment;
pub mod name_server;
pub mod owner;
pub mod postfix;
pub mod postgres;
pub mod receiver;
pub mod server;
pub mod smtp;
pub mod syslog;
pub mod wait;

pub use api::{Answer, Api};
pub use backend::Backend;
pub use browser::Browser;
pub use events::Events;
pub use identity_provider::IdentityProvider;
pub use mail_relay::MailRelay;
pub use moment::{in_seconds, unix_seconds};
pub use name_server::NameServer;
pub use owner::Owner;
pub use postfix::Postfix;
pub use postgres::Postgres;
pub use server::{Server, Settings};
pub use smtp::Smtp;
pub use syslog::Syslog;
pub use wait::{wait_until, wait_within};
