//! Plugins: upload, look at, list, show.

mod difference;
mod inspect;
mod push;
mod read;

pub use difference::{Difference, Shape};
pub use inspect::{Found, inspect};
pub use push::{Upload, push};
pub use read::{get, list, newest, versions};
