//! The host with real guests: what `cargo xtask guests` builds, and small ones written here as text. One binary with a
//! file per topic, so that it links once.

mod capability;
mod http;
mod limits;
mod support;
mod upload;
