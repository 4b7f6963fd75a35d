//! A document as JSON. What must hold: what is written is one JSON value, whatever bytes the set has, and [`crate::document::rows`] makes the same
//! segments of it again.

use std::io::{self, Write};

use crate::document::grammar::Place;
use crate::document::row::{Components, Parts, Row};
use crate::document::shape::{Shape, Shapes};
use crate::document::tree::{Document, Item, Node, What};

/// The key of the list that says in which order things stand, where it isn't the grammar's.
pub(super) const ORDER: &str = "order";
/// The key of the list of what stands where the grammar does not expect it.
pub(super) const UNEXPECTED: &str = "unexpected";
/// The key of the list of segments of a set, or loop, that has no grammar.
pub(super) const SEGMENTS: &str = "segments";
/// How long a tag may be to stand in the names of elements.
const MAX_TAG: usize = 6;

/// What stands before the number of an element in its name: the tag, unless that is none and so long that a document would grow by it.
pub(super) fn prefix(tag: &str) -> &str {
    if tag.len() <= MAX_TAG { tag } else { "" }
}

/// A segment, as `"TAG":{"TAG01":…}`.
pub(super) fn write_row(row: &Row, shapes: Shapes, into: &mut Vec<u8>) {
    let tag = row.tag();
    let (shape, prefix) = (shapes.get(tag), prefix(tag));
    string(tag, into);
    into.extend_from_slice(b":{");
    let mut first = true;
    row.each_element(|number, last, parts| {
        // An empty element is left out, but for the last one: how many there are must come back.
        if parts.is_empty() && !last {
            return;
        }
        if !std::mem::replace(&mut first, false) {
            into.push(b',');
        }
        into.push(b'"');
        escape(prefix, into);
        digits(number, into);
        into.extend_from_slice(b"\":");
        if parts.is_empty() { string("", into) } else { element(parts, shape, number, into) }
    });
    into.push(b'}');
}

/// At least two, as `01`.
fn digits(number: usize, into: &mut Vec<u8>) {
    if number < 100 {
        into.extend_from_slice(&[b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]);
    } else {
        into.extend_from_slice(number.to_string().as_bytes());
    }
}

fn element(parts: &Parts<'_>, shape: Shape, number: usize, into: &mut Vec<u8>) {
    let composite = shape.is_composite(number);
    let list = parts.repeats() || shape.repeats(number);
    if list {
        into.push(b'[');
    }
    for (index, repetition) in parts.repetitions().enumerate() {
        if index > 0 {
            into.push(b',');
        }
        components(&repetition, composite, into);
    }
    if list {
        into.push(b']');
    }
}

fn components(repetition: &Components<'_>, composite: bool, into: &mut Vec<u8>) {
    let count = repetition.len();
    let mut texts = repetition.texts().enumerate();
    if count == 1
        && let Some((_, text)) = texts.next()
    {
        if composite && !text.is_empty() {
            into.extend_from_slice(b"{\"1\":");
            string(text, into);
            into.push(b'}');
        } else {
            string(text, into);
        }
        return;
    }
    into.push(b'{');
    let mut first = true;
    for (index, text) in texts {
        if text.is_empty() && index + 1 < count {
            continue;
        }
        if !std::mem::replace(&mut first, false) {
            into.push(b',');
        }
        into.push(b'"');
        into.extend_from_slice((index + 1).to_string().as_bytes());
        into.extend_from_slice(b"\":");
        string(text, into);
    }
    into.push(b'}');
}

fn string(text: &str, into: &mut Vec<u8>) {
    into.push(b'"');
    escape(text, into);
    into.push(b'"');
}

/// RFC 8259 §7.
fn escape(text: &str, into: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut plain = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        into.extend_from_slice(&bytes[plain..at]);
        plain = at + 1;
        match byte {
            b'"' | b'\\' => into.extend_from_slice(&[b'\\', byte]),
            b'\n' => into.extend_from_slice(b"\\n"),
            b'\r' => into.extend_from_slice(b"\\r"),
            b'\t' => into.extend_from_slice(b"\\t"),
            _ => into.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
    }
    into.extend_from_slice(&bytes[plain..]);
}

impl Document<'_> {
    /// The document as JSON text.
    pub fn to_json(&self) -> String {
        let mut text = Vec::new();
        // Writing into memory does not fail.
        let _ = self.write_json(&mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    /// Writes the document as JSON, without a copy of it in memory.
    pub fn write_json(&self, mut into: impl Write) -> io::Result<()> {
        self.write_node(self.node(0), &mut into)
    }

    fn write_node(&self, node: &Node, into: &mut impl Write) -> io::Result<()> {
        into.write_all(b"{")?;
        if let (Some(grammar), Some(kind)) = (self.grammar, node.kind) {
            self.write_places(node, &grammar.at(kind as usize).places, into)?;
        } else {
            write!(into, "\"{SEGMENTS}\":")?;
            self.write_list(&node.items, into)?;
        }
        into.write_all(b"}")
    }

    fn write_places(&self, node: &Node, places: &[Place], into: &mut impl Write) -> io::Result<()> {
        let in_order = node.in_order();
        let sorted: Vec<Item>;
        let items = if in_order {
            &node.items
        } else {
            let mut items = node.items.clone();
            items.sort_by_key(|item| item.place().unwrap_or(usize::MAX));
            sorted = items;
            &sorted
        };
        let mut first = true;
        for group in items.chunk_by(|a, b| a.place() == b.place()) {
            if !std::mem::replace(&mut first, false) {
                into.write_all(b",")?;
            }
            let Some(place) = group[0].place().map(|at| &places[at]) else {
                write!(into, "\"{UNEXPECTED}\":")?;
                self.write_list(group, into)?;
                continue;
            };
            write!(into, "\"{}\":", place.key)?;
            if place.is_list() {
                into.write_all(b"[")?;
            }
            for (index, item) in group.iter().enumerate() {
                if index > 0 {
                    into.write_all(b",")?;
                }
                match item.what() {
                    What::Segment(segment) => into.write_all(value_of(self.json_of(segment)))?,
                    What::Loop(loop_) => self.write_node(self.node(loop_), into)?,
                }
            }
            if place.is_list() {
                into.write_all(b"]")?;
            }
        }
        if !in_order {
            write!(into, ",\"{ORDER}\":[")?;
            for (index, item) in node.items.iter().enumerate() {
                let key = item.place().map_or(UNEXPECTED, |at| &places[at].key);
                write!(into, "{}\"{key}\"", if index > 0 { "," } else { "" })?;
            }
            into.write_all(b"]")?;
        }
        Ok(())
    }

    /// Segments and loops of any kind, each as an object with one key.
    fn write_list(&self, items: &[Item], into: &mut impl Write) -> io::Result<()> {
        for (index, item) in items.iter().enumerate() {
            into.write_all(if index > 0 { &b",{"[..] } else { b"[{" })?;
            match item.what() {
                What::Segment(segment) => into.write_all(self.json_of(segment))?,
                What::Loop(number) => {
                    let node = self.node(number);
                    let mut key = Vec::new();
                    string(self.name(number), &mut key);
                    into.write_all(&key)?;
                    into.write_all(b":")?;
                    self.write_node(node, into)?;
                }
            }
            into.write_all(b"}")?;
        }
        into.write_all(if items.is_empty() { &b"[]"[..] } else { b"]" })
    }
}

/// The value of `"TAG":{…}`.
fn value_of(json: &[u8]) -> &[u8] {
    // Only for segments that stand at a place of a grammar: their tags are letters and digits.
    let start = json.windows(3).position(|window| window == b"\":{").map_or(0, |at| at + 2);
    &json[start..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::Standard;

    fn written(row: &Row) -> String {
        let mut text = Vec::new();
        write_row(row, Shapes::of(Standard::X12), &mut text);
        format!("{{{}}}", String::from_utf8(text).unwrap())
    }

    #[test]
    fn elements_have_their_shapes() {
        let mut row = Row::default();
        row.start("BEG").element("00").element("").element("PO\"1").element("");
        assert_eq!(written(&row), r#"{"BEG":{"BEG01":"00","BEG03":"PO\"1","BEG04":""}}"#);
        row.start("CLM")
            .element("A37")
            .element("")
            .element("")
            .element("")
            .element("11")
            .component("B")
            .component("1");
        assert_eq!(written(&row), r#"{"CLM":{"CLM01":"A37","CLM05":{"1":"11","2":"B","3":"1"}}}"#);
        row.start("SVC").element("HC").element("1").component("").component("");
        assert_eq!(written(&row), r#"{"SVC":{"SVC01":{"1":"HC"},"SVC02":{"1":"1","3":""}}}"#);
        row.start("EB").element("1").element("IND").element("30");
        assert_eq!(written(&row), r#"{"EB":{"EB01":"1","EB02":"IND","EB03":["30"]}}"#);
        row.start("REF").element("0F").repetition("a").component("b");
        assert_eq!(written(&row), r#"{"REF":{"REF01":["0F",{"1":"a","2":"b"}]}}"#);
        row.start("NTE").element("a\u{1}\\\r\n\t\u{85}é");
        let text = written(&row);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["NTE"]["NTE01"], "a\u{1}\\\r\n\t\u{85}é");
        row.start("SE");
        assert_eq!(written(&row), r#"{"SE":{}}"#);
    }
}
