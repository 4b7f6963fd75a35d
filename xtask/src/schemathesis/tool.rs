//! schemathesis itself: a Python environment of its own under target/. What must hold: its versions are those of
//! requirements.txt.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use factotum_tests::{Server, guest};

use super::World;
use crate::command::{Interrupt, root};
use crate::python;

/// An installed schemathesis.
pub struct Tool {
    folder: PathBuf,
}

impl Tool {
    /// Installs it unless it is there with the same versions.
    pub fn install(interrupt: &Interrupt) -> anyhow::Result<Self> {
        let folder = python::environment(interrupt, "schemathesis", &sources().join("requirements.txt"))?;
        Ok(Self { folder })
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
