//! The yardstick: `wasmtime serve` with a fresh instance per request and no durability at all, in the same run on the same machine.
//! Only where `wasmtime` is on the PATH and a `wasi:http` guest is built.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use factotum_tests::{guest, postgres, wait};
use serde_json::json;

use super::{Programs, report::Report, server};
use crate::command::is_there;

/// The guest that answers like `hello`, as a `wasi:http` handler.
const GUEST: &str = "hello-http";
/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Errors mean that it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures it, or says why not.
pub fn measure(programs: &Programs, seconds: u64, report: &mut Report) -> anyhow::Result<()> {
    let name = "fresh instance, nothing durable, 64 conn";
    if !is_there("wasmtime", &["--version"]) {
        report.add("wasmtime", name, json!({"not measured:": "wasmtime is not on the PATH"}));
        return Ok(());
    }
    let Ok(component) = guest::path(GUEST) else {
        report.add("wasmtime", name, json!({"not measured:": "there is no guest hello-http"}));
        return Ok(());
    };
    let port = postgres::free_port()?;
    let child = Command::new("wasmtime")
        .args([
            "serve",
            "--addr",
            &format!("127.0.0.1:{port}"),
            "-S",
            "cli",
            "--max-instance-reuse-count",
            "1",
        ])
        .arg(component)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot run wasmtime")?;
    let _running = Running(child);
    let up = wait::poll(PATIENCE, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(()));
    ensure!(up.is_some(), "wasmtime serve did not listen within {PATIENCE:?}");
    report.add("wasmtime", name, server::load(programs, port, "/", 64, 0, seconds)?);
    Ok(())
}
