//! Runs: show, cancel, replay.

mod cancel;
mod read;
mod replay;

pub use cancel::cancel;
pub use read::{Filter, get, list, logs};
pub use replay::replay;
