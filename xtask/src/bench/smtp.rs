//! `cargo xtask bench smtp`: how many messages the SMTP server takes, beside Postfix's `smtp-sink`, which stores nothing, in the same run on the same machine. What must hold:
//! every message is committed with its event before it is answered; the load is Postfix's `smtp-source`, 16 sessions, 5 KiB; each round measures both, one after the other.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use factotum_tests::{Api, Server, Settings, Smtp, postgres, wait};
use serde_json::json;

use super::Programs;
use super::report::Report;
use crate::command::{Interrupt, say, target};

/// The load generator and the sink.
const SOURCE: &str = "/usr/sbin/smtp-source";
const SINK: &str = "/usr/sbin/smtp-sink";
/// How many rounds; the median counts.
const ROUNDS: usize = 3;
/// Sessions at a time, and the size of a message in bytes.
const SESSIONS: &str = "16";
const MESSAGE_BYTES: &str = "5120";
/// How long counts may take to be written down.
const COUNTED: Duration = Duration::from_mins(5);

/// What is sent in a round: a name, how many messages, and whether a session sends more than one.
const LOADS: [(&str, u64, bool); 2] =
    [("reused connections", 20_000, true), ("a connection each", 5_000, false)];

/// The sink, while it runs.
struct Sink(Child);

impl Drop for Sink {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures both, and says what the one is of the other.
pub fn measure(programs: &Programs, report: &mut Report, interrupt: &Interrupt) -> anyhow::Result<()> {
    // On the disk of the target folder: the system's temporary folder may be in memory, where syncing is free.
    let folder = tempfile::Builder::new().prefix("bench-smtp-").tempdir_in(target())?;
    let settings = Settings {
        program: Some(programs.server.clone()),
        data: Some(folder.path().join("data")),
        ..Settings::default()
    };
    let server = Server::launch(settings.with_smtp()?)?;
    let api = server.api();
    api.deploy("hello", &[]);
    let trigger = api.trigger("hello", "email", &json!({"name": "bench", "authentication": "ignore"}));
    let (id, address) = (&trigger["id"], trigger["address"].as_str().context("an address")?);
    let id = id.as_str().context("an id")?;
    let sink_port = postgres::free_port()?;
    let mut sink = Command::new(SINK);
    sink.args(["-u", "nobody", "-c", &format!("127.0.0.1:{sink_port}"), "1000"]);
    let _sink =
        Sink(sink.stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("cannot run smtp-sink")?);
    wait::poll(COUNTED, || Smtp::open(sink_port).ok()).context("smtp-sink does not listen")?;
    let mut taken = 0;
    for runs_beside in [false, true] {
        // A paused workflow's runs are committed as well, and wait.
        api.patch("/api/v1/workflows/hello", &json!({"paused": !runs_beside})).expect(200);
        for (name, count, reused) in LOADS {
            let (mut own, mut others) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                interrupt.check()?;
                others.push(send(sink_port, "sink@example.com", count, reused)?);
                own.push(send(server.smtp_port(), address, count, reused)?);
                taken += count;
                if runs_beside {
                    drained(api)?;
                }
            }
            let (own, sink) = (median(&mut own), median(&mut others));
            let beside = if runs_beside { ", their runs beside" } else { "" };
            let figures = json!({"per_second": own, "sink_per_second": sink, "share": own / sink});
            say(&format!("smtp: {name}{beside}: {figures}"));
            report.add("smtp", &format!("{name}{beside}"), figures);
        }
    }
    let counted = wait::poll(COUNTED, || {
        let counts = api.get(&format!("/api/v1/triggers/{id}")).json()["counts"].clone();
        (counts["accepted"].as_u64() == Some(taken)).then_some(counts)
    });
    ensure!(counted.is_some(), "not every message that was answered with 250 became an event");
    Ok(())
}

/// Messages per second of one load.
fn send(port: u16, to: &str, count: u64, reused: bool) -> anyhow::Result<f64> {
    let mut source = Command::new(SOURCE);
    source.args(["-s", SESSIONS, "-l", MESSAGE_BYTES, "-m", &count.to_string()]);
    source.args(["-f", "bench@example.com", "-t", to]);
    if reused {
        source.arg("-d");
    }
    let begun = Instant::now();
    let done = source
        .arg(format!("127.0.0.1:{port}"))
        .output()
        .context("cannot run smtp-source: install Postfix by `cargo xtask mail`")?;
    let took = begun.elapsed();
    ensure!(done.status.success(), "smtp-source: {}", String::from_utf8_lossy(&done.stderr));
    Ok(count as f64 / took.as_secs_f64())
}

/// Lets every run end, so that one figure does not pay for the one before.
fn drained(api: &Api) -> anyhow::Result<()> {
    let empty = wait::poll(COUNTED * 4, || {
        let open = ["queued", "running"].iter().any(|state| {
            let page = api.get(&format!("/api/v1/runs?state={state}&limit=1")).json();
            page["items"].as_array().is_none_or(|items| !items.is_empty())
        });
        (!open).then_some(())
    });
    empty.context("the runs did not end")
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
