//! An identity provider on loopback, a process of node's: the certified package `oidc-provider`, or one that lies (`tests/oidc/`). What must
//! hold: it is gone with its value; nothing is fetched: `cargo xtask test` has installed the package before.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::api::Api;
use crate::browser::Browser;
use crate::postgres::free_port;

/// What the provider calls the server under test.
pub const CLIENT_ID: &str = "factotum";
/// What the server under test shows it.
pub const CLIENT_SECRET: &str = "a secret of the tests, with % and +";

/// Which provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// The certified one.
    Certified,
    /// One that lies as it is told.
    Hostile,
}

/// The provider.
pub struct IdentityProvider {
    port: u16,
    server_port: u16,
    folder: tempfile::TempDir,
    config: Value,
    child: Child,
    /// Held open, as writing to a closed one ends it.
    _stdout: BufReader<ChildStdout>,
}

impl IdentityProvider {
    /// Starts one for a server that is yet to be started, on [`server_port`](Self::server_port).
    pub fn start(script: Script, config: &Value) -> anyhow::Result<Self> {
        let (port, server_port) = (free_port()?, free_port()?);
        let folder = tempfile::Builder::new().prefix("factotum-oidc-").tempdir()?;
        let redirect_uri = format!("http://127.0.0.1:{server_port}/api/v1/oidc/callback");
        let client = json!({"id": CLIENT_ID, "secret": CLIENT_SECRET, "redirect_uri": redirect_uri});
        let mut whole = json!({"client": client, "accounts": {}});
        merge(&mut whole, config);
        let file = folder.path().join("provider.json");
        std::fs::write(&file, whole.to_string())?;
        let name = match script {
            Script::Certified => "provider.mjs",
            Script::Hostile => "hostile.mjs",
        };
        let log = folder.path().join("provider.log");
        let mut child = Command::new("node")
            .arg(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/oidc")).join(name))
            .arg(packages()?)
            .arg(port.to_string())
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log)?)
            .spawn()
            .context("cannot run node")?;
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().context("a piped stdout")?);
        stdout.read_line(&mut line)?;
        let words = std::fs::read_to_string(&log).unwrap_or_default();
        ensure!(line.trim() == "ready", "the identity provider did not start: {words}");
        Ok(Self { port, server_port, folder, config: whole, child, _stdout: stdout })
    }

    /// Its name for itself.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where the server under test has to listen.
    pub fn server_port(&self) -> u16 {
        self.server_port
    }

    /// `[oidc]` for the server under test, with more lines of that section.
    pub fn toml(&self, more: &str) -> String {
        let issuer = self.issuer();
        format!(
            "[oidc]\nissuer = \"{issuer}\"\nclient_id = \"{CLIENT_ID}\"\nclient_secret = \"{CLIENT_SECRET}\"\n{more}\n"
        )
    }

    /// Goes on with these settings over those it was started with.
    pub fn tell(&self, settings: &Value) -> anyhow::Result<()> {
        let mut config = self.config.clone();
        merge(&mut config, settings);
        // In one step, as it is read at each request.
        let (file, next) = (self.folder.path().join("provider.json"), self.folder.path().join("next.json"));
        std::fs::write(&next, config.to_string())?;
        Ok(std::fs::rename(next, file)?)
    }

    /// An account, to be logged in to by its subject.
    pub fn account(&mut self, subject: &str, email: &str, verified: bool) -> anyhow::Result<()> {
        self.config["accounts"][subject] = json!({"email": email, "email_verified": verified});
        self.tell(&json!({}))
    }

    /// How often the lying one was asked for this path.
    pub fn asked(&self, path: &str) -> u64 {
        Api::at(self.issuer(), None).get("/seen").expect(200)[path].as_u64().unwrap_or(0)
    }

    /// Does at the provider what a person does, from the page that the server sends them to; the URL that they come back with.
    pub fn visit(&self, url: &str, subject: &str) -> anyhow::Result<String> {
        let browser = Browser::at(self.issuer());
        let mut next = url.to_owned();
        let mut form = None::<String>;
        for _ in 0..20 {
            let answer = match form.take() {
                None => browser.get(&next),
                Some(body) => browser.post_form(&next, &body),
            };
            if let Some(location) = answer.header("location") {
                next = if location.starts_with('/') {
                    format!("{}{location}", self.issuer())
                } else {
                    location.to_owned()
                };
                if !next.starts_with(&self.issuer()) {
                    return Ok(next);
                }
                continue;
            }
            let page = answer.text();
            ensure!(answer.status == 200, "{next}: {} {page}", answer.status);
            let action = attribute(&page, "action").with_context(|| format!("no form: {page}"))?;
            let login = page.contains("name=\"login\"");
            form = Some(if login {
                format!("prompt=login&login={}&password=x", escaped(subject))
            } else {
                "prompt=consent".to_owned()
            });
            next = action;
        }
        anyhow::bail!("the provider sends us round in circles, now to {next}")
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        // Errors mean that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `cargo xtask test` has the package installed: `target/oidc`.
fn packages() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    own.ancestors()
        .map(|folder| folder.join("oidc"))
        .find(|folder| folder.join("node_modules").is_dir())
        .context("the identity provider is not installed: run `cargo xtask oidc`")
}

fn merge(into: &mut Value, change: &Value) {
    for (key, value) in change.as_object().into_iter().flatten() {
        if value.is_object() && into[key].is_object() {
            merge(&mut into[key], value);
        } else {
            into[key] = value.clone();
        }
    }
}

fn attribute(page: &str, name: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value.replace("&amp;", "&"))
}

/// As in a form (`application/x-www-form-urlencoded`).
pub fn escaped(text: &str) -> String {
    let each = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(each).collect()
}
