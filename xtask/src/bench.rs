//! `cargo xtask bench`: throughput and latency of the real server in release form, beside the machine's own figures from the same
//! run. What must hold: syncing is on, a sender is answered after the commit, each run has a fresh instance, the audit trail
//! is on; the load comes from a process of its own on the same cores.

mod edi;
pub mod load;
mod machine;
mod parts;
mod report;
mod schedules;
mod server;
mod smtp;
mod wasmtime;

use std::path::PathBuf;

use factotum_tests::{Postgres, Settings};

use self::report::Report;
use crate::command::{Interrupt, cargo, say, step, target};
use crate::{guests, mail, postgres};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// One part alone: smtp, schedules or edi
    #[arg(value_parser = ["smtp", "schedules", "edi"])]
    only: Option<String>,
    /// schedules: how many there are
    #[arg(long, default_value_t = 1_000_000)]
    schedules: u64,
    /// Seconds for each figure
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Measure on PostgreSQL too
    #[arg(long)]
    postgres: bool,
    /// Measure once more with so many finished runs in the database, with 10 000 workflows and 1 000 organizations
    #[arg(long, value_name = "RUNS", default_value_t = 0)]
    filled: u64,
    /// Measure what is built already
    #[arg(long)]
    no_build: bool,
}

/// Measures, prints a table and writes `bench.json` into the target folder.
pub fn run(options: &Options, interrupt: &Interrupt) -> anyhow::Result<()> {
    if options.only.as_deref() == Some("schedules") {
        return schedules::run(options, interrupt);
    }
    if options.only.as_deref() == Some("edi") {
        let mut report = Report::default();
        step("edi", || edi::measure(!options.no_build, &mut report, interrupt))?;
        say(&report.table());
        return Ok(());
    }
    let programs = step("release build", || build(options, interrupt))?;
    step("guests", || guests::build(&guests::Options { quiet: true, ..guests::Options::default() }))?;
    let mut report = Report::default();
    if options.only.as_deref() == Some("smtp") {
        step("mail programs", || mail::install(interrupt))?;
        step("smtp", || smtp::measure(&programs, &mut report, interrupt))?;
        say(&report.table());
        return Ok(());
    }
    step("machine", || machine::measure(&mut report))?;
    interrupt.check()?;
    step("parts", || {
        let own = options.postgres.then(|| postgres::start(true, interrupt)).transpose()?;
        let url = own.as_ref().map(Postgres::url);
        parts::measure(&mut report, url.as_deref())
    })?;
    interrupt.check()?;
    step("SQLite", || {
        let settings = Settings { program: Some(programs.server.clone()), ..Settings::default() };
        server::measure(&programs, settings, "sqlite", options, &mut report, interrupt)
    })?;
    if options.postgres {
        step("PostgreSQL", || {
            let own: Postgres = postgres::start(true, interrupt)?;
            let settings = Settings {
                program: Some(programs.server.clone()),
                database: Some(own.create_database("bench")?),
                ..Settings::default()
            };
            server::measure(&programs, settings, "postgres", options, &mut report, interrupt)
        })?;
    }
    step("wasmtime serve", || wasmtime::measure(&programs, options.seconds, &mut report))?;
    say(&report.table());
    let file = target().join("bench.json");
    std::fs::write(&file, report.json())?;
    say(&format!("Written to {}", file.display()));
    Ok(())
}

/// What was built.
pub struct Programs {
    /// `factotum`.
    pub server: PathBuf,
    /// This program, optimized, as the load generator.
    pub generator: PathBuf,
}

fn build(options: &Options, interrupt: &Interrupt) -> anyhow::Result<Programs> {
    if !options.no_build {
        let mut command = cargo();
        command.args(["build", "--release", "--bin", "factotum", "--bin", "xtask"]);
        for name in parts::TARGETS.map(|(name, _)| name).into_iter().chain(["fill"]) {
            command.args(["--bench", name]);
        }
        interrupt.run(&mut command)?;
    }
    let folder = target().join("release");
    Ok(Programs { server: folder.join("factotum"), generator: folder.join("xtask") })
}
