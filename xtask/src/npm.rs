//! Packages of npm that tests need, `tests/NAME` with its lock file, installed into `target/NAME`. What must hold: no script of a package runs; what is
//! installed already is not fetched again; only root on a Debian system installs node.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::command::{self, Interrupt, is_there, root, target};

/// What says which packages are wanted.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];
/// npm writes it when all is there.
const INSTALLED: &str = "node_modules/.package-lock.json";

/// Installs `tests/NAME`, unless this very version is there.
pub fn install(interrupt: &Interrupt, name: &str) -> anyhow::Result<()> {
    node(interrupt)?;
    let (from, into) = (root().join("tests").join(name), target().join(name));
    let same = |name: &&str| fs::read(from.join(name)).ok() == fs::read(into.join(name)).ok();
    if FILES.iter().all(same) && into.join(INSTALLED).is_file() {
        return Ok(());
    }
    fs::create_dir_all(&into).with_context(|| into.display().to_string())?;
    // npm writes it last, so an installation that broke off is begun anew.
    let _ = fs::remove_file(into.join(INSTALLED));
    for name in FILES {
        fs::copy(from.join(name), into.join(name)).with_context(|| format!("cannot copy {name}"))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    interrupt.run(npm.current_dir(&into))
}

fn node(interrupt: &Interrupt) -> anyhow::Result<()> {
    let missing = || ["node", "npm"].into_iter().find(|program| !is_there(program, &["--version"]));
    let Some(program) = missing() else { return Ok(()) };
    if !command::install(interrupt, &["nodejs", "npm"])? {
        bail!("{program} is missing: the tests need node 18 or newer, and npm");
    }
    match missing() {
        Some(program) => bail!("installed node and npm, and yet {program} cannot be run"),
        None => Ok(()),
    }
}
