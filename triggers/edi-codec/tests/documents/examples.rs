//! Our own samples, one of each set that ships, and their documents in docs/edi-documents.md. What must hold: a sample has no finding, and the guide shows
//! the document that is made of it. `UPDATE_DOCS=1` writes the guide anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use factotum_edi_codec::document;

use super::{cuts, read};

/// Where the examples begin in the guide.
const MARK: &str = "<!-- What follows is written by the test `documents`: UPDATE_DOCS=1 -->\n";
/// How long an object may be to stand on one line.
const WIDTH: usize = 120;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// JSON over several lines, its keys in their order.
fn laid_out(json: &str, indent: usize, into: &mut String) {
    let inner = &json[1..json.len() - 1];
    let is_object = json.starts_with('{');
    let flat = json.len() + indent <= WIDTH && !inner.contains("\"loop_") && !inner.contains("[{");
    if flat || !json.starts_with(['{', '[']) {
        into.push_str(&spaced(json));
        return;
    }
    into.push_str(&json[..1]);
    let mut rest = inner;
    let mut first = true;
    while !rest.is_empty() {
        rest = rest.trim_start_matches(',');
        into.push_str(if std::mem::replace(&mut first, false) { "\n" } else { ",\n" });
        into.push_str(&" ".repeat(indent + 2));
        if is_object {
            let end = value_end(rest);
            into.push_str(&rest[..end]);
            into.push_str(": ");
            rest = &rest[end + 1..];
        }
        let end = value_end(rest);
        laid_out(&rest[..end], indent + 2, into);
        rest = &rest[end..];
    }
    write!(into, "\n{}{}", " ".repeat(indent), &json[json.len() - 1..]).expect("memory");
}

/// Where the first value of some JSON ends.
fn value_end(json: &str) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 && !quoted && !escaped && matches!(byte, b'"' | b'}' | b']') {
            return at + 1;
        }
    }
    json.len()
}

/// A blank after each comma and colon.
fn spaced(json: &str) -> String {
    let (mut text, mut quoted) = (String::new(), false);
    for character in json.chars() {
        text.push(character);
        quoted ^= character == '"';
        if !quoted && matches!(character, ',' | ':') {
            text.push(' ');
        }
    }
    text
}

#[test]
fn the_guide_shows_the_documents_of_our_samples() {
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(folder()).expect("samples").map(|entry| entry.expect("an entry").path()).collect();
    names.sort();
    let (mut sets, mut shown) = (BTreeSet::new(), MARK.to_owned());
    for path in &names {
        let bytes = std::fs::read(path).expect("a sample");
        let name = path.file_name().expect("a name").to_string_lossy();
        let cuts = cuts(&bytes);
        assert_eq!(cuts.len(), 1, "{name}");
        let (document, findings) = read(&bytes, &cuts[0]);
        assert!(findings.is_empty(), "{name}: {findings:?}");
        let set = document.grammar().expect("a grammar").set.clone();
        assert!(name.starts_with(&set), "{name}");
        write!(
            shown,
            "\n## {set}\n\nOf [samples/{name}](../triggers/edi-codec/samples/{name}):\n\n```json\n"
        )
        .expect("memory");
        laid_out(&document.to_json(), 0, &mut shown);
        shown.push_str("\n```\n");
        sets.insert(set);
    }
    let all: BTreeSet<String> = document::grammars().map(|grammar| grammar.set.clone()).collect();
    assert_eq!(sets, all, "a set that ships without a sample");

    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/edi-documents.md");
    let text = std::fs::read_to_string(&guide).expect("the guide");
    let (before, now) = text.split_at(text.find(MARK).expect("the mark"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&guide, format!("{before}{shown}")).expect("to write the guide");
    } else {
        assert!(
            now == shown,
            "docs/edi-documents.md is not of these samples: write it anew with UPDATE_DOCS=1"
        );
    }
}
