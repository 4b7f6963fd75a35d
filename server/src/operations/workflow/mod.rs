//! Workflows: set up, show, pause, delete, run.

mod delete;
mod last_runs;
mod pause;
mod put;
mod read;
mod start;

pub use delete::delete;
pub use last_runs::last_runs;
pub use pause::pause;
pub use put::put;
pub use read::{get, list};
pub use start::{MAX_WAIT, Started, start, wait_for};
pub(in crate::operations) use start::{kept_id, refused};
