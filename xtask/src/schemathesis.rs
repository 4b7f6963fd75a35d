//! `cargo xtask schemathesis`: requests made up from the OpenAPI document, right and wrong ones, against the running program, with every
//! check that schemathesis has: once with a key that may do everything, once without. What must hold: the tool is pinned
//! (`tests/schemathesis/requirements.txt`); it fails on any 5xx, any answer that the document does not have, and any wrong request that
//! is taken; nothing is left running.

mod tool;
mod world;

use std::path::Path;

use anyhow::ensure;
use factotum_tests::postgres::random_word;
use factotum_tests::{Postgres, Server, Settings};

use crate::command::{Interrupt, step};
use crate::{guests, postgres, test};

use tool::Tool;
use world::World;

/// How many examples per operation CI takes.
pub const EXAMPLES: u32 = 8;
/// Of `cargo xtask test`: so that what passed once passes again. `soak schemathesis` makes up others each time.
pub const SEED: &str = "20261123";
/// How many the long form takes.
const SOAK_EXAMPLES: u32 = 300;

/// How much to send.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many requests are made up for each operation, beside those that cover its document
    #[arg(long, default_value_t = EXAMPLES)]
    examples: u32,
    /// The seed that an earlier run printed, to see the same requests again
    #[arg(long)]
    seed: Option<String>,
    /// On a temporary PostgreSQL instead of SQLite
    #[arg(long)]
    postgres: bool,
}

/// Builds the program, unless `FACTOTUM_BIN` names one, and tests it.
pub fn run(options: &Options, interrupt: &Interrupt) -> anyhow::Result<()> {
    let program = if let Some(built) = std::env::var_os("FACTOTUM_BIN") {
        built.into()
    } else {
        let quiet = guests::Options { quiet: true, ..guests::Options::default() };
        step("guests", || guests::build(&quiet))?;
        step("program", || test::build_tests(interrupt))?
    };
    let server = options.postgres.then(|| postgres::start(false, interrupt)).transpose()?;
    check(&program, server.as_ref(), options.examples, options.seed.as_deref(), interrupt)
}

/// The long form: many examples, on both databases.
pub fn soak(interrupt: &Interrupt) -> anyhow::Result<()> {
    for postgres in [false, true] {
        run(&Options { examples: SOAK_EXAMPLES, seed: None, postgres }, interrupt)?;
    }
    Ok(())
}

/// Tests a built program, with a key and without, on SQLite unless a PostgreSQL is given.
pub fn check(
    program: &Path,
    postgres: Option<&Postgres>,
    examples: u32,
    seed: Option<&str>,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let tool = step("schemathesis", || Tool::install(interrupt))?;
    for with_key in [true, false] {
        // A fresh server for each, so that neither finds what the other left.
        let fresh = |server: &Postgres| server.create_database(&random_word()?);
        let database = postgres.map(fresh).transpose()?;
        let settings = Settings { program: Some(program.to_owned()), database, ..Settings::default() };
        let mut server = Server::launch(settings)?;
        let world = World::furnish(server.api())?;
        let name = if with_key { "with a key that may do everything" } else { "without a key" };
        step(name, || {
            let mut tool = tool.command(&server, &world, with_key)?;
            tool.args(["--max-examples", &examples.to_string()]);
            if let Some(seed) = seed {
                tool.args(["--seed", seed]);
            }
            interrupt.run(&mut tool)
        })?;
        // A key that the run took from itself would have been refused everywhere, and nothing tested.
        server.api().get("/api/v1/me").expect(200);
        ensure!(server.is_running(), "the server ended; its log:\n{}", server.log());
        server.stop()?;
    }
    Ok(())
}
