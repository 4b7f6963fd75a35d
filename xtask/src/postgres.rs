//! `cargo xtask postgres`: a temporary server to develop against, and the installation of PostgreSQL and of SQLite's program where they are missing. What
//! must hold: only root on a Debian system installs anything.

use anyhow::bail;
use factotum_tests::Postgres;
use factotum_tests::backend::SERVER_VARIABLE;

use crate::command::{Interrupt, install, is_there, say};

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
        if !install(interrupt, &["postgresql"])? {
            return Err(missing);
        }
        if let Err(still) = factotum_tests::postgres::programs() {
            bail!("installed PostgreSQL, and yet: {still}");
        }
    }
    Postgres::start(durable)
}

/// Installs SQLite's own program, with which tests look at the database as its owner, where it is missing and we may.
pub fn install_sqlite(interrupt: &Interrupt) -> anyhow::Result<()> {
    if !is_there("sqlite3", &["--version"]) && !install(interrupt, &["sqlite3"])? {
        bail!("`sqlite3` is missing: install it, on Debian with `apt-get install sqlite3`");
    }
    Ok(())
}
