//! Python environments of their own under target/, for the tools that tests use. What must hold: their versions are those of a
//! `requirements.txt`; what is installed already is not fetched again; where Python or its `venv` is missing, root on Debian installs it, and everybody
//! else is told what to install.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

use crate::command::{Interrupt, install, is_there, target};

/// What Python needs to make an environment.
const NEEDED: [&str; 2] = ["-c", "import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 10))"];

/// Installs what `requirements` names into `target/NAME/venv`, unless it is there with the same versions; gives `target/NAME`.
pub fn environment(interrupt: &Interrupt, name: &str, requirements: &Path) -> anyhow::Result<PathBuf> {
    let folder = target().join(name);
    let wanted = std::fs::read_to_string(requirements)?;
    let mark = folder.join("installed.txt");
    if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    python(interrupt)?;
    let environment = folder.join("venv");
    std::fs::create_dir_all(&folder)?;
    interrupt.run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let mut pip = Command::new(environment.join("bin").join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    interrupt.run(pip.arg(requirements))?;
    std::fs::write(&mark, wanted)?;
    Ok(folder)
}

fn python(interrupt: &Interrupt) -> anyhow::Result<()> {
    if is_there("python3", &NEEDED) {
        return Ok(());
    }
    install(interrupt, &["python3", "python3-venv"])?;
    if !is_there("python3", &NEEDED) {
        bail!(
            "Python 3.10 or later with `venv` is missing: install it, on Debian with `apt-get install python3 python3-venv`"
        );
    }
    Ok(())
}
