//! The `factotum` program as a process: start, bootstrap, kill, start again. What must hold: it is the built program and no
//! part of it linked in; `kill` is `SIGKILL`; it dies with its value; and when a test fails, its log is shown.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use crate::api::Api;
use crate::backend::Backend;
use crate::postgres::{free_port, random_word};
use crate::wait;

/// The address of the Admin of an organization that a server is started with.
pub const ADMIN: &str = "admin@example.com";
/// How long a start may take: a debug build compiles plugins into native code with a slow compiler.
const START_PATIENCE: Duration = Duration::from_mins(1);
/// How long a graceful stop may take.
const STOP_PATIENCE: Duration = Duration::from_mins(1);
/// How much of the log a failed test shows, in bytes.
const LOG_TAIL_BYTES: usize = 8_000;

/// What a server is started with.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `--database`; none for SQLite in the data folder.
    pub database: Option<String>,
    /// The text of `factotum.toml`.
    pub toml: String,
    /// The data folder; none for a temporary one.
    pub data: Option<PathBuf>,
    /// `--listen`'s port; none for a free one.
    pub port: Option<u16>,
    /// `--smtp-listen`'s port; none for no SMTP.
    pub smtp: Option<u16>,
    /// The program; none for the one that the tests were built with ([`program`]).
    pub program: Option<PathBuf>,
}

impl Settings {
    /// A fresh database of this kind.
    pub fn on(backend: Backend) -> anyhow::Result<Self> {
        Ok(Self { database: backend.fresh_database()?, ..Self::default() })
    }

    /// With SMTP on a free port.
    pub fn with_smtp(mut self) -> anyhow::Result<Self> {
        self.smtp = Some(free_port()?);
        Ok(self)
    }

    /// With this `factotum.toml`.
    #[must_use]
    pub fn toml(mut self, text: &str) -> Self {
        text.clone_into(&mut self.toml);
        self
    }
}

enum Folder {
    Temporary(tempfile::TempDir),
    Kept(PathBuf),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }
}

/// A node that runs, or is stopped and can run again on the same data.
pub struct Server {
    settings: Settings,
    /// Nodes on one database share it; on SQLite the program keeps its own, in the data folder.
    master_key: Option<String>,
    folder: Folder,
    port: u16,
    child: Option<Child>,
    api: Api,
}

impl Server {
    /// A ready server with a fresh database, one organization, and an [`Api`] whose key may do everything. Panics if there is
    /// none to be had, as no test can go on then.
    pub fn start(backend: Backend) -> Self {
        Self::start_with(backend, "")
    }

    /// As [`start`](Self::start), with a `factotum.toml`.
    pub fn start_with(backend: Backend, toml: &str) -> Self {
        let started = Settings::on(backend).and_then(|settings| Self::launch(settings.toml(toml)));
        match started {
            Ok(server) => server,
            Err(e) => panic!("no server: {e:#}"),
        }
    }

    /// Bootstraps an organization and starts.
    pub fn launch(settings: Settings) -> anyhow::Result<Self> {
        let shared =
            settings.database.as_ref().map(|_| Ok::<_, anyhow::Error>(random_word()? + &random_word()?));
        let mut server = Self::prepare(settings, shared.transpose()?)?;
        let key = server.bootstrap("Test", ADMIN)?;
        server.api = Api::at(server.base(), Some(&key));
        server.resume()?;
        Ok(server)
    }

    /// Starts without an organization, as on a first start.
    pub fn empty(settings: Settings) -> anyhow::Result<Self> {
        let mut server = Self::prepare(settings, None)?;
        server.resume()?;
        Ok(server)
    }

    /// Runs `factotum admin …` on this server's database, with this on stdin.
    pub fn admin(&self, args: &[&str], stdin: &str) -> anyhow::Result<Output> {
        let (verb, args) = args.split_first().context("a verb")?;
        let mut command = self.command()?;
        command.args(["admin", verb]);
        self.place(&mut command);
        let piped = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn()?;
        // What reads no stdin may be gone by now.
        let _ = child.stdin.take().context("a piped stdin")?.write_all(stdin.as_bytes());
        Ok(child.wait_with_output()?)
    }

    /// Starts on a kept data folder that is bootstrapped already, with the key that was made then.
    pub fn reopen(settings: Settings, key: &str) -> anyhow::Result<Self> {
        let mut server = Self::prepare(settings, None)?;
        server.api = Api::at(server.base(), Some(key));
        server.resume()?;
        Ok(server)
    }

    /// Another node on the same database, with a data folder of its own. Only PostgreSQL has several nodes.
    pub fn another_node(&self) -> anyhow::Result<Self> {
        ensure!(self.settings.database.is_some(), "SQLite has one node only");
        let mut settings = Settings { data: None, port: None, ..self.settings.clone() };
        settings.smtp = settings.smtp.map(|_| free_port()).transpose()?;
        let mut node = Self::prepare(settings, self.master_key.clone())?;
        node.api = Api::at(node.base(), self.api.key());
        node.resume()?;
        Ok(node)
    }

    fn prepare(settings: Settings, master_key: Option<String>) -> anyhow::Result<Self> {
        let folder = match &settings.data {
            None => Folder::Temporary(tempfile::Builder::new().prefix("factotum-test-").tempdir()?),
            Some(path) => {
                std::fs::create_dir_all(path)?;
                Folder::Kept(path.clone())
            }
        };
        std::fs::write(folder.path().join("factotum.toml"), &settings.toml)?;
        let port = settings.port.map_or_else(free_port, Ok)?;
        let api = Api::at(format!("http://127.0.0.1:{port}"), None);
        Ok(Self { settings, master_key, folder, port, child: None, api })
    }

    fn command(&self) -> anyhow::Result<Command> {
        let program = self.settings.program.clone().map_or_else(program, Ok)?;
        let mut command = Command::new(program);
        command.current_dir(self.folder.path());
        if let Some(key) = &self.master_key {
            command.env("FACTOTUM_MASTER_KEY", key);
        }
        for variable in ["FACTOTUM_DATA", "FACTOTUM_DATABASE", "FACTOTUM_LISTEN", "FACTOTUM_API_KEY"] {
            command.env_remove(variable);
        }
        Ok(command)
    }

    fn place(&self, command: &mut Command) {
        command.arg("--data").arg(self.folder.path());
        if let Some(url) = &self.settings.database {
            command.args(["--database", url]);
        }
    }

    /// Makes an organization by `factotum admin bootstrap`; the answer is a key that may do everything in it.
    pub fn bootstrap(&self, organization: &str, email: &str) -> anyhow::Result<String> {
        let mut command = self.command()?;
        command.args(["admin", "bootstrap"]);
        self.place(&mut command);
        let mut child = command
            .args(["--org", organization, "--email", email, "--password-stdin", "--api-key", "tests"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().context("a piped stdin")?;
        stdin.write_all(b"correct horse battery staple\n")?;
        drop(stdin);
        let done = child.wait_with_output()?;
        if !done.status.success() {
            bail!("`factotum admin bootstrap` failed: {}", String::from_utf8_lossy(&done.stderr));
        }
        Ok(String::from_utf8(done.stdout)?.trim().to_owned())
    }

    /// Starts the stopped server again on the same data and address, and waits until it is ready.
    pub fn resume(&mut self) -> anyhow::Result<()> {
        self.spawn()?;
        self.wait_ready()
    }

    /// Starts it without waiting.
    pub fn spawn(&mut self) -> anyhow::Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(self.log_path())?;
        let smtp = self.settings.smtp.map_or_else(|| "off".to_owned(), |port| format!("127.0.0.1:{port}"));
        let mut command = self.command()?;
        command.arg("serve");
        self.place(&mut command);
        command
            .args(["--listen", &format!("127.0.0.1:{}", self.port), "--smtp-listen", &smtp])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        self.child = Some(command.spawn().context("cannot run factotum")?);
        Ok(())
    }

    /// Waits until `/readyz` says yes.
    pub fn wait_ready(&mut self) -> anyhow::Result<()> {
        let probe = Api::at(self.base(), None);
        let mut ended = None;
        let ready = wait::poll(START_PATIENCE, || {
            ended = self.child.as_mut().and_then(|c| c.try_wait().ok().flatten());
            let yes = probe.send("GET", "/readyz", &[], &[]).is_ok_and(|a| a.status == 200);
            (yes || ended.is_some()).then_some(yes)
        });
        match (ready, ended) {
            (Some(true), _) => Ok(()),
            (_, Some(status)) => {
                bail!("the server ended at its start with {status}; its log:\n{}", self.log())
            }
            _ => bail!("the server was not ready within {START_PATIENCE:?}; its log:\n{}", self.log()),
        }
    }

    /// `kill -9`: no goodbye, nothing flushed.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Errors mean that it is gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// `SIGTERM`, then waits for its end: a graceful stop.
    pub fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        let mut child = self.child.take().context("the server does not run")?;
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        if let Some(status) = wait::poll(STOP_PATIENCE, || child.try_wait().transpose()) {
            return Ok(status?);
        }
        child.kill()?;
        child.wait()?;
        bail!("the server did not stop within {STOP_PATIENCE:?} of SIGTERM; its log:\n{}", self.log())
    }

    /// Whether the process is there.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// The process id, while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Speaks to it with a key that may do everything.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Speaks to it without a key.
    pub fn stranger(&self) -> Api {
        Api::at(self.base(), None)
    }

    /// `http://127.0.0.1:PORT`
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The loopback port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The loopback port of SMTP.
    pub fn smtp_port(&self) -> u16 {
        self.settings.smtp.unwrap_or_default()
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// The connection string, if it is not SQLite.
    pub fn database(&self) -> Option<&str> {
        self.settings.database.as_deref()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("serve.log")
    }

    /// What the program wrote so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let mut start = log.len().saturating_sub(LOG_TAIL_BYTES);
            while !log.is_char_boundary(start) {
                start += 1;
            }
            #[expect(clippy::print_stderr, reason = "the test runner shows it beside the failure")]
            {
                eprintln!("--- the server's log, its end:\n{}", &log[start..]);
            }
        }
    }
}

/// The program under test: `FACTOTUM_BIN`, else `factotum` beside the running test in the target folder.
pub fn program() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("FACTOTUM_BIN") {
        return Ok(path.into());
    }
    let own = std::env::current_exe()?;
    own.ancestors()
        .skip(1)
        .map(|folder| folder.join("factotum"))
        .find(|path| path.is_file())
        .context("the program is not built: run `cargo build --bin factotum`, or set FACTOTUM_BIN")
}
