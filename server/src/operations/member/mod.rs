//! Settings → Members: who is in the organization.

mod change;
mod me;
mod read;

pub use change::{change, remove};
pub use me::me;
pub use read::list;
