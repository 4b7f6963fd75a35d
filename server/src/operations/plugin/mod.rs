//! Plugins: upload, list, show.

mod push;
mod read;

pub use push::{Upload, push};
pub use read::{get, list};
