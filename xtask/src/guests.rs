//! `cargo xtask guests`: builds every guest (`examples/*`, `tests/guests/*`) into `target/guests/<folder>.wasm`. What must
//! hold: one cargo invocation per wasm target, a file that did not change is not written again, and a guest says in its
//! own manifest if it is not for `wasm32-wasip2` (`[package.metadata.guest] target`).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

/// What a guest is built for unless its manifest says otherwise.
const DEFAULT_TARGET: &str = "wasm32-wasip2";
/// The profile in the workspace's `Cargo.toml`.
const PROFILE: &str = "guest";
/// The folders that hold guests, from the workspace's root.
const FOLDERS: [&str; 2] = ["examples", "tests/guests"];

/// What to build.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Only these guests, by the names of their folders
    pub names: Vec<String>,
    /// Print nothing but what cargo has to say
    #[arg(long)]
    pub quiet: bool,
}

/// One guest of the workspace.
#[derive(Debug, PartialEq, Eq)]
struct Guest {
    /// Its folder's name, and that of the file made.
    name: String,
    package: String,
    target: String,
    /// What cargo calls the file, without folder.
    artifact: String,
}

/// Builds the guests and gives the files made, in the order of their names.
pub fn build(options: &Options) -> anyhow::Result<Vec<PathBuf>> {
    let metadata = metadata()?;
    let root = folder(&metadata, "workspace_root")?;
    let target = folder(&metadata, "target_directory")?;
    let guests = select(guests(&metadata, &root)?, &options.names)?;

    let mut by_target = BTreeMap::<&str, Vec<&Guest>>::new();
    for guest in &guests {
        by_target.entry(&guest.target).or_default().push(guest);
    }
    for (triple, guests) in by_target {
        compile(&root, triple, &guests)?;
    }

    let into = target.join("guests");
    fs::create_dir_all(&into).with_context(|| format!("cannot make the folder {}", into.display()))?;
    let mut files = Vec::new();
    for guest in &guests {
        let made = target.join(&guest.target).join(PROFILE).join(&guest.artifact);
        let file = into.join(&guest.name).with_extension("wasm");
        let size = copy_if_changed(&made, &file)?;
        if !options.quiet {
            say(&format!("{:<16} {size:>9} bytes  {}", guest.name, guest.target));
        }
        files.push(file);
    }
    Ok(files)
}

#[expect(clippy::print_stdout, reason = "a command's answer")]
fn say(line: &str) {
    println!("{line}");
}

fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn metadata() -> anyhow::Result<Value> {
    let output = Command::new(cargo())
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .context("cannot start cargo")?;
    ensure!(output.status.success(), "`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("cannot read what `cargo metadata` printed")
}

fn folder(metadata: &Value, key: &str) -> anyhow::Result<PathBuf> {
    let path = metadata[key].as_str().with_context(|| format!("`cargo metadata` printed no `{key}`"))?;
    Ok(path.into())
}

/// The guests among the workspace's packages: those whose folder lies in one of [`FOLDERS`].
fn guests(metadata: &Value, root: &Path) -> anyhow::Result<Vec<Guest>> {
    let packages = metadata["packages"].as_array().context("`cargo metadata` printed no `packages`")?;
    let mut guests = Vec::new();
    for package in packages {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        let Some(folder) = manifest.parent() else { continue };
        if !FOLDERS.iter().any(|f| folder.parent() == Some(&root.join(f))) {
            continue;
        }
        let name = folder.file_name().and_then(|n| n.to_str());
        let package_name = package["name"].as_str();
        let (Some(name), Some(package_name)) = (name, package_name) else {
            bail!("{}: the folder's or the package's name is not text", manifest.display());
        };
        guests.push(Guest {
            name: name.to_owned(),
            package: package_name.to_owned(),
            target: package["metadata"]["guest"]["target"].as_str().unwrap_or(DEFAULT_TARGET).to_owned(),
            artifact: artifact(package).with_context(|| {
                format!("{}: a guest needs a `cdylib` library or a program", manifest.display())
            })?,
        });
    }
    guests.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(twice) = guests.windows(2).find(|pair| pair[0].name == pair[1].name) {
        bail!("two guests are called `{}`: rename the folder of one", twice[0].name);
    }
    Ok(guests)
}

/// The file that cargo makes of a package: `a_b.wasm` of a library, `a-b.wasm` of a program.
fn artifact(package: &Value) -> Option<String> {
    package["targets"].as_array()?.iter().find_map(|target| {
        let kinds = target["kind"].as_array()?;
        let name = target["name"].as_str()?;
        if kinds.iter().any(|k| k == "cdylib") {
            Some(format!("{}.wasm", name.replace('-', "_")))
        } else if kinds.iter().any(|k| k == "bin") {
            Some(format!("{name}.wasm"))
        } else {
            None
        }
    })
}

fn select(guests: Vec<Guest>, names: &[String]) -> anyhow::Result<Vec<Guest>> {
    if let Some(unknown) = names.iter().find(|name| !guests.iter().any(|g| g.name == **name)) {
        let known: Vec<_> = guests.iter().map(|g| g.name.as_str()).collect();
        bail!("there is no guest `{unknown}`; there are: {}", known.join(", "));
    }
    Ok(guests.into_iter().filter(|g| names.is_empty() || names.contains(&g.name)).collect())
}

fn compile(root: &Path, triple: &str, guests: &[&Guest]) -> anyhow::Result<()> {
    let mut command = Command::new(cargo());
    command.current_dir(root).args(["build", "--quiet", "--profile", PROFILE, "--target", triple]);
    for guest in guests {
        command.args(["--package", &guest.package]);
    }
    let status = command.status().context("cannot start cargo")?;
    ensure!(
        status.success(),
        "building the guests for {triple} failed; if the target is missing: `rustup target add {triple}`"
    );
    Ok(())
}

/// Copies unless the content is the same, so that whoever watches the file sees no change; gives its size in bytes.
fn copy_if_changed(from: &Path, to: &Path) -> anyhow::Result<usize> {
    let made = fs::read(from).with_context(|| format!("cargo did not make {}", from.display()))?;
    if fs::read(to).ok().as_deref() != Some(&made) {
        // Whole or not at all: a test running at the same time reads the old file or the new one.
        let part = to.with_extension("wasm.part");
        fs::write(&part, &made).with_context(|| format!("cannot write {}", part.display()))?;
        fs::rename(&part, to).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(made.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(folder: &str, name: &str, kind: &str, metadata: Value) -> Value {
        json!({
            "name": name, "manifest_path": format!("/w/{folder}/Cargo.toml"), "metadata": metadata,
            "targets": [{"name": "build", "kind": ["custom-build"]}, {"name": name, "kind": [kind]}],
        })
    }

    #[test]
    fn guests_are_found_by_their_folders() {
        let metadata = json!({"packages": [
            package("tests/guests/echo", "guest-echo", "cdylib", Value::Null),
            package("examples/count", "count", "bin", json!({"guest": {"target": "wasm32-wasip1"}})),
            package("server", "server", "bin", Value::Null),
            package("tests", "tests", "lib", Value::Null),
        ]});
        let found = guests(&metadata, Path::new("/w")).expect("all are fit");
        let names: Vec<_> =
            found.iter().map(|g| (g.name.as_str(), g.target.as_str(), g.artifact.as_str())).collect();
        assert_eq!(
            names,
            [("count", "wasm32-wasip1", "count.wasm"), ("echo", "wasm32-wasip2", "guest_echo.wasm")]
        );
        assert!(select(found, &["ehco".to_owned()]).is_err_and(|e| e.to_string().contains("count, echo")));
    }

    #[test]
    fn a_guest_that_makes_no_component_is_refused() {
        let metadata = json!({"packages": [package("examples/plain", "plain", "lib", Value::Null)]});
        assert!(guests(&metadata, Path::new("/w")).is_err());
    }
}
