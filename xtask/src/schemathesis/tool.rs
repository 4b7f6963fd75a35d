//! schemathesis itself: a Python environment of its own under target/. What must hold: its versions are those of requirements.txt; where
//! Python or its `venv` is missing, root on Debian installs it, and everybody else is told what to install.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};
use factotum_tests::{Server, guest};

use super::World;
use crate::command::{Interrupt, install, is_there, root, target};

/// What Python needs to make the environment.
const NEEDED: [&str; 2] = ["-c", "import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 10))"];

/// An installed schemathesis.
pub struct Tool {
    folder: PathBuf,
}

impl Tool {
    /// Installs it unless it is there with the same versions.
    pub fn install(interrupt: &Interrupt) -> anyhow::Result<Self> {
        let tool = Self { folder: target().join("schemathesis") };
        let wanted = std::fs::read_to_string(sources().join("requirements.txt"))?;
        let mark = tool.folder.join("installed.txt");
        if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
            return Ok(tool);
        }
        python(interrupt)?;
        let environment = tool.folder.join("venv");
        std::fs::create_dir_all(&tool.folder)?;
        interrupt.run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        let mut pip = Command::new(environment.join("bin").join("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        interrupt.run(pip.arg(sources().join("requirements.txt")))?;
        std::fs::write(&mark, wanted)?;
        Ok(tool)
    }

    /// A run against this server, with its key or without.
    pub fn command(&self, server: &Server, world: &World, with_key: bool) -> anyhow::Result<Command> {
        let settings = std::fs::read_to_string(sources().join("schemathesis.toml"))?;
        let file = self.folder.join("schemathesis.toml");
        // The key itself stays in the environment: a command line is shown to everybody.
        let key = if with_key { "\n[auth.openapi.key]\nbearer = \"${FACTOTUM_API_KEY}\"\n" } else { "" };
        std::fs::write(&file, settings + key + &world.dictionaries())?;
        let mut command = Command::new(self.folder.join("venv").join("bin").join("schemathesis"));
        command
            // What it leaves behind stays under target/.
            .current_dir(&self.folder)
            .env("PYTHONPATH", sources())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("FACTOTUM_PLUGIN", guest::path("hello")?)
            .env("FACTOTUM_OWN_IDS", world.own.join(" "))
            .env("FACTOTUM_API_KEY", server.api().key().context("a bootstrapped server has a key")?)
            .arg("--config-file")
            .arg(file)
            .args(["run", "--checks", "all", "--no-color", "--workers", "1"])
            .arg(format!("{}/api/v1/openapi.json", server.base()));
        Ok(command)
    }
}

fn sources() -> PathBuf {
    root().join("tests").join("schemathesis")
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
