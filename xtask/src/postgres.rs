//! `cargo xtask postgres`: a temporary server to develop against, and the installation of PostgreSQL where it is missing. What
//! must hold: only root on a Debian system installs anything.

use std::path::Path;
use std::process::Command;

use anyhow::bail;
use factotum_tests::Postgres;
use factotum_tests::backend::SERVER_VARIABLE;

use crate::command::{Interrupt, say};

/// What to start.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Sync to disk, as in production
    #[arg(long)]
    durable: bool,
}

/// Starts one and waits for Ctrl-C.
pub fn run(options: &Options, interrupt: &Interrupt) -> anyhow::Result<()> {
    let server = start(options.durable, interrupt)?;
    say(&format!("export {SERVER_VARIABLE}={}", server.url()));
    say("It is stopped and removed at Ctrl-C.");
    interrupt.wait();
    Ok(())
}

/// Starts one, installing PostgreSQL first where it is missing and we may.
pub fn start(durable: bool, interrupt: &Interrupt) -> anyhow::Result<Postgres> {
    if let Err(missing) = factotum_tests::postgres::programs() {
        let root = rustix::process::geteuid().is_root();
        if !root || !Path::new("/etc/debian_version").exists() {
            return Err(missing);
        }
        say("PostgreSQL is missing: installing it.");
        let mut apt = Command::new("apt-get");
        interrupt.run(apt.args(["update", "-qq"]))?;
        let mut apt = Command::new("apt-get");
        interrupt.run(
            apt.args(["install", "-y", "-qq", "--no-install-recommends", "postgresql"])
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )?;
        if let Err(still) = factotum_tests::postgres::programs() {
            bail!("installed PostgreSQL, and yet: {still}");
        }
    }
    Postgres::start(durable)
}
