//! A set from its bytes. What must hold: bytes of any kind give a document.

use crate::charset::Charset as Declared;
use crate::document::place::Reader;
use crate::document::{Charset, Document, grammar};
use crate::error::ReadError;
use crate::finding::Finding;
use crate::reader::segments_within;
use crate::syntax::{Standard, Syntax};

/// Reads a transaction set or message, from its first segment to its last: the document, and what is wrong by the grammar. `offset` is where the bytes
/// stand in their stream, and `version` what its envelope says (`Set::version`, GS08), which is taken where the set itself says none; `declared` is the interchange's character set.
///
/// ```
/// use factotum_edi_codec::{Charset, document, read};
///
/// let bytes = b"UNB+UNOA:3+A+B+260101:1200+1'UNH+1+ORDERS:D:96A:UN'BGM+220+4711+9'DTM+137:20260101:102'UNT+4+1'UNZ+1+1'";
/// let interchange = &read(bytes)?[0];
/// let (_, set) = interchange.sets().next().unwrap();
/// let range = set.range.start as usize..set.range.end as usize;
/// let charset = Charset::of(interchange);
/// let (document, findings) =
///     document::read_set(&bytes[range], &interchange.syntax, set.range.start, &set.version, charset)?;
/// let json: serde_json::Value = serde_json::from_str(&document.to_json())?;
/// assert_eq!(json["BGM"]["BGM02"], "4711");
/// assert_eq!(json["DTM"][0]["DTM01"]["2"], "20260101");
/// assert!(findings[0].to_string().ends_with("[0085 13]: UNS is missing: the set must have it"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_set(
    bytes: &[u8],
    syntax: &Syntax,
    offset: u64,
    version: &str,
    declared: Declared,
) -> Result<(Document<'static>, Vec<Finding>), ReadError> {
    let charset = Charset::of(bytes, declared);
    let mut segments = segments_within(bytes, syntax, offset).peekable();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (set, own_version) = match segments.peek() {
        Some(Ok(first)) if syntax.standard == Standard::Edifact => {
            let value = |component| text(&first.value(2, component));
            (value(1), format!("{}{}", value(2), value(3)))
        }
        Some(Ok(first)) => (text(first.get(1)), text(first.get(3))),
        _ => Default::default(),
    };
    let version = if own_version.is_empty() { version } else { &own_version };
    let mut reader = Reader::start(syntax.standard, grammar(syntax.standard, &set, version), charset);
    for segment in segments {
        reader.push(&segment?);
    }
    Ok(reader.finish())
}
