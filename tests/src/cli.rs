//! The `factotum` command as somebody types it: its exit code and what it wrote where. What must hold: it sees no setting but those
//! given here, and what it is refused with is one line on stderr, without the key.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde_json::Value;

use crate::server::{Server, program};

/// The command line, with the server and the key that its commands are for.
#[derive(Debug, Clone, Default)]
pub struct Cli {
    variables: Vec<(String, String)>,
    folder: Option<std::path::PathBuf>,
}

/// A command that goes on.
#[derive(Debug)]
pub struct Running {
    child: std::process::Child,
    folder: tempfile::TempDir,
}

impl Running {
    /// What it wrote there so far.
    pub fn stdout(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stdout")).unwrap_or_default()
    }

    /// What it wrote there so far.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Errors mean that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Done {
    /// The exit code; -1 if a signal ended it.
    pub code: i32,
    /// What it wrote there.
    pub stdout: String,
    /// What it wrote there.
    pub stderr: String,
}

impl Cli {
    /// Speaks to this server with the key that may do everything.
    pub fn of(server: &Server) -> Self {
        Self::default()
            .with("FACTOTUM_URL", &server.base())
            .with("FACTOTUM_API_KEY", server.api().key().unwrap_or_default())
    }

    /// With this variable of the environment.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(own, _)| own != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// In this working folder.
    #[must_use]
    pub fn within(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Begins a command that goes on until its value is dropped.
    pub fn begin(&self, args: &[&str]) -> anyhow::Result<Running> {
        let folder = tempfile::tempdir()?;
        let (stdout, stderr) = (folder.path().join("stdout"), folder.path().join("stderr"));
        let mut command = self.command()?;
        command.args(args).stdin(Stdio::null());
        command.stdout(std::fs::File::create(&stdout)?).stderr(std::fs::File::create(&stderr)?);
        Ok(Running { child: command.spawn().context("cannot run factotum")?, folder })
    }

    fn command(&self) -> anyhow::Result<Command> {
        let mut command = Command::new(program()?);
        let inherited = std::env::vars_os().map(|(name, _)| name);
        for name in inherited.filter(|name| name.to_string_lossy().starts_with("FACTOTUM_")) {
            command.env_remove(name);
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// Runs it with this on stdin.
    pub fn try_run(&self, args: &[&str], stdin: &str) -> anyhow::Result<Done> {
        let mut command = self.command()?;
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot run factotum")?;
        let mut input = child.stdin.take().context("a piped stdin")?;
        // A command that reads no stdin may be gone by now.
        let _ = input.write_all(stdin.as_bytes());
        drop(input);
        let output = child.wait_with_output()?;
        Ok(Done {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    /// Runs it with this on stdin; panics if it cannot be run.
    #[track_caller]
    pub fn run_with(&self, args: &[&str], stdin: &str) -> Done {
        match self.try_run(args, stdin) {
            Ok(done) => done,
            Err(e) => panic!("factotum {args:?}: {e:#}"),
        }
    }

    /// What it prints when all is well: exit code 0 and nothing on stderr.
    #[track_caller]
    pub fn text(&self, args: &[&str]) -> String {
        let done = self.run_with(args, "");
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "factotum {args:?}: {}", done.stdout);
        done.stdout
    }

    /// What it prints with `--json` when all is well: one document and nothing else.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let text = self.text(&[args, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("factotum {args:?}: {e}: {text}"))
    }

    /// What it says on stderr when it ends with this code: one line, no key in it, and nothing on stdout.
    #[track_caller]
    pub fn refused(&self, code: i32, args: &[&str]) -> String {
        let done = self.run_with(args, "");
        assert_eq!((done.code, done.stdout.as_str()), (code, ""), "factotum {args:?}: {}", done.stderr);
        let line = done.stderr.strip_prefix("error: ").and_then(|rest| rest.strip_suffix('\n'));
        let line = line.filter(|line| !line.is_empty() && !line.contains('\n'));
        for (name, value) in &self.variables {
            assert!(
                name != "FACTOTUM_API_KEY" || value.is_empty() || !done.stderr.contains(value),
                "{args:?} shows the key"
            );
        }
        line.unwrap_or_else(|| panic!("factotum {args:?}: not one line: {:?}", done.stderr)).to_owned()
    }
}
