//! Components: from uploaded bytes to something that runs. What must hold: a component is of a known world and imports
//! only what is linked; it is compiled once per digest, and its native code is taken only from this program's own cache.

mod adapt;
mod cache;
mod prepared;
mod registry;

pub(crate) use prepared::Entry;
pub use prepared::{Inspected, Prepared, World};
pub(crate) use registry::Registry;
