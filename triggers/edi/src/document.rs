//! A set as JSON. What must hold: every segment of it stands there.

use factotum_edi_codec::{Field, Group, Interchange, Segment, Set, segments_within};
use serde_json::{Value, json};

/// The JSON of a set: its segments in their order, each with its elements. An element is a text, of several components a list, of several repetitions
/// `{"repetitions": […]}`.
pub(crate) fn of(interchange: &Interchange, _: &Group, set: &Set, bytes: &[u8]) -> Value {
    let all = segments_within(bytes, &interchange.syntax, set.range.start);
    // What cannot be read of it was found before, and such a set is refused.
    let segments: Vec<Value> = all.filter_map(Result::ok).map(|segment| segment_json(&segment)).collect();
    json!({"segments": segments})
}

fn segment_json(segment: &Segment<'_>) -> Value {
    let elements: Vec<Value> = segment.elements().map(element).collect();
    json!({"id": text(segment.tag()), "elements": elements})
}

fn element(field: Field<'_>) -> Value {
    let mut repetitions: Vec<Value> = field.repetitions().map(repetition).collect();
    match repetitions.len() {
        1 => repetitions.remove(0),
        _ => json!({"repetitions": repetitions}),
    }
}

fn repetition(field: Field<'_>) -> Value {
    let mut components: Vec<Value> =
        field.components().map(|component| text(&component.value()).into()).collect();
    match components.len() {
        1 => components.remove(0),
        _ => components.into(),
    }
}

/// As UTF-8, or else byte by byte (ISO 8859-1), so that nothing is lost.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}
