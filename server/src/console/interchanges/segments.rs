//! The segments of an interchange, for a page: each with its place, and whether something is wrong in it. What must hold: so many are shown, each of so many
//! characters, whatever came.

use factotum_edi_codec::segments;

use super::report::FindingView;
use crate::view::harmless;

/// How many segments are shown.
const MAX_SEGMENTS: usize = 400;
/// How many characters of one.
const MAX_CHARS: usize = 300;

/// A segment.
pub(super) struct SegmentView {
    pub(super) offset: u64,
    pub(super) text: String,
    /// What is wrong in it.
    pub(super) faults: Vec<String>,
}

/// The segments, and whether there are more.
pub(super) fn of(bytes: &[u8], findings: &[FindingView]) -> (Vec<SegmentView>, bool) {
    let mut shown = Vec::new();
    for segment in segments(bytes) {
        // What cannot be read on is said among the findings.
        let Ok(segment) = segment else { break };
        if shown.len() == MAX_SEGMENTS {
            return (shown, true);
        }
        let range = segment.range();
        let within = findings.iter().filter(|found| range.contains(&found.offset));
        let text: String = bytes_as_text(segment.text()).chars().take(MAX_CHARS).collect();
        shown.push(SegmentView {
            offset: range.start,
            text: harmless::shown(&text).into_owned(),
            faults: within.map(|found| format!("{}: {}", found.code, found.message)).collect(),
        });
    }
    (shown, false)
}

/// As UTF-8, or else byte by byte (ISO 8859-1).
fn bytes_as_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}
