//! The development commands: `cargo xtask run|test|guests|bench|soak|tidy|postgres`. Parses and dispatches, nothing else.

mod command;
mod guests;
mod postgres;
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
    /// Check and test everything, as CI does
    Test(test::Options),
    /// Check the rules of the source tree: imports, file lengths, names, migrations
    Tidy,
    /// Build the WebAssembly guests of examples/ and tests/guests/ into target/guests/
    Guests(guests::Options),
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
        Command::Test(options) => test::run(&options, &interrupt),
        Command::Tidy => tidy::run(),
        Command::Guests(options) => guests::build(&options).map(drop),
        Command::Postgres(options) => postgres::run(&options, &interrupt),
    }
}
