//! `cargo xtask tidy`: the conventions of CONTRIBUTING.md as checks. What must hold: a rule that people are asked to keep is
//! either checked here or by a lint; each finding says where and what to do.

mod edges;
mod files;
mod migrations;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::command::{cargo, root, say};

/// Checks everything, shows every finding, and fails if there is one.
pub fn run() -> anyhow::Result<()> {
    let root = root();
    let tree = files::Tree::read(&root)?;
    let mut findings = edges::check(&metadata()?)?;
    findings.extend(files::check(&tree));
    findings.extend(migrations::check(&root)?);
    for warning in files::long(&tree) {
        say(&format!("warning: {warning}"));
    }
    for finding in &findings {
        say(&format!("error: {finding}"));
    }
    ensure!(findings.is_empty(), "{} of the tree's rules broken", findings.len());
    Ok(())
}

fn metadata() -> anyhow::Result<Value> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cannot run `cargo metadata`")?;
    ensure!(output.status.success(), "`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("cannot read what `cargo metadata` printed")
}
