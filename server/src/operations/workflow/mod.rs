//! Workflows: set up, show, pause, delete, run.

mod delete;
mod pause;
mod put;
mod read;
mod start;

pub use delete::delete;
pub use pause::pause;
pub use put::put;
pub use read::{get, list};
pub use start::{MAX_WAIT, Started, start, wait_for};
pub(in crate::operations) use start::{kept_id, refused};
