//! The sample files of other projects, each with its verdict. What must hold: every file that is EDI is written back byte for byte; docs/edi-corpora.md
//! lists each file with what is wrong in it and where; whatever is acknowledged, the acknowledgement itself is without fault.

#![expect(clippy::print_stderr, reason = "a skipped corpus must be seen")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use factotum_edi_codec::{
    Interchange, Kind, Numbers, ReadError, Request, Severity, Stamp, Syntax, Writer, acknowledge, document,
    read, read_all, segments,
};

/// What is no EDI, or not enough of it to know its delimiters; all other files are read to their end.
const UNREADABLE: [&str; 3] = [
    "TRADACOMS__order-wrong-segment-tag-delimiter.edi",
    "x12__sample837-HL-nested-expected.txt",
    "x12_no_isa_line.txt",
];
/// How many findings of a file the table shows.
const SHOWN: usize = 4;

fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    let folder = std::env::var_os("FACTOTUM_CORPORA").map_or_else(beside, PathBuf::from).join("edi");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: the corpus ../shared/corpora/edi is not here");
    None
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for project in std::fs::read_dir(folder).expect("a folder") {
        let project = project.expect("an entry").path();
        for file in std::fs::read_dir(&project).expect("a folder") {
            let path = file.expect("an entry").path();
            let name = path.strip_prefix(folder).expect("below it").to_string_lossy().into_owned();
            if !name.contains("_LICENSE") {
                found.push((name, std::fs::read(&path).expect("readable")));
            }
        }
    }
    found.sort();
    found
}

/// Reads a file as far as it can be read, with what its grammars find.
fn checked(bytes: &[u8]) -> (Vec<Interchange>, Option<ReadError>) {
    let (mut interchanges, error) = read_all(bytes);
    for interchange in &mut interchanges {
        document::check(interchange, bytes);
    }
    (interchanges, error)
}

#[test]
fn every_file_is_written_back_byte_for_byte() {
    let Some(folder) = corpus() else { return };
    let files = files(&folder);
    assert_eq!(files.len(), 182);
    for (name, bytes) in files {
        let mut writer = Writer::new(Vec::new(), Syntax::X12);
        let mut read = || {
            segments(&bytes)
                .try_for_each(|segment| segment.map(|segment| writer.copy(&segment).expect("a Vec")))
        };
        if UNREADABLE.iter().any(|end| name.ends_with(end)) {
            assert!(read().is_err(), "{name}");
        } else {
            read().unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(writer.into_inner() == bytes, "{name} is not as it was");
        }
    }
}

#[test]
fn every_acknowledgement_is_without_fault() {
    let Some(folder) = corpus() else { return };
    let mut made = 0;
    for (name, bytes) in files(&folder) {
        for interchange in checked(&bytes).0 {
            let kinds =
                [Kind::Ta1, Kind::Functional, Kind::Functional997, Kind::Implementation999, Kind::Contrl];
            for kind in kinds {
                let now = Stamp::from_unix(1_780_000_000);
                let request = Request { kind, numbers: Numbers { interchange: 1, group: 1, set: 1 }, now };
                let Some(bytes) =
                    acknowledge(&interchange, &request).unwrap_or_else(|e| panic!("{name}: {e}"))
                else {
                    continue;
                };
                made += 1;
                let text = String::from_utf8_lossy(&bytes);
                let mut back = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}: {text}"));
                assert_eq!(back.len(), 1, "{name}: {text}");
                document::check(&mut back[0], &bytes);
                // Ids are sent back as they came: what is against the standard in them stays so.
                let own =
                    |finding: &&factotum_edi_codec::Finding| !matches!(finding.tag.as_str(), "ISA" | "UNB");
                let wrong: Vec<String> =
                    back[0].all_findings().filter(own).map(ToString::to_string).collect();
                assert_eq!(wrong, Vec::<String>::new(), "{name}: {text}");
                assert_eq!(
                    acknowledge(&back[0], &request).expect("nothing to compose"),
                    None,
                    "{name}: {text}"
                );
            }
        }
    }
    assert!(made > 300, "{made}");
}

#[test]
fn the_table_of_verdicts_is_as_published() {
    let Some(folder) = corpus() else { return };
    let table = table(&files(&folder));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/edi-corpora.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, table).expect("docs/ can be written");
        return;
    }
    let published = std::fs::read_to_string(&file).unwrap_or_default();
    let first = table.lines().zip(published.lines()).find(|(now, then)| now != then);
    assert!(
        table == published,
        "docs/edi-corpora.md is not what is found, UPDATE_DOCS=1 writes it anew: {first:?}"
    );
}

fn table(files: &[(String, Vec<u8>)]) -> String {
    let mut rows = String::new();
    let (mut clean, mut faulty, mut unreadable) = (0, 0, 0);
    for (name, bytes) in files {
        let (interchanges, error) = checked(bytes);
        let findings: Vec<_> = interchanges.iter().flat_map(Interchange::all_findings).collect();
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        let sets: u64 = interchanges.iter().flat_map(|i| &i.groups).map(|group| group.received).sum();
        let verdict = match (&error, errors) {
            (Some(error), _) => {
                unreadable += 1;
                format!("cannot be read: {error}")
            }
            (None, 0) => {
                clean += 1;
                "without fault".to_owned()
            }
            (None, count) => {
                faulty += 1;
                format!("{count} found")
            }
        };
        let standard = interchanges.first().map_or("none".to_owned(), |i| i.standard().to_string());
        let (project, file) = name.split_once('/').unwrap_or(("", name));
        let mut cell = verdict;
        let mut shown: Vec<_> =
            findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
        shown.sort_by_key(|finding| finding.offset);
        for finding in shown.iter().take(SHOWN) {
            let _ = write!(cell, "<br>{finding}");
        }
        if shown.len() > SHOWN {
            let _ = write!(cell, "<br>and {} more", shown.len() - SHOWN);
        }
        let file = file.rsplit("__").next().unwrap_or(file);
        let cell = cell.replace('|', "\\|").replace('\n', " ");
        let _ =
            writeln!(rows, "| {project} | {file} | {standard} | {} | {sets} | {cell} |", interchanges.len());
    }
    format!(
        "# The sample files of other projects, and what we find in them\n\n\
        Made by `UPDATE_DOCS=1 cargo test -p factotum-edi-codec --test corpora`, which fails where this table is not what is found. {} files: {clean} without fault, {faulty} with, \
        {unreadable} that cannot be read. Every file but those {unreadable} is written back byte for byte, with fault or without.\n\n\
        Many of these files were made to test parsers, not partners, and were never counted: where a trailer says 25 segments and there are 34, that is \
        what an acknowledgement says, though the project that the file comes from takes it for valid. A fault is told with its byte, its segment \
        (counted within its transaction set or message), element and component, and the code of its acknowledgement: TA105, AK905, AK502, AK304 and AK403 \
        for X12, 0085 for EDIFACT; TRADACOMS has none. Files of edifact-rs that begin with `UNH` are messages without an interchange: UNB and UNZ are \
        missing, and nothing can be sent back to nobody.\n\n\
        | project | file | standard | interchanges | sets | verdict |\n|---|---|---|---|---|---|\n{rows}",
        files.len()
    )
}
