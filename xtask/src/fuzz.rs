//! `cargo xtask soak fuzz`: every target of `fuzz/` for a while. What must hold: the stable compiler will do; what was once found runs first; a finding fails the
//! command, and stays as a file.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::command::{Interrupt, cargo, root, say, step, target};

/// For how long each target runs in CI, in seconds.
pub const CI_SECONDS: u64 = 5;
/// How much memory a target may take, in mebibytes: an input that makes more of itself is a finding.
const MEMORY_MIB: u32 = 1_024;
/// How long one input may take, in seconds: one that takes more is a finding.
const INPUT_SECONDS: u32 = 5;
/// LLVM's coverage counters, as libFuzzer reads them: what cargo-fuzz passes, but for the sanitizer, which only the nightly compiler has.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";

/// Builds all targets and runs each, or the one that is named, for so many seconds.
pub fn run(only: Option<&str>, seconds: u64, interrupt: &Interrupt) -> anyhow::Result<()> {
    let names: Vec<String> =
        names()?.into_iter().filter(|name| only.is_none_or(|only| only == name)).collect();
    ensure!(!names.is_empty(), "there is no target `{}` in fuzz/fuzz_targets", only.unwrap_or_default());
    let built = step("fuzz targets", || build(interrupt))?;
    for name in names {
        step(&format!("fuzz {name}"), || fuzz(&built, &name, seconds, interrupt))?;
    }
    Ok(())
}

fn names() -> anyhow::Result<Vec<String>> {
    let folder = root().join("fuzz").join("fuzz_targets");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// Gives the folder of the programs.
fn build(interrupt: &Interrupt) -> anyhow::Result<PathBuf> {
    let triple = host()?;
    let into = target().join("fuzz");
    let mut command = cargo();
    // With a target named, what runs while it builds is not instrumented.
    command.args(["build", "--quiet", "--bins", "--manifest-path", "fuzz/Cargo.toml", "--target", &triple]);
    interrupt.run(command.arg("--target-dir").arg(&into).env("RUSTFLAGS", COVERAGE))?;
    Ok(into.join(triple).join("debug"))
}

fn host() -> anyhow::Result<String> {
    let told = Command::new("rustc").args(["--version", "--verbose"]).current_dir(root()).output()?;
    let told = String::from_utf8(told.stdout)?;
    let line = told.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(ToOwned::to_owned).context("rustc does not say what it runs on")
}

fn fuzz(built: &Path, name: &str, seconds: u64, interrupt: &Interrupt) -> anyhow::Result<()> {
    let learned = target().join("fuzz").join("corpus").join(name);
    let found = target().join("fuzz").join("artifacts").join(name);
    for folder in [&learned, &found] {
        std::fs::create_dir_all(folder)?;
    }
    let own = |folder: &str| root().join("fuzz").join(folder).join(name);
    let given = [own("regressions"), own("seeds")].into_iter().filter(|folder| folder.is_dir());
    let mut command = Command::new(built.join(name));
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
        .arg(format!("-timeout={INPUT_SECONDS}"))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .args(["-print_final_stats=1", "-verbosity=0"])
        .arg(&learned)
        .args(given);
    interrupt.run(&mut command).with_context(|| {
        format!(
            "`{name}` has found something: the input is in {}; once it is mended, keep it in fuzz/regressions/{name}",
            found.display()
        )
    })?;
    say(&format!("{name}: nothing found in {seconds} s"));
    Ok(())
}
