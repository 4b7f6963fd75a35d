//! `cargo xtask console`: installs what the console is tested with: Chromium and its driver, and axe-core into `target/console`. What must hold: a browser that
//! is there is taken; only root on a Debian system installs one.

use anyhow::{Context as _, bail};

use crate::command::{self, Interrupt, is_there};
use crate::npm;

/// What has to be there, and the Debian packages that it is in.
const PROGRAMS: [&str; 2] = ["chromium", "chromedriver"];
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

/// Installs them, unless they are there.
pub fn install(interrupt: &Interrupt) -> anyhow::Result<()> {
    npm::install(interrupt, "console")?;
    let missing = || PROGRAMS.into_iter().find(|program| !is_there(program, &["--version"]));
    let Some(program) = missing() else { return Ok(()) };
    if !command::install(interrupt, &PACKAGES).context("cannot install a browser")? {
        bail!(
            "{program} is missing: the tests of the console need Chromium and chromedriver of the same version"
        );
    }
    match missing() {
        Some(program) => bail!("installed Chromium, and yet {program} cannot be run"),
        None => Ok(()),
    }
}
