//! The one-way rule: which of our crates may import which, and which foreign crates have one owner (ARCHITECTURE.md). What must
//! hold: a crate without a line here fails, so that nobody escapes the rule by making one.

use anyhow::Context as _;
use serde_json::Value;

/// What each folder's crate may import of ours; a folder that ends in `/` stands for every crate below it.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("runtime/model", &[]),
    ("runtime/storage", &["runtime/model"]),
    ("runtime/host", &["runtime/model"]),
    ("runtime/dispatch", &["runtime/model", "runtime/storage", "runtime/host"]),
    ("triggers/edi-codec", &[]),
    ("triggers/edi", &["runtime/model", "runtime/storage", "triggers/edi-codec"]),
    ("triggers/", &["runtime/model", "runtime/storage"]),
    ("server", &["runtime/model", "runtime/storage", "runtime/host", "runtime/dispatch", "triggers/"]),
    ("tests/guests/", &["plugins/sdk"]),
    ("tests", &["runtime/model"]),
    ("xtask", &["tests", "runtime/model"]),
    ("plugins/sdk", &[]),
    ("examples/", &["plugins/sdk"]),
];

/// What any crate's tests may import too: the harness, which links nothing of the product.
const HARNESS: &str = "tests";

/// Foreign crates that only one of ours may know; a name that ends in `*` is the start of a name.
const OWNERS: &[(&str, &str)] = &[
    ("sqlx", "runtime/storage"),
    ("wasmtime*", "runtime/host"),
    ("wasi-preview1-component-adapter-provider", "runtime/host"),
    ("axum*", "server"),
];

/// The findings in what `cargo metadata --no-deps` printed.
pub fn check(metadata: &Value) -> anyhow::Result<Vec<String>> {
    let root = metadata["workspace_root"].as_str().context("`cargo metadata` printed no `workspace_root`")?;
    let packages = metadata["packages"].as_array().context("`cargo metadata` printed no `packages`")?;
    let mut findings = Vec::new();
    for package in packages {
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        let folder = relative(root, manifest.trim_end_matches("/Cargo.toml"));
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(pattern, _)| covers(pattern, folder)) else {
            findings.push(format!(
                "{folder}: no rule says what it may import: add one to xtask/src/tidy/edges.rs"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let name = dependency["name"].as_str().unwrap_or_default();
            if let Some(path) = dependency["path"].as_str() {
                let to = relative(root, path);
                let for_tests = dependency["kind"] == "dev" && to == HARNESS;
                if to != folder && !for_tests && !allowed.iter().any(|pattern| covers(pattern, to)) {
                    findings.push(format!(
                        "{folder}/Cargo.toml: imports {to}, against the one-way rule; it may import: {}",
                        if allowed.is_empty() { "nothing of ours".to_owned() } else { allowed.join(", ") }
                    ));
                }
            } else if let Some((_, owner)) = OWNERS.iter().find(|(pattern, _)| names(pattern, name))
                && *owner != folder
            {
                findings.push(format!("{folder}/Cargo.toml: imports `{name}`, which only {owner} may know"));
            }
        }
    }
    Ok(findings)
}

fn relative<'a>(root: &str, path: &'a str) -> &'a str {
    path.strip_prefix(root).map_or(path, |rest| rest.trim_start_matches('/'))
}

fn covers(pattern: &str, folder: &str) -> bool {
    if pattern.ends_with('/') { folder.starts_with(pattern) } else { folder == pattern }
}

fn names(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(name == pattern, |start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn findings(folder: &str, dependencies: Value) -> Vec<String> {
        let package =
            json!({"manifest_path": format!("/w/{folder}/Cargo.toml"), "dependencies": dependencies});
        check(&json!({"workspace_root": "/w", "packages": [package]})).unwrap()
    }

    fn ours(folder: &str) -> Value {
        json!([{"name": "x", "path": format!("/w/{folder}")}])
    }

    #[test]
    fn the_edges_of_the_map_are_fine() {
        for (from, to) in [
            ("server", "triggers/webhook"),
            ("server", "runtime/dispatch"),
            ("runtime/dispatch", "runtime/host"),
            ("triggers/email", "runtime/storage"),
            ("tests/guests/echo", "plugins/sdk"),
        ] {
            assert_eq!(findings(from, ours(to)), Vec::<String>::new(), "{from} → {to}");
        }
    }

    #[test]
    fn an_edge_against_the_rule_is_found() {
        for (from, to) in [
            ("runtime/model", "runtime/storage"),
            ("runtime/storage", "runtime/host"),
            ("runtime/host", "runtime/storage"),
            ("runtime/host", "plugins/sdk"),
            ("runtime/dispatch", "triggers/webhook"),
            ("triggers/webhook", "runtime/dispatch"),
            ("triggers/webhook", "triggers/schedule"),
            ("triggers/webhook", "server"),
            ("tests", "server"),
        ] {
            assert_eq!(findings(from, ours(to)).len(), 1, "{from} → {to}");
        }
    }

    #[test]
    fn tests_may_import_the_harness_and_the_program_may_not() {
        let harness = |kind: Value| json!([{"name": "factotum-tests", "path": "/w/tests", "kind": kind}]);
        assert_eq!(findings("runtime/dispatch", harness("dev".into())), Vec::<String>::new());
        assert_eq!(findings("runtime/dispatch", harness(Value::Null)).len(), 1);
    }

    #[test]
    fn a_foreign_crate_with_an_owner_is_found_elsewhere() {
        let wasi = json!([{"name": "wasmtime-wasi", "path": null}]);
        assert_eq!(findings("runtime/host", wasi.clone()), Vec::<String>::new());
        assert_eq!(findings("runtime/dispatch", wasi).len(), 1);
        assert_eq!(findings("server", json!([{"name": "sqlx"}])).len(), 1);
        assert_eq!(
            findings("server", json!([{"name": "sqlx-like"}, {"name": "axum"}])),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_crate_without_a_rule_is_found() {
        assert_eq!(findings("runtime/shared", json!([])).len(), 1);
    }
}
