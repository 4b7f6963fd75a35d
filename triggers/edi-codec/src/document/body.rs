//! A document as bytes, for what is sent. What must hold: no character of it becomes a delimiter, and its own envelope (`ST … SE`, `UNH … UNT`) is left
//! out: who sends it counts and numbers.

use std::io::Write;

use serde_json::Value;

use crate::document::place::Reader;
use crate::document::row::Row;
use crate::document::rows::{DocumentError, rows};
use crate::document::{Charset, Grammar};
use crate::finding::Finding;
use crate::syntax::Standard;
use crate::writer::{Element, WriteError, Writer};

/// Why a document could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// It is no document of its set.
    #[error("{0}")]
    Document(#[from] DocumentError),
    /// A segment could not be written.
    #[error("{0}")]
    Write(#[from] WriteError),
    /// The character set of the interchange lacks a character.
    #[error("segment {tag}, element {element}: the interchange's character set has no `{character}`")]
    Character {
        /// Of which segment.
        tag: String,
        /// In which element, from 1.
        element: usize,
        /// Which character.
        character: char,
    },
    /// An element repeats, and nothing can say so.
    #[error("segment {tag}, element {element}: it repeats, and the interchange has no repetition separator")]
    Repetition {
        /// Of which segment.
        tag: String,
        /// Which element, from 1.
        element: usize,
    },
}

/// Writes the segments of a document that stand between those of its envelope; how many they are.
///
/// ```
/// use factotum_edi_codec::document::{Charset, grammar, write_body};
/// use factotum_edi_codec::{Standard, Syntax, Writer};
///
/// let document = serde_json::json!({
///     "loop_PO1": [{"PO1": {"PO101": "1", "PO102": 24, "PO103": "EA"}, "loop_ACK": [{"ACK": {"ACK01": "IA"}}]}],
///     "BAK": {"BAK01": "00", "BAK02": "AC", "BAK03": "PO-4711", "BAK04": "20260112"},
/// });
/// let mut writer = Writer::new(Vec::new(), Syntax::X12);
/// let grammar = grammar(Standard::X12, "855", "004010");
/// assert_eq!(write_body(&document, grammar, Charset::Utf8, &mut writer)?, 3);
/// assert_eq!(writer.into_inner(), b"BAK*00*AC*PO-4711*20260112~PO1*1*24*EA~ACK*IA~");
/// # Ok::<(), factotum_edi_codec::document::BodyError>(())
/// ```
pub fn write_body<W: Write>(
    document: &Value,
    grammar: Option<&Grammar>,
    charset: Charset,
    writer: &mut Writer<W>,
) -> Result<u64, BodyError> {
    let (mut segments, mut failed) = (0, None);
    rows(document, grammar, &mut |row| {
        if failed.is_none() && !is_envelope(row.tag()) {
            segments += 1;
            failed = write_row(row, charset, writer).err();
        }
    })?;
    failed.map_or(Ok(segments), Err)
}

/// What is wrong with a document by its grammar, before it is sent. Places count from the first segment of the document.
pub fn faults(
    document: &Value,
    standard: Standard,
    grammar: Option<&Grammar>,
) -> Result<Vec<Finding>, DocumentError> {
    let mut reader = Reader::start(standard, grammar, Charset::Utf8);
    rows(document, grammar, &mut |row| reader.push_row(row))?;
    let (_, mut found) = reader.finish();
    // Who sends it writes those.
    found.retain(|finding| !is_envelope(&finding.tag));
    Ok(found)
}

/// Whether a segment with this tag begins or ends a set.
fn is_envelope(tag: &str) -> bool {
    matches!(tag, "ST" | "SE" | "UNH" | "UNT")
}

fn write_row<W: Write>(row: &Row, charset: Charset, writer: &mut Writer<W>) -> Result<(), BodyError> {
    let mut elements: Vec<Vec<u8>> = Vec::new();
    for (index, repetitions) in row.elements().into_iter().enumerate() {
        let mut bytes = Vec::new();
        for (number, components) in repetitions.into_iter().enumerate() {
            if number > 0 {
                let separator = writer
                    .syntax()
                    .repetition
                    .ok_or_else(|| BodyError::Repetition { tag: row.tag().to_owned(), element: index + 1 })?;
                bytes.push(separator);
            }
            // Empty components at the end are left out, as both standards want it.
            let kept = components.iter().rposition(|text| !text.is_empty()).map_or(0, |last| last + 1);
            for (at, text) in components[..kept].iter().enumerate() {
                if at > 0 {
                    bytes.push(writer.syntax().component);
                }
                let mut data = Vec::with_capacity(text.len());
                charset.encode(text, &mut data).map_err(|character| BodyError::Character {
                    tag: row.tag().to_owned(),
                    element: index + 1,
                    character,
                })?;
                writer.data(&mut bytes, &data, row.tag().as_bytes(), index + 1)?;
            }
        }
        elements.push(bytes);
    }
    let elements: Vec<Element<'_>> = elements.iter().map(|bytes| Element::Raw(bytes)).collect();
    Ok(writer.segment(row.tag(), &elements)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::charset::Charset as Declared;
    use crate::syntax::Syntax;

    fn written(segment: Value, syntax: Syntax, charset: Charset) -> Result<String, String> {
        let mut writer = Writer::new(Vec::new(), syntax);
        write_body(&json!({"segments": [segment]}), None, charset, &mut writer)
            .map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
    }

    #[test]
    fn data_is_never_a_delimiter() {
        let segment = json!({"FTX": {"FTX01": "a+b:c'd?e", "FTX04": {"2": "x", "3": ""}}});
        let latin1 = Charset::Bytes(Declared::Latin1);
        assert_eq!(written(segment, Syntax::EDIFACT, latin1).unwrap(), "FTX+a?+b?:c?'d??e+++:x'");
        for (segment, what) in [
            (json!({"N1": {"N102": "a*b"}}), "segment N1, element 2: the data holds `*`"),
            (json!({"N1": {"N102": ["a", "b"]}}), "segment N1, element 2: it repeats"),
            (
                json!({"N1": {"N102": "1 €"}}),
                "segment N1, element 2: the interchange's character set has no `€`",
            ),
            (json!({"N1": {"N102": true}}), "segments[0].N1.N102: is neither text nor a number"),
        ] {
            let error = written(segment, Syntax { repetition: None, ..Syntax::X12 }, latin1).unwrap_err();
            assert!(error.starts_with(what), "{error}");
        }
        assert_eq!(written(json!({"ST": {}}), Syntax::X12, latin1).unwrap(), "");
        assert_eq!(
            written(json!({"REF": {"REF01": ["a", {"2": "b"}], "REF05": ""}}), Syntax::X12, latin1).unwrap(),
            "REF*a^:b~"
        );
    }

    #[test]
    fn what_lacks_is_told_before_it_is_sent() {
        let grammar = crate::document::grammar(Standard::X12, "855", "004010");
        let told = |document| {
            let found = faults(&document, Standard::X12, grammar).unwrap();
            found.iter().map(|finding| format!("{} {}", finding.tag, finding.code)).collect::<Vec<_>>()
        };
        let line = json!({"PO1": {"PO101": "1"}, "loop_ACK": [{"ACK": {}}]});
        assert_eq!(told(json!({"BAK": {"BAK01": "00"}, "loop_PO1": [line]})), [""; 0]);
        assert_eq!(
            told(json!({"REF": {}, "loop_PO1": [{"PO1": {}, "loop_N1": [{"N1": {}}]}]})),
            ["BAK AK304 3"]
        );
        let wrong = json!({"loop_PO1": [{"SLN": {}}]});
        assert_eq!(faults(&wrong, Standard::X12, grammar).unwrap_err().at, "loop_PO1[0]");
    }
}
