//! The figures of a running server.

use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use factotum_tests::{Api, Server, Settings, wait};
use serde_json::{Value, json};
use std::time::Duration;

use super::report::Report;
use super::{Options, Programs};
use crate::command::{Interrupt, say, target};

/// How many deliveries a second are sent in the open loop.
const ACCEPTS_PER_SECOND: u64 = 2_000;
/// How long the backlog of the accept figures may take to drain.
const DRAIN: Duration = Duration::from_mins(10);

/// Measures all figures on one database.
pub fn measure(
    programs: &Programs,
    settings: Settings,
    group: &str,
    options: &Options,
    report: &mut Report,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    // On the disk of the target folder: the system's temporary folder may be in memory, where syncing is free.
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(target())?;
    let mut server = Server::launch(Settings { data: Some(folder.path().join("data")), ..settings })?;
    report.add(group, "resident when idle", json!({"MiB": resident_mebibytes(&server)?}));
    for guest in ["hello", "echo"] {
        server.api().deploy(guest, &[]);
    }
    let seconds = options.seconds;
    let figures = [
        ("hello", "outcome", 64, "webhook → run → outcome, command, 64 conn"),
        ("echo", "outcome", 64, "webhook → run → outcome, workflow, 64 conn"),
        ("hello", "outcome", 1, "webhook → run → outcome, command, 1 conn"),
        ("hello", "accepted", 1, "webhook → accepted, 1 conn"),
        ("hello", "accepted", 64, "webhook → accepted, 64 conn, runs beside"),
    ];
    for (guest, reply, connections, name) in figures {
        interrupt.check()?;
        let path = server.api().webhook(guest, &json!({"reply": reply}));
        let figures = load(programs, server.port(), &path, connections, 0, seconds)?;
        say(&format!("{group}: {name}: {figures}"));
        report.add(group, name, figures);
        drain(server.api(), interrupt)?;
    }
    // Open loop: sent when due, measured from when due. The workflow is paused, so that accepting alone is measured.
    let path = server.api().webhook("hello", &json!({"reply": "accepted"}));
    server.api().patch("/api/v1/workflows/hello", &json!({"paused": true})).expect(200);
    let figures = load(programs, server.port(), &path, 64, ACCEPTS_PER_SECOND, seconds)?;
    let name = format!("webhook → accepted, {ACCEPTS_PER_SECOND} a second, runs held");
    say(&format!("{group}: {name}: {figures}"));
    report.add(group, &name, figures);
    server.api().patch("/api/v1/workflows/hello", &json!({"paused": false})).expect(200);
    drain(server.api(), interrupt)?;
    report.add(group, "resident after the load", json!({"MiB": resident_mebibytes(&server)?}));
    if options.filled > 0 {
        server.stop()?;
        fill(&server, options.filled)?;
        server.resume()?;
        let name = format!("the first, after {} finished runs", options.filled);
        let path = server.api().webhook("hello", &json!({"reply": "outcome"}));
        let figures = load(programs, server.port(), &path, 64, 0, seconds)?;
        say(&format!("{group}: {name}: {figures}"));
        report.add(group, &name, figures);
    }
    Ok(())
}

/// As years of use would leave the database.
fn fill(server: &Server, runs: u64) -> anyhow::Result<()> {
    let mut command = Command::new(super::parts::newest("fill")?);
    let own = || format!("sqlite:{}", server.data().join("factotum.db").display());
    let url = server.database().map_or_else(own, str::to_owned);
    command.args([&url, &runs.to_string(), "10000", "1000"]);
    let status = command.status().context("cannot run the bench `fill`")?;
    ensure!(status.success(), "the database could not be filled: {status}");
    Ok(())
}

/// Runs the load generator as its own process.
pub fn load(
    programs: &Programs,
    port: u16,
    path: &str,
    connections: u32,
    rate: u64,
    seconds: u64,
) -> anyhow::Result<Value> {
    let done = Command::new(&programs.generator)
        .args(["load", "--port", &port.to_string(), "--path", path])
        .args([
            "--connections",
            &connections.to_string(),
            "--seconds",
            &seconds.to_string(),
            "--rate",
            &rate.to_string(),
        ])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run the load generator")?;
    ensure!(done.status.success(), "the load generator failed: {}", done.status);
    let all: Value =
        serde_json::from_slice(&done.stdout).context("cannot read the load generator's figures")?;
    let keep = ["per_second", "p50_us", "p99_us", "requests", "errors", "late"];
    Ok(keep
        .into_iter()
        .map(|name| (name.to_owned(), all[name].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into())
}

/// Lets every accepted run end, so that one figure does not pay for the one before.
fn drain(api: &Api, interrupt: &Interrupt) -> anyhow::Result<()> {
    let empty = wait::poll(DRAIN, || {
        let open = ["queued", "running"].iter().any(|state| {
            let page = api.get(&format!("/api/v1/runs?state={state}&limit=1")).json();
            page["items"].as_array().is_none_or(|items| !items.is_empty())
        });
        (!open || interrupt.asked()).then_some(())
    });
    interrupt.check()?;
    ensure!(empty.is_some(), "the backlog did not drain within {DRAIN:?}");
    Ok(())
}

/// proc(5), `VmRSS`.
fn resident_mebibytes(server: &Server) -> anyhow::Result<f64> {
    let id = server.process_id().context("the server runs")?;
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS")).context("no VmRSS in /proc")?;
    let kibibytes: f64 = line.split_whitespace().nth(1).context("no figure in VmRSS")?.parse()?;
    Ok(kibibytes / 1024.0)
}
