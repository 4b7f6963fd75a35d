//! `cargo xtask bench edi`: how fast the EDI codec reads, checks and acknowledges, on one core, and how much memory a stream of a gigabyte takes, beside `edifact-rs`, pyx12
//! and pydifact in the same run. What must hold: all read the same files, made by the bench itself; time is that of the core, so that what else runs counts less.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::parts::newest;
use super::report::Report;
use crate::command::{Interrupt, cargo, root, say, target};
use crate::python;

/// How large the files are that every program reads, in megabytes: the slowest reads less than one in a second.
const SHARED_MEGABYTES: &str = "4";
/// How long the stream is, in megabytes.
const STREAM_MEGABYTES: &str = "1024";
/// Where the other programs are.
const PEERS: &str = "triggers/edi-codec/peers";

/// Builds, measures, and shows.
pub fn measure(build: bool, report: &mut Report, interrupt: &Interrupt) -> anyhow::Result<()> {
    let folder = target().join("edi-peers");
    if build {
        interrupt.run(cargo().args(["build", "--release", "-p", "factotum-edi-codec", "--bench", "edi"]))?;
        let manifest = root().join(PEERS).join("Cargo.toml");
        let mut peers = cargo();
        peers.args(["build", "--release", "--quiet", "--manifest-path"]).arg(manifest);
        interrupt.run(peers.arg("--target-dir").arg(&folder))?;
    }
    let python = python::environment(interrupt, "edi-python", &root().join(PEERS).join("requirements.txt"))?;
    let samples = tempfile::Builder::new().prefix("bench-edi-").tempdir_in(target())?;
    let own = newest("edi")?;
    interrupt
        .run(Command::new(&own).args(["--megabytes", SHARED_MEGABYTES, "--samples"]).arg(samples.path()))?;
    figures(Command::new(&own).arg("--json"), report)?;
    figures(Command::new(&own).args(["--stream", STREAM_MEGABYTES]), report)?;
    figures(Command::new(&own).args(["--stream", STREAM_MEGABYTES, "--edifact"]), report)?;
    interrupt.check()?;
    let peer = folder.join("release").join("factotum-edi-peers");
    figures(Command::new(peer).arg(samples.path().join("sample.edi")), report)?;
    let script: &Path = &root().join(PEERS).join("peers.py");
    let program = python.join("venv").join("bin").join("python");
    figures(Command::new(program).arg(script).arg(samples.path()), report)
}

fn figures(command: &mut Command, report: &mut Report) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot run {name}"))?;
    ensure!(done.status.success(), "{name} failed: {}", done.status);
    for line in String::from_utf8(done.stdout)?.lines() {
        let figure: Value = serde_json::from_str(line).with_context(|| format!("{name} printed `{line}`"))?;
        say(line);
        report.add("edi", figure["name"].as_str().unwrap_or(&name), figure["figures"].clone());
    }
    Ok(())
}
