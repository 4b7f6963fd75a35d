//! Factotum's dispatcher: it claims due runs as many as there are free instances, runs them, and commits how they ended; it takes
//! over what dead nodes left, and stops what was cancelled or revoked.
//!
//! What must hold:
//! - no transaction is open while a plugin runs;
//! - a run executes only under a lease of this node, and this node stops it before the lease can have passed to another;
//! - a finish is repeated until the database answered it: an outcome is never dropped for an outage.

mod attempt;
mod children;
mod data_access;
mod denials;
mod dispatcher;
mod lease;
mod mail;
mod metrics;
mod ports;
mod reap;
mod running;
mod signals;
mod upkeep;
mod versions;

pub use dispatcher::{Dispatcher, Options};
pub use mail::{Outlet, OutletError};
pub use metrics::Snapshot;
