//! A Postfix that relays mail, as people run it in front of Factotum: of its own configuration, queue and port. What must hold: it is the distribution's program, started and
//! stopped by its own commands; it needs root, as Postfix does.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::postgres::free_port;

/// The program.
const POSTFIX: &str = "/usr/sbin/postfix";

/// The services that a relay needs (master(5)).
const SERVICES: &str = "postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
";

/// A Postfix that runs.
pub struct Postfix {
    folder: tempfile::TempDir,
    port: u16,
}

impl Postfix {
    /// Whether it can run here: Postfix starts as root alone.
    pub fn can_run() -> bool {
        rustix::process::geteuid().is_root()
    }

    /// Relays the mail of `domain` by this transport, such as `smtp:[127.0.0.1]:7025`.
    pub fn start(domain: &str, transport: &str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("postfix-").tempdir()?;
        let at = |name: &str| folder.path().join(name);
        for name in ["etc", "queue", "data", "log"] {
            std::fs::create_dir(at(name))?;
        }
        open_to_all(folder.path())?;
        let owned = Command::new("chown").arg("postfix").arg(at("data")).status()?;
        ensure!(owned.success(), "there is no user `postfix`: install Postfix by `cargo xtask mail`");
        let port = free_port()?;
        let home = folder.path().display();
        let main = format!(
            "compatibility_level = 3.6\nconfig_directory = {home}/etc\nqueue_directory = {home}/queue\ndata_directory = {home}/data\n\
             myhostname = relay.example.com\nmydestination =\nrelay_domains = {domain}\ninet_interfaces = loopback-only\ninet_protocols = ipv4\n\
             maillog_file = {home}/log/mail.log\nmaillog_file_prefixes = {home}/log\ntransport_maps = inline:{{ {domain}={transport} }}\n\
             smtp_tls_security_level = may\nlmtp_tls_security_level = may\nsmtputf8_enable = yes\nmessage_size_limit = 60000000\nmailbox_size_limit = 0\n\
             minimal_backoff_time = 1s\nmaximal_backoff_time = 2s\nqueue_run_delay = 1s\n"
        );
        std::fs::write(at("etc/main.cf"), main)?;
        std::fs::write(at("etc/master.cf"), format!("127.0.0.1:{port} inet n - n - - smtpd\n{SERVICES}"))?;
        let postfix = Self { folder, port };
        postfix.command("start")?;
        Ok(postfix)
    }

    fn command(&self, verb: &str) -> anyhow::Result<()> {
        let done = Command::new(POSTFIX).arg("-c").arg(self.folder.path().join("etc")).arg(verb).output();
        let done = done.with_context(|| format!("cannot run {POSTFIX}: install it by `cargo xtask mail`"))?;
        ensure!(
            done.status.success(),
            "postfix {verb}: {}{}",
            String::from_utf8_lossy(&done.stderr),
            self.log()
        );
        Ok(())
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log").join("mail.log")
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // What stays behind is ended with the machine; there is nobody to tell.
        let _ = self.command("stop");
    }
}

/// Postfix's services run as a user of their own.
fn open_to_all(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?)
}
