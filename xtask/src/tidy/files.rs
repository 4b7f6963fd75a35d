//! The rules on files: length, opening line, name, and no path of somebody's machine. What must hold: only what git would keep
//! is read, as far as that can be told without git: nothing under `target` or a hidden folder but `.ci` and `.cargo`.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// Longer fails.
const MAX_LINES: usize = 600;
/// Longer is shown.
const LONG_LINES: usize = 400;
/// Words that say nothing about what a file is for, as whole words of its name.
const EMPTY_WORDS: &[&str] =
    &["manager", "managers", "helper", "helpers", "util", "utils", "common", "misc", "new"];
/// What a text file is, by its name's end.
const TEXTS: &[&str] = &[
    ".rs", ".toml", ".md", ".sql", ".wit", ".sh", ".json", ".yml", ".yaml", ".html", ".css", ".js", ".snap",
];
/// Hidden folders that are ours.
const OWN_HIDDEN: &[&str] = &[".ci", ".cargo", ".config"];

/// A file of the source tree.
#[derive(Debug)]
pub struct File {
    /// From the root, with `/`.
    pub path: String,
    /// Its text, or nothing for a file that is none.
    pub text: String,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Tree {
    files: Vec<File>,
}

impl Tree {
    /// Reads the tree under `root`.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let mut tree = Self::default();
        tree.walk(root, "")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    fn walk(&mut self, folder: &Path, from_root: &str) -> anyhow::Result<()> {
        for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if from_root.is_empty() { name.clone() } else { format!("{from_root}/{name}") };
            let kind = entry.file_type()?;
            if kind.is_dir() {
                let hidden = name.starts_with('.') && !OWN_HIDDEN.contains(&name.as_str());
                if !hidden && !matches!(name.as_str(), "target" | "data" | "node_modules") {
                    self.walk(&entry.path(), &path)?;
                }
            } else if kind.is_file() {
                let is_text = TEXTS.iter().any(|end| name.ends_with(end)) || path.starts_with(".ci/");
                let text = if is_text {
                    fs::read_to_string(entry.path()).with_context(|| format!("{path} is not UTF-8"))?
                } else {
                    String::new()
                };
                self.files.push(File { path, text });
            }
        }
        Ok(())
    }
}

/// What breaks a rule.
pub fn check(tree: &Tree) -> Vec<String> {
    tree.files.iter().flat_map(faults).collect()
}

/// What is longer than it should be and shorter than it must not be.
pub fn long(tree: &Tree) -> Vec<String> {
    let sources = tree.files.iter().filter(|file| is(&file.path, "rs"));
    sources
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| (LONG_LINES + 1..=MAX_LINES).contains(lines))
        .map(|(file, lines)| format!("{}: {lines} lines; over {LONG_LINES}, think of a split", file.path))
        .collect()
}

fn faults(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    let path = &file.path;
    if is(path, "rs") {
        let lines = file.text.lines().count();
        if lines > MAX_LINES {
            found.push(format!("{path}: {lines} lines, at most {MAX_LINES}: split it by noun or verb"));
        }
        if !file.text.starts_with("//!") {
            found.push(format!("{path}: does not open with `//!`: say what it is for and what must hold"));
        }
    }
    let words = path.split(['/', '_', '-', '.']);
    if let Some(word) = words.into_iter().find(|word| EMPTY_WORDS.contains(word))
        && ["rs", "toml", "sql"].iter().any(|kind| is(path, kind))
        // `factotum new` is a command of the product.
        && !(word == "new" && path.ends_with("/new.rs"))
    {
        found.push(format!("{path}: `{word}` says nothing: name it after what it does"));
    }
    for (number, line) in file.text.lines().enumerate() {
        if let Some(start) = machine_path(line) {
            found.push(format!(
                "{path}:{}: `{start}…` is a path of one machine: make it relative",
                number + 1
            ));
        }
    }
    found
}

fn is(path: &str, kind: &str) -> bool {
    Path::new(path).extension().is_some_and(|end| end == kind)
}

/// Folders that exist on a developer's machine only. In two parts, or this file would find itself.
fn machine_path(line: &str) -> Option<String> {
    [("/ho", "me/"), ("/Use", "rs/"), ("/wo", "rk/"), ("/ro", "ot/"), ("C:", "\\")]
        .into_iter()
        .map(|(a, b)| format!("{a}{b}"))
        .find(|start| {
            line.match_indices(start.as_str()).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                before.is_none_or(|c| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '=' | '(' | ':'))
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(path: &str, text: &str) -> usize {
        faults(&File { path: path.into(), text: text.into() }).len()
    }

    #[test]
    fn a_plain_file_is_fine() {
        assert_eq!(faults_of("server/src/api/runs/list.rs", "//! Lists runs.\n"), 0);
        assert_eq!(faults_of("docs/renewal.md", "see `../home/x`, https://example.org/home/, 12:/hooks"), 0);
        assert_eq!(faults_of("server/src/cli/new.rs", "//! `factotum new`.\n"), 0);
    }

    #[test]
    fn each_rule_finds_its_fault() {
        assert_eq!(faults_of("a/src/x.rs", "use std::fs;\n"), 1);
        assert_eq!(faults_of("a/src/x.rs", &"//! x\n".repeat(601)), 1);
        assert_eq!(faults_of("a/src/http_helper.rs", "//! x\n"), 1);
        assert_eq!(faults_of("a/src/utils/x.rs", "//! x\n"), 1);
        assert_eq!(faults_of("a/src/new_run.rs", "//! x\n"), 1);
        let home = ["/ho", "me/ada/key"].concat();
        assert_eq!(faults_of("docs/x.md", &format!("read `{home}`\nand {home}")), 2);
    }

    #[test]
    fn long_files_are_shown_before_they_fail() {
        let file = |lines| File { path: "x.rs".into(), text: "//! x\n".repeat(lines) };
        let tree = Tree { files: vec![file(400), file(401), file(600), file(601)] };
        assert_eq!(long(&tree).len(), 2);
        assert_eq!(check(&tree).len(), 1);
    }

    #[test]
    fn a_tree_leaves_out_what_is_built_or_hidden() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["src/a.rs", "target/b.rs", ".git/c.rs", ".ci/run", "web/node_modules/d.js"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "//! x\n").unwrap();
        }
        let tree = Tree::read(folder.path()).unwrap();
        let paths: Vec<_> = tree.files.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(paths, [".ci/run", "src/a.rs"]);
    }
}
