//! Example `http-hello`: greets whoever asks, by HTTP. A component for `wasi:http` like any other: no SDK, and nothing of Factotum in it.

mod greeting;
#[cfg(target_os = "wasi")]
mod handler;

pub use greeting::{Greeting, greeting};
