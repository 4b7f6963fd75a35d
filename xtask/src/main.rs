//! The development commands: `cargo xtask run|test|guests|ocsf|oidc|signers|console|mail|bench|schemathesis|soak|tidy|postgres`. Parses and dispatches, nothing else.

mod bench;
mod command;
mod console;
mod fuzz;
mod guests;
mod mail;
mod npm;
mod ocsf;
mod oidc;
mod postgres;
mod python;
mod run;
mod schemathesis;
mod signers;
mod soak;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::command::Interrupt;

/// Factotum's development commands
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the program with the examples deployed, fire them, and show what happened
    Run(run::Options),
    /// Check and test everything, as CI does
    Test(test::Options),
    /// Check the rules of the source tree: imports, file lengths, names, migrations
    Tidy,
    /// Build the WebAssembly guests of examples/ and tests/guests/ into target/guests/
    Guests(guests::Options),
    /// Install the identity provider that tests log in at into target/oidc/
    Oidc,
    /// Install the browser and what looks for barriers with it, for the tests of the console, into target/console/
    Console,
    /// Install the programs that mail is tested with: swaks, msmtp, Postfix
    Mail,
    /// Install the published OCSF schemas that tests validate exports against into target/ocsf/
    Ocsf,
    /// Install the packages that webhooks' senders sign with, for the tests, into target/signers/
    Signers,
    /// Measure throughput and latency of a release build, beside the machine's own figures
    Bench(bench::Options),
    /// Test the program against its OpenAPI document with made-up requests, by schemathesis
    Schemathesis(schemathesis::Options),
    /// Run the long form of end-to-end tests
    Soak(soak::Options),
    /// Send requests to a server and print figures: the load generator of `bench`
    #[command(hide = true)]
    Load(bench::load::Options),
    /// Start a temporary PostgreSQL, print its URL, and keep it until Ctrl-C
    Postgres(postgres::Options),
}

fn main() -> ExitCode {
    match dispatch(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            command::complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<()> {
    let interrupt = Interrupt::listen()?;
    match command {
        Command::Run(options) => run::run(&options, &interrupt),
        Command::Bench(options) => bench::run(&options, &interrupt),
        Command::Schemathesis(options) => schemathesis::run(&options, &interrupt),
        Command::Soak(options) => soak::run(&options, &interrupt),
        Command::Load(options) => bench::load::run(&options),
        Command::Test(options) => test::run(&options, &interrupt),
        Command::Tidy => tidy::run(),
        Command::Guests(options) => guests::build(&options).map(drop),
        Command::Console => console::install(&interrupt),
        Command::Mail => mail::install(&interrupt),
        Command::Ocsf => ocsf::install(&interrupt),
        Command::Signers => signers::install(&interrupt),
        Command::Oidc => oidc::install(&interrupt),
        Command::Postgres(options) => postgres::run(&options, &interrupt),
    }
}
