//! What came in, for a page: headers, a tree of the JSON, the raw bytes. What must hold: a payload of any size and kind makes a page of bounded size;
//! bytes that are no text are shown as numbers; what is left out is said.

use std::fmt::Write as _;

use factotum_model::edi::Edi;
use factotum_model::{Event, EventInput, TriggerId};
use serde_json::Value;

use super::mail::Mail;
use super::row::{bytes, cut};
use super::tree::{Bounds, Part, tree};
use crate::view::harmless;

/// Larger payloads are not read as JSON: the page would wait for it.
const MAX_PARSED_BYTES: usize = 1 << 20;
/// How many bytes that are no text are shown.
const MAX_DUMPED_BYTES: usize = 256;
/// How many bytes stand in a line of those.
const DUMPED_PER_LINE: usize = 16;

/// How much of a payload is shown.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Of the tree.
    pub tree: Bounds,
    /// How many headers.
    pub headers: usize,
    /// How much of a header's value, in characters.
    pub header_chars: usize,
    /// How much of the raw text, in characters.
    pub raw_chars: usize,
}

/// On the run's page, among other things.
pub const SOME: Extent =
    Extent { tree: Bounds { nodes: 120, chars: 200 }, headers: 40, header_chars: 200, raw_chars: 1_500 };
/// On a page of its own.
pub const MORE: Extent = Extent {
    tree: Bounds { nodes: 1_500, chars: 4_000 },
    headers: 400,
    header_chars: 4_000,
    raw_chars: 40_000,
};

/// What came in.
#[derive(Debug)]
pub struct Shown {
    /// The event's id.
    pub id: String,
    /// webhook, schedule, email or call.
    pub kind: &'static str,
    /// When it was accepted.
    pub received_at: factotum_model::Timestamp,
    /// The trigger that took it.
    pub trigger: Option<String>,
    /// `POST /path?query`, for a webhook; when it was due, for a schedule.
    pub line: String,
    /// The mail, if it is one.
    pub mail: Option<Mail>,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// How many headers are left out.
    pub more_headers: usize,
    /// How large it is, for people.
    pub size: String,
    /// Whether there are any bytes.
    pub is_empty: bool,
    /// The JSON, if it is that.
    pub tree: Vec<Part>,
    /// Why there is no tree, where one might be expected.
    pub no_tree: &'static str,
    /// The bytes as text, or as numbers.
    pub raw: String,
    /// What is to be said of `raw`.
    pub raw_note: String,
    /// Whether anything is left out.
    pub cut: bool,
}

/// What came in, to this extent.
pub fn shown(event: &Event, trigger: Option<TriggerId>, extent: Extent) -> Shown {
    let payload = event.payload.as_slice();
    let (tree, no_tree) = match &event.input {
        EventInput::Edi(edi) => (tree(&edi.document, extent.tree), ""),
        _ => json(payload, extent.tree),
    };
    let (raw, raw_note, raw_cut) = raw(payload, extent.raw_chars);
    let (line, headers, more_headers) = match &event.input {
        EventInput::Webhook { method, path, query, headers } => {
            let joint = if query.is_empty() { "" } else { "?" };
            let all: Vec<_> =
                headers.iter().flat_map(|(name, values)| values.iter().map(move |v| (name, v))).collect();
            let some = all.iter().take(extent.headers);
            let some = some.map(|(name, value)| (cut(name, 100), cut(value, extent.header_chars))).collect();
            let line = cut(&format!("{method} {path}{joint}{query}"), extent.header_chars);
            (line, some, all.len().saturating_sub(extent.headers))
        }
        EventInput::Schedule { nominal_time, .. } => (nominal_time.to_string(), Vec::new(), 0),
        EventInput::Email(email) => {
            let some = email.headers.iter().take(extent.headers);
            let some = some.map(|(name, value)| (cut(name, 100), cut(value, extent.header_chars)));
            (String::new(), some.collect(), email.headers.len().saturating_sub(extent.headers))
        }
        EventInput::Edi(edi) => (edi_line(edi), Vec::new(), 0),
        EventInput::Call => (String::new(), Vec::new(), 0),
    };
    let mail = match &event.input {
        EventInput::Email(email) => Some(Mail::of(event.id.to_string(), email, extent.raw_chars)),
        EventInput::Webhook { .. } | EventInput::Schedule { .. } | EventInput::Edi(_) | EventInput::Call => {
            None
        }
    };
    let cut_mail = mail.as_ref().is_some_and(|mail| mail.is_cut || mail.more_attachments > 0);
    let cut_tree = tree.iter().any(|part| matches!(part, Part::More(_)));
    Shown {
        id: event.id.to_string(),
        kind: event.input.kind(),
        received_at: event.received_at,
        trigger: trigger.map(|id| id.to_string()),
        line,
        mail,
        headers,
        more_headers,
        size: bytes(payload.len() as u64),
        is_empty: payload.is_empty(),
        cut: cut_tree || cut_mail || raw_cut || more_headers > 0 || !no_tree.is_empty(),
        tree,
        no_tree,
        raw,
        raw_note,
    }
}

/// What came in by EDI, in a line.
fn edi_line(edi: &Edi) -> String {
    let control = edi.envelope["interchange"]["control"].as_str().unwrap_or_default();
    let what = edi.set.as_deref().unwrap_or("interchange");
    cut(&format!("{} {what} from {}, control number {control}", edi.standard.label(), edi.partner), 300)
}

/// The tree of a payload; or none, and why.
pub fn json(payload: &[u8], bounds: Bounds) -> (Vec<Part>, &'static str) {
    if payload.is_empty() {
        return (Vec::new(), "");
    }
    if payload.len() > MAX_PARSED_BYTES {
        return (Vec::new(), "It is too large to be shown as a tree.");
    }
    match serde_json::from_slice::<Value>(payload) {
        Ok(value) => (tree(&value, bounds), ""),
        Err(error) if error.to_string().contains("recursion limit") => {
            (Vec::new(), "It is nested too deep to be shown as a tree.")
        }
        Err(_) => (Vec::new(), ""),
    }
}

/// The bytes as text with its lines, or as numbers; what to say of it; whether something is left out.
fn raw(payload: &[u8], most: usize) -> (String, String, bool) {
    // A character has four bytes at the most: enough of them to fill the page, and not megabytes.
    let begin = payload.get(..payload.len().min(most * 4)).unwrap_or_default();
    let text = match std::str::from_utf8(begin) {
        Ok(text) => Some(text),
        // The cut may go through a character.
        Err(e) if e.error_len().is_none() && begin.len() < payload.len() => {
            std::str::from_utf8(begin.get(..e.valid_up_to()).unwrap_or_default()).ok()
        }
        Err(_) => None,
    };
    let Some(text) = text else {
        let cut = payload.len() > MAX_DUMPED_BYTES;
        let left = if cut { format!(" The first {MAX_DUMPED_BYTES} are shown.") } else { String::new() };
        return (dump(payload), format!("These bytes are no UTF-8 text.{left}"), cut);
    };
    let end = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
    let cut = end < payload.len();
    let note = if cut {
        format!("This is the beginning of {}.", bytes(payload.len() as u64))
    } else {
        String::new()
    };
    let lines: Vec<_> = text.get(..end).unwrap_or_default().split('\n').map(harmless::shown).collect();
    (lines.join("\n"), note, cut)
}

/// Place, numbers, and what of it is ASCII: `00000000  ff d8 …  |..|`.
fn dump(payload: &[u8]) -> String {
    let mut text = String::new();
    let some = payload.get(..payload.len().min(MAX_DUMPED_BYTES)).unwrap_or_default();
    for (n, line) in some.chunks(DUMPED_PER_LINE).enumerate() {
        // Writing to a string does not fail.
        let _ = write!(text, "{:08x} ", n * DUMPED_PER_LINE);
        for byte in line {
            let _ = write!(text, " {byte:02x}");
        }
        let gap = 3 * (DUMPED_PER_LINE - line.len()) + 2;
        let ascii = line.iter().map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '.' });
        let _ = writeln!(text, "{:gap$}|{}|", "", ascii.collect::<String>());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_numbers() {
        let (text, note, cut) = raw(&[0xff, 0xfe, b'a'], 100);
        assert_eq!(text, format!("00000000  ff fe 61{}|..a|\n", " ".repeat(3 * 13 + 2)));
        assert_eq!((note.as_str(), cut), ("These bytes are no UTF-8 text.", false));
    }

    #[test]
    fn a_text_keeps_its_lines_and_shows_what_is_odd() {
        assert_eq!(raw("a\r\nb\u{1b}[2J".as_bytes(), 100).0, "a\\r\nb\\u{1b}[2J");
        let long = "é".repeat(5 << 20);
        let (text, note, cut) = raw(long.as_bytes(), 10);
        assert_eq!(
            (text.as_str(), note.as_str(), cut),
            ("éééééééééé", "This is the beginning of 10.0 MiB.", true)
        );
        // Cut within a character.
        let (text, ..) = raw(format!("a{}", "\u{10ffff}".repeat(50)).as_bytes(), 10);
        assert_eq!(text.chars().filter(|c| *c == 'a').count(), 1);
    }

    #[test]
    fn json_that_is_too_deep_or_too_large_has_no_tree() {
        let bounds = Bounds { nodes: 10, chars: 10 };
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(json(deep.as_bytes(), bounds).1.contains("too deep"));
        assert!(json(format!("\"{}\"", "x".repeat(5 << 20)).as_bytes(), bounds).1.contains("too large"));
        assert_eq!(json(b"no json", bounds), (Vec::new(), ""));
    }
}
