//! `cargo xtask run`: the whole product on a developer's machine, from nothing, with the three examples deployed and a run to
//! see. What must hold: it uses the program and its HTTP API as anybody would; its data stays in `.factotum-dev` until
//! `--fresh`; Ctrl-C stops everything.

mod examples;
mod show;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use factotum_tests::receiver::Receiver;
use factotum_tests::{Server, Settings, postgres};

use crate::command::{Interrupt, root, say, step};
use crate::{guests, test};

/// Where the data is, from the workspace's root.
const FOLDER: &str = ".factotum-dev";
/// The port of `factotum serve` where none is given.
const PORT: u16 = 7070;
/// The port that it takes mail at; another free one if it is taken.
const SMTP_PORT: u16 = 7025;

/// How to run.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Throw away what earlier runs left in .factotum-dev
    #[arg(long)]
    fresh: bool,
    /// Show a run and its record, then stop
    #[arg(long)]
    once: bool,
    /// The port to listen on; another free one if it is taken
    #[arg(long, default_value_t = PORT)]
    port: u16,
}

/// Builds, starts, deploys, fires, shows, and stays.
pub fn run(options: &Options, interrupt: &Interrupt) -> anyhow::Result<()> {
    let folder = root().join(FOLDER);
    if options.fresh && folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let program = step("program", || test::build_program(interrupt))?;
    step("guests", || guests::build(&guests::Options::default()))?;
    let receiver = Receiver::start().context("cannot listen for the reports")?;
    let settings = Settings {
        toml: format!("[egress]\nallow = [\"127.0.0.1:{}\"]\n", receiver.port()),
        data: Some(folder.clone()),
        port: Some(free(options.port)?),
        program: Some(program),
        smtp: Some(free(SMTP_PORT)?),
        ..Settings::default()
    };
    let mut server = step("server", || open(settings, &folder.join("api-key")))?;
    let hooks = step("examples", || examples::deploy(server.api(), &receiver))?;
    step("first run", || show::first_run(&server, &hooks))?;
    show::commands(&server, &hooks, &folder.join("api-key"));
    show::scheduled_report(&server, &receiver, interrupt)?;
    if !options.once {
        say("\nIt runs until Ctrl-C.");
        interrupt.wait();
    }
    server.stop().map(drop)
}

/// A key is shown once, so it is kept beside the data, for its owner's eyes only.
fn open(settings: Settings, key_file: &Path) -> anyhow::Result<Server> {
    if let Ok(key) = fs::read_to_string(key_file) {
        return Server::reopen(settings, key.trim());
    }
    let server = Server::launch(settings)?;
    let key = server.api().key().context("a bootstrapped server has a key")?;
    let mut file = fs::File::options().create(true).truncate(true).write(true).mode(0o600).open(key_file)?;
    file.write_all(key.as_bytes())?;
    Ok(server)
}

fn free(port: u16) -> anyhow::Result<u16> {
    if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
        return Ok(port);
    }
    let other = postgres::free_port()?;
    say(&format!("Port {port} is taken; using {other}."));
    Ok(other)
}
