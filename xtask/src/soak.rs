//! `cargo xtask soak NAME`: the long form of an end-to-end test, such as ten `kill -9` or 10 000 webhooks.

use factotum_tests::backend::SERVER_VARIABLE;

use crate::command::{Interrupt, cargo, step};
use crate::{fuzz, guests, postgres, schemathesis, test};

/// What to soak.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Part of the tests' names: crash, webhooks, hooks, two_nodes, audit_kill, smtp_kill; or schemathesis; or fuzz; or audit, the search of a long trail; or
    /// zones, all changes of all clocks from 2000 to 2040
    name: String,
    /// How many entries the audit trail has
    #[arg(long, default_value_t = 10_000_000)]
    entries: u64,
    /// fuzz: how many seconds each target runs
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// fuzz: only this target
    #[arg(long)]
    target: Option<String>,
}

/// Runs them, one after the other.
pub fn run(options: &Options, interrupt: &Interrupt) -> anyhow::Result<()> {
    if options.name == "schemathesis" {
        return schemathesis::soak(interrupt);
    }
    if options.name == "fuzz" {
        return fuzz::run(options.target.as_deref(), options.seconds, interrupt);
    }
    if options.name == "audit" {
        return audit(options.entries, interrupt);
    }
    if options.name == "zones" {
        return zones(interrupt);
    }
    step("guests", || guests::build(&guests::Options { quiet: true, ..guests::Options::default() }))?;
    let program = step("program", || test::build_tests(interrupt))?;
    step("SQLite", || postgres::install_sqlite(interrupt))?;
    // These tests are about power cuts: sync to disk, as in production.
    let server = step("PostgreSQL", || postgres::start(true, interrupt))?;
    step("soak", || {
        let mut tests = cargo();
        tests
            .args(["test", "--test", "e2e", "--", "--test-threads", "1"])
            .arg(&options.name)
            .env(SERVER_VARIABLE, server.url())
            .env("FACTOTUM_BIN", &program)
            .env("FACTOTUM_SOAK", "1");
        interrupt.run(&mut tests)
    })
}

/// Compares schedules with a walk over every minute, around each change of each zone's clock. It needs no database; optimized, as it is a matter of counting.
fn zones(interrupt: &Interrupt) -> anyhow::Result<()> {
    step("zones", || {
        let mut tests = cargo();
        tests
            .args(["test", "--release", "-p", "factotum-schedule", "--test", "zones", "--", "--nocapture"])
            .env("FACTOTUM_SOAK", "1");
        interrupt.run(&mut tests)
    })
}

/// Fills a trail on both databases, and measures each filter. It needs about 2 GB for a million entries.
fn audit(entries: u64, interrupt: &Interrupt) -> anyhow::Result<()> {
    let server = step("PostgreSQL", || postgres::start(true, interrupt))?;
    step("audit", || {
        let mut bench = cargo();
        bench
            .args(["bench", "--bench", "audit", "--", &entries.to_string()])
            .env(SERVER_VARIABLE, server.url());
        interrupt.run(&mut bench)
    })
}
