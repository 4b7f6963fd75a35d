//! Where guests may connect to. What must hold: private, loopback, link-local, metadata and other special addresses are
//! refused unless `[egress] allow` lists them; the check is made on the resolved address, and that very address is
//! connected to, so that a name cannot change its meaning in between.

pub(crate) mod address;
mod allow;
pub(crate) mod connect;
mod outgoing;

pub use allow::{EgressPolicy, EgressPolicyError};
pub use outgoing::{Outgoing, OutgoingError};
