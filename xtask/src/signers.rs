//! `cargo xtask signers`: installs the packages with which webhooks' senders sign, into `target/signers`, for the tests that verify their signatures.

use crate::command::{Interrupt, root};
use crate::python;

/// Installs them, unless they are there.
pub fn install(interrupt: &Interrupt) -> anyhow::Result<()> {
    python::environment(interrupt, "signers", &root().join("tests/signers/requirements.txt")).map(drop)
}
