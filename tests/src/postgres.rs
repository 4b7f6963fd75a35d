//! A real PostgreSQL of our own, in a temporary folder on a free loopback port. What must hold: it is never anybody's
//! existing server, it needs a password (loopback is shared with other users of the machine), and it is stopped and
//! removed with its value, or by the kernel when this process dies.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::wait;

/// Enough for several nodes and all contract tests at once.
const MAX_CONNECTIONS: u32 = 400;
/// The superuser of the temporary server.
const USER: &str = "factotum";
/// How long it may take to start or stop.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server.
pub struct Postgres {
    programs: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    password: String,
    durable: bool,
    child: Option<Child>,
}

impl Postgres {
    /// Starts one. With `durable` it syncs to disk as in production; without, it is quicker and fit for tests that do not
    /// cut its power.
    pub fn start(durable: bool) -> anyhow::Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("factotum-postgres-").tempdir()?;
        let password = random_word()?;
        let data = folder.path().join("data");
        let password_file = folder.path().join("password");
        std::fs::File::create(&password_file)?.write_all(password.as_bytes())?;
        std::fs::create_dir(&data)?;
        give_to_postgres(&[folder.path(), &data, &password_file])?;
        let made = as_postgres(&programs.join("initdb"))?
            .arg("--pgdata")
            .arg(&data)
            .args(["--username", USER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale"])
            .arg(format!("--pwfile={}", password_file.display()))
            .arg("--no-sync")
            .output()
            .context("cannot run initdb")?;
        if !made.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        }
        let port = free_port()?;
        let mut server = Self { programs, folder, port, password, durable, child: None };
        server.resume()?;
        Ok(server)
    }

    /// Starts the stopped server again, on the same data and port.
    pub fn resume(&mut self) -> anyhow::Result<()> {
        let sync = if self.durable { "on" } else { "off" };
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log"))?;
        let child = as_postgres(&self.programs.join("postgres"))?
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .arg("-k")
            .arg(self.folder.path())
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-c", &format!("max_connections={MAX_CONNECTIONS}")])
            .args(["-c", &format!("fsync={sync}"), "-c", &format!("full_page_writes={sync}")])
            .args(["-c", "synchronous_commit=on", "-c", "shared_buffers=128MB"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot run postgres")?;
        self.child = Some(child);
        let ready = wait::poll(PATIENCE, || self.answers().then_some(()));
        if ready.is_none() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            bail!("PostgreSQL did not start within {PATIENCE:?}; its log:\n{log}");
        }
        Ok(())
    }

    fn answers(&self) -> bool {
        Command::new(self.programs.join("pg_isready"))
            .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .status()
            .is_ok_and(|s| s.success())
    }

    /// The connection string of its first database.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Makes a database and returns its connection string.
    pub fn create_database(&self, name: &str) -> anyhow::Result<String> {
        create_database(&self.url(), name)
    }

    /// Stops it at once, as a crash would: connections break, what was committed stays.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let stopped = as_postgres(&self.programs.join("pg_ctl")).and_then(|mut ctl| {
            let status = ctl
                .args(["stop", "-w", "-m", "immediate", "-D"])
                .arg(self.folder.path().join("data"))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()?;
            Ok(status.success())
        });
        if !matches!(stopped, Ok(true)) {
            // Nothing better is left in a destructor; a postmaster that is gone takes its children along.
            let _ = child.kill();
        }
        let _ = child.wait();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Makes a database on the server that `url` names and returns the connection string of the new one.
pub fn create_database(url: &str, name: &str) -> anyhow::Result<String> {
    let (server, _) = url.rsplit_once('/').with_context(|| format!("`{url}` names no database"))?;
    psql(url, &format!("CREATE DATABASE \"{name}\""))?;
    Ok(format!("{server}/{name}"))
}

/// Runs one statement through `psql` and returns its rows, one a line, columns separated by `|`.
pub fn psql(url: &str, statement: &str) -> anyhow::Result<String> {
    let answer = Command::new(programs()?.join("psql"))
        .args(["--no-psqlrc", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement])
        .output()
        .context("cannot run psql")?;
    if !answer.status.success() {
        bail!("psql: {}", String::from_utf8_lossy(&answer.stderr).trim());
    }
    Ok(String::from_utf8(answer.stdout)?.trim().to_owned())
}

/// The folder of PostgreSQL's programs: what `pg_config` says, else the newest under `/usr/lib/postgresql`.
pub fn programs() -> anyhow::Result<PathBuf> {
    if let Ok(said) = Command::new("pg_config").arg("--bindir").output() {
        let folder = PathBuf::from(String::from_utf8_lossy(&said.stdout).trim());
        if folder.join("initdb").is_file() {
            return Ok(folder);
        }
    }
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let folder = entry.path().join("bin");
            folder.join("initdb").is_file().then_some((version, folder))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, folder)| folder).context(
        "no PostgreSQL server found by `pg_config --bindir` or under /usr/lib/postgresql: install one, on Debian with `apt-get install postgresql`",
    )
}

/// PostgreSQL refuses to run as root, so root runs it as the user `postgres`. The kernel stops it when we die.
fn as_postgres(program: &Path) -> anyhow::Result<Command> {
    if !rustix::process::geteuid().is_root() {
        return Ok(Command::new(program));
    }
    let mut command = Command::new("setpriv");
    let (user, group) = postgres_ids()?;
    command
        .args(["--pdeathsig", "INT", "--clear-groups"])
        .arg(format!("--reuid={user}"))
        .arg(format!("--regid={group}"))
        .arg("--")
        .arg(program)
        .current_dir("/");
    Ok(command)
}

fn give_to_postgres(paths: &[&Path]) -> anyhow::Result<()> {
    if rustix::process::geteuid().is_root() {
        let (user, group) = postgres_ids()?;
        for path in paths {
            std::os::unix::fs::chown(path, Some(user), Some(group))?;
        }
    }
    Ok(())
}

fn postgres_ids() -> anyhow::Result<(u32, u32)> {
    let ask = |flag| -> anyhow::Result<u32> {
        let said = Command::new("id").args([flag, "postgres"]).output()?;
        let text = String::from_utf8_lossy(&said.stdout);
        text.trim()
            .parse()
            .context("PostgreSQL does not run as root, and there is no user `postgres`: add one")
    };
    Ok((ask("-u")?, ask("-g")?))
}

/// A port that was free a moment ago.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// 128 random bits in hexadecimal.
pub fn random_word() -> anyhow::Result<String> {
    use std::io::Read as _;
    let mut bytes = [0u8; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
}
