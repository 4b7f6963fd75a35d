//! The host with real guests: what `cargo xtask guests` builds, and small ones written here as text. One binary with a
//! file per topic, so that it links once.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod capability;
mod handler;
mod http;
mod limits;
mod mail;
mod matrix;
mod support;
mod upload;
mod workflows;
