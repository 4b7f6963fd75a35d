//! Documents made of sets, and sets of documents. What must hold: each set comes back from its document, segment by segment; a well-formed set of a
//! grammar that ships has no finding; each kind of finding has its code and its place.

mod corpus;
mod examples;
mod findings;
mod laws;

use std::ops::Range;

use factotum_edi_codec::document::{self, Charset, Document, Row};
use factotum_edi_codec::{Charset as Declared, Finding, Syntax, segments, segments_within};

/// A set cut out of a file by its first and last segment, whatever its envelope says.
struct Cut {
    bytes: Range<usize>,
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

/// The set's document and findings; the document was made into segments again, and they were compared.
fn read(bytes: &[u8], cut: &Cut) -> (Document<'static>, Vec<Finding>) {
    let text = &bytes[cut.bytes.clone()];
    let offset = cut.bytes.start as u64;
    let (document, findings) =
        document::read_set(text, &cut.syntax, offset, &cut.version, Declared::Ascii).expect("a document");
    let charset = Charset::of(text, Declared::Ascii);
    let sent = segments_within(text, &cut.syntax, offset).map(|segment| {
        let mut row = Row::default();
        row.read(&segment.expect("a segment"), charset);
        row
    });
    comes_back(&document, &sent.collect::<Vec<_>>());
    (document, findings)
}

/// Compares a document with the segments of which it was made.
fn comes_back(document: &Document<'_>, sent: &[Row]) {
    let json = document.to_json();
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    if json.len() < 100_000 {
        let text = document.to_text();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).ok().as_ref(), Some(&value), "{text}");
    }
    let mut back = Vec::new();
    document::rows(&value, document.grammar(), &mut |row| back.push(row.clone())).expect("rows");
    for (index, (sent, back)) in sent.iter().zip(&back).enumerate() {
        assert_eq!(sent, back, "segment {index} of {json}");
    }
    assert_eq!(sent.len(), back.len(), "{json}");
    assert_eq!(document.len(), sent.len());
}

/// A finding as the tests name it: `7 UNS, 0085 13`.
fn named(finding: &Finding) -> String {
    format!("{} {}, {}", finding.segment, finding.tag, finding.code)
}
