//! The figures of parts, without the server around them: each is a bench target of its crate, which prints a line of JSON for each figure
//! when it is asked with `--json`. What must hold: they are built as the server is, in release form.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::report::Report;
use crate::command::{say, target};

/// The bench targets that are run, with the folder of their crate.
pub const TARGETS: [(&str, &str); 3] =
    [("invoke", "runtime/host"), ("commit", "runtime/storage"), ("keys", "server")];

/// Runs them all. `postgres` is the URL of a server where databases may be made.
pub fn measure(report: &mut Report, postgres: Option<&str>) -> anyhow::Result<()> {
    for (name, folder) in TARGETS {
        let mut command = Command::new(newest(name)?);
        command.arg("--json").current_dir(crate::command::root().join(folder)).stderr(Stdio::inherit());
        command.env_remove("FACTOTUM_TEST_POSTGRES");
        if let Some(url) = postgres {
            command.env("FACTOTUM_TEST_POSTGRES", url);
        }
        let done = command.output().with_context(|| format!("cannot run the bench `{name}`"))?;
        ensure!(done.status.success(), "the bench `{name}` failed: {}", done.status);
        for line in String::from_utf8(done.stdout)?.lines() {
            let figure: Value =
                serde_json::from_str(line).with_context(|| format!("the bench `{name}` printed `{line}`"))?;
            say(line);
            report.add("part", figure["name"].as_str().unwrap_or(name), figure["figures"].clone());
        }
    }
    Ok(())
}

/// The newest build of a bench target: cargo names it with a hash.
pub fn newest(name: &str) -> anyhow::Result<PathBuf> {
    let folder = target().join("release").join("deps");
    let mut found: Option<(SystemTime, PathBuf)> = None;
    for entry in std::fs::read_dir(&folder)? {
        let (path, metadata) = {
            let entry = entry?;
            (entry.path(), entry.metadata()?)
        };
        if is_program(&path, name)
            && found.as_ref().is_none_or(|(at, _)| metadata.modified().is_ok_and(|m| m > *at))
        {
            found = Some((metadata.modified()?, path));
        }
    }
    let found = found.with_context(|| {
        format!("no bench `{name}` in {}: run `cargo xtask bench` without `--no-build`", folder.display())
    })?;
    Ok(found.1)
}

/// `NAME-0123456789abcdef`, without an ending.
fn is_program(path: &Path, name: &str) -> bool {
    let file = path.file_name().and_then(|f| f.to_str()).unwrap_or_default();
    let hash = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
    hash.is_some_and(|h| h.len() == 16 && h.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_told_from_what_lies_beside_it() {
        assert!(is_program(Path::new("deps/invoke-0123456789abcdef"), "invoke"));
        assert!(!is_program(Path::new("deps/invoke-0123456789abcdef.d"), "invoke"));
        assert!(!is_program(Path::new("deps/invoke_more-0123456789abcdef"), "invoke"));
    }
}
