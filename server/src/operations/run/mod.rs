//! Runs: show, cancel, replay, dismiss.

mod cancel;
mod dismiss;
mod read;
mod replay;
mod settle;

pub use cancel::cancel;
pub use dismiss::dismiss;
pub use read::{Filter, Found, Line, attempts, get, list, logs, replays, search};
pub use replay::replay;
pub use settle::{Settled, Way, settle};
