//! `cargo xtask ocsf`: installs the published OCSF schemas, and what validates against them, into `target/ocsf`, for the tests of the export.

use crate::command::{Interrupt, root};
use crate::python;

/// Installs them, unless they are there.
pub fn install(interrupt: &Interrupt) -> anyhow::Result<()> {
    python::environment(interrupt, "ocsf", &root().join("tests/ocsf/requirements.txt")).map(drop)
}
