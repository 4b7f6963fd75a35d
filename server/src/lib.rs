//! The `factotum` program: HTTP API, commands, configuration. What must hold: this is the only crate that knows axum, and
//! API and commands call the same operations, each of which authorizes, acts and audits in one place.

pub mod api;
pub mod cli;
pub mod config;
pub mod console;
pub mod http;
pub mod mail;
pub mod notices;
pub mod oidc;
pub mod operations;
pub mod serve;
pub mod streams;
pub mod view;
