//! Running other programs. What must hold: Ctrl-C, SIGTERM and SIGHUP stop the program that runs and return to the caller, so
//! that every temporary server and folder is taken down on the way out.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

/// How often a running program is looked at.
const POLL: Duration = Duration::from_millis(30);

/// Whether somebody wants us to stop.
#[derive(Clone)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes over Ctrl-C and SIGTERM; once in a process.
    pub fn listen() -> anyhow::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        let own = Arc::clone(&asked);
        ctrlc::set_handler(move || own.store(true, Ordering::Release)).context("cannot listen for Ctrl-C")?;
        Ok(Self(asked))
    }

    /// Whether it was asked for.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Waits for it.
    pub fn wait(&self) {
        while !self.asked() {
            std::thread::sleep(POLL);
        }
    }

    /// Fails if it was asked for.
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.asked(), "interrupted");
        Ok(())
    }

    /// Runs a program to its end, with our output, and fails if it does.
    pub fn run(&self, command: &mut Command) -> anyhow::Result<()> {
        self.check()?;
        let shown = show(command);
        let mut child = command.spawn().with_context(|| format!("cannot run `{shown}`"))?;
        loop {
            if let Some(status) = child.try_wait()? {
                self.check()?;
                if status.success() {
                    return Ok(());
                }
                bail!("`{shown}` failed: {status}");
            }
            if self.asked() {
                child.kill()?;
                child.wait()?;
                bail!("interrupted while `{shown}` ran");
            }
            std::thread::sleep(POLL);
        }
    }
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// The cargo that runs us.
pub fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// The workspace's folder.
pub fn root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.parent().map_or_else(|| own.clone(), PathBuf::from)
}

/// Where cargo builds to.
pub fn target() -> PathBuf {
    // Our own program lies in `TARGET/debug/xtask` or `TARGET/release/xtask`.
    let own = std::env::current_exe().ok();
    let found = own.as_deref().and_then(|program| program.parent()?.parent().map(PathBuf::from));
    found.unwrap_or_else(|| root().join("target"))
}

/// Whether a program of this name can be run with `--version`.
pub fn is_there(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Installs Debian packages, where we are root on Debian; whether we are.
pub fn install(interrupt: &Interrupt, packages: &[&str]) -> anyhow::Result<bool> {
    if !rustix::process::geteuid().is_root() || !Path::new("/etc/debian_version").exists() {
        return Ok(false);
    }
    say(&format!("Installing {}.", packages.join(", ")));
    interrupt.run(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut apt = Command::new("apt-get");
    apt.args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages);
    interrupt.run(apt.env("DEBIAN_FRONTEND", "noninteractive"))?;
    Ok(true)
}

/// Says something to the developer.
#[expect(clippy::print_stdout, reason = "a command's answer")]
pub fn say(line: &str) {
    println!("{line}");
}

/// Says what went wrong.
#[expect(clippy::print_stderr, reason = "a command's complaint")]
pub fn complain(line: &str) {
    eprintln!("{line}");
}

/// Announces a step, runs it, and says how long it took.
pub fn step<T>(name: &str, action: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    say(&format!("\n── {name}"));
    let start = Instant::now();
    let done = action().with_context(|| format!("the step `{name}` failed"))?;
    say(&format!("── {name}: done in {:.1} s", start.elapsed().as_secs_f64()));
    Ok(done)
}
