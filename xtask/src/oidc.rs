//! `cargo xtask oidc`: installs the identity provider that the end-to-end tests log in at into `target/oidc`.

use crate::command::Interrupt;
use crate::npm;

/// Installs it, unless it is there.
pub fn install(interrupt: &Interrupt) -> anyhow::Result<()> {
    npm::install(interrupt, "oidc")
}
