//! `cargo xtask test`: everything that CI checks. What must hold: a fresh machine needs only rustup, git and a C compiler (and
//! PostgreSQL, sqlite3, Chromium with its driver, and node with npm, or root on Debian); the test runner's own closing line is the last but ours; nothing is left running.

use std::path::PathBuf;
use std::process::Command;

use factotum_tests::backend::SERVER_VARIABLE;

use crate::command::{Interrupt, cargo, is_there, say, step, target};
use crate::{console, fuzz, guests, mail, ocsf, oidc, postgres, schemathesis, signers, tidy};

/// The guests with tests of their own, and what they are made with.
const NATIVE_GUESTS: [&str; 8] = [
    "factotum-sdk",
    "github-issues",
    "http-hello",
    "invoice-mailbox",
    "nightly",
    "order-intake",
    "order-report",
    "word-count",
];

/// How much to test.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Leave out tidy, formatting, clippy, licences and doc tests
    #[arg(long)]
    quick: bool,
    /// What follows `--` goes to the test runner: filters and its options
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Runs it all; the first failure ends it.
pub fn run(options: &Options, interrupt: &Interrupt) -> anyhow::Result<()> {
    if !options.quick {
        step("tidy", tidy::run)?;
        step("format", || interrupt.run(cargo().args(["fmt", "--all", "--check"])))?;
        step("clippy", || {
            interrupt.run(cargo().args(["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"]))
        })?;
        step("licences and sources", || deny(interrupt))?;
    }
    if !options.quick {
        fuzz::run(None, fuzz::CI_SECONDS, interrupt)?;
    }
    step("guests", || guests::build(&guests::Options::default()))?;
    let program = step("build", || build_tests(interrupt))?;
    if !options.quick {
        // Before the tests proper, so that the line the runner closes with is the last.
        step("doc tests", || interrupt.run(cargo().args(["test", "--quiet", "--doc"])))?;
        schemathesis::check(&program, None, schemathesis::EXAMPLES, Some(schemathesis::SEED), interrupt)?;
    }
    // They are no default members, as they compile to wasm; their rules are tested natively.
    step("SDK and examples", || {
        let mut tests = cargo();
        tests.args(["test", "--quiet"]);
        interrupt.run(tests.args(NATIVE_GUESTS.iter().flat_map(|package| ["--package", package])))
    })?;
    step("identity provider", || oidc::install(interrupt))?;
    step("browser", || console::install(interrupt))?;
    step("mail programs", || mail::install(interrupt))?;
    step("SQLite", || postgres::install_sqlite(interrupt))?;
    step("signers", || signers::install(interrupt))?;
    step("OCSF schemas", || ocsf::install(interrupt))?;
    let server = step("PostgreSQL", || postgres::start(false, interrupt))?;
    step("tests", || {
        let mut runner = runner(&options.arguments);
        runner.env(SERVER_VARIABLE, server.url()).env("FACTOTUM_BIN", &program);
        interrupt.run(&mut runner)
    })
}

/// `cargo nextest` where it is installed, else `cargo test`, over the default members.
fn runner(arguments: &[String]) -> Command {
    let mut command = cargo();
    if is_there("cargo", &["nextest", "--version"]) {
        command.args(["nextest", "run", "--no-fail-fast"]).args(arguments);
    } else {
        command.args(["test", "--no-fail-fast", "--lib", "--bins", "--tests", "--"]).args(arguments);
    }
    command
}

/// Builds the tests and the program in one go: with the tests' own dependencies in it, so that cargo picks one set of features for
/// both and builds every crate once.
pub fn build_tests(interrupt: &Interrupt) -> anyhow::Result<PathBuf> {
    interrupt.run(cargo().args(["build", "--quiet", "--bins", "--tests"]))?;
    Ok(target().join("debug").join("factotum"))
}

/// Builds `factotum` alone.
pub fn build_program(interrupt: &Interrupt) -> anyhow::Result<PathBuf> {
    interrupt.run(cargo().args(["build", "--quiet", "--bin", "factotum"]))?;
    Ok(target().join("debug").join("factotum"))
}

fn deny(interrupt: &Interrupt) -> anyhow::Result<()> {
    if !is_there("cargo", &["deny", "--version"]) {
        say("cargo-deny is missing: installing it.");
        interrupt.run(cargo().args(["install", "--quiet", "--locked", "cargo-deny"]))?;
    }
    interrupt.run(cargo().args(["deny", "--log-level", "error", "check", "licenses", "bans", "sources"]))
}
