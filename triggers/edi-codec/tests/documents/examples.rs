//! Our own samples, one of each set that ships, and their documents in docs/edi-documents.md. What must hold: a sample has no finding, and the guide shows
//! the document that is made of it. `UPDATE_DOCS=1` writes the guide anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use factotum_edi_codec::document;

use super::{cuts, read};

/// Where the examples begin in the guide.
const MARK: &str = "<!-- What follows is written by the test `documents`: UPDATE_DOCS=1 -->\n";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
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
        write!(shown, "{}\n```\n", document.to_text()).expect("memory");
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
