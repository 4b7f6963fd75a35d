//! A document as JSON for people. What must hold: it is the same JSON, its keys in their order.

use crate::document::tree::Document;

/// How long an object may be to stand on one line.
const WIDTH: usize = 120;

impl Document<'_> {
    /// The document as JSON over several lines: a segment a line where it fits.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        laid_out(&self.to_json(), 0, &mut text);
        text
    }
}

/// JSON over several lines, its keys in their order.
fn laid_out(json: &str, indent: usize, into: &mut String) {
    let inner = &json[1..json.len() - 1];
    let is_object = json.starts_with('{');
    let flat = json.len() + indent <= WIDTH && !inner.contains("\"loop_") && !inner.contains("[{");
    if flat || !json.starts_with(['{', '[']) {
        into.push_str(&spaced(json));
        return;
    }
    into.push_str(&json[..1]);
    let mut rest = inner;
    let mut first = true;
    while !rest.is_empty() {
        rest = rest.trim_start_matches(',');
        into.push_str(if std::mem::replace(&mut first, false) { "\n" } else { ",\n" });
        into.push_str(&" ".repeat(indent + 2));
        if is_object {
            let end = value_end(rest);
            into.push_str(&rest[..end]);
            into.push_str(": ");
            rest = &rest[end + 1..];
        }
        let end = value_end(rest);
        laid_out(&rest[..end], indent + 2, into);
        rest = &rest[end..];
    }
    into.push('\n');
    into.push_str(&" ".repeat(indent));
    into.push_str(&json[json.len() - 1..]);
}

/// Where the first value of some JSON ends.
fn value_end(json: &str) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 && !quoted && !escaped && matches!(byte, b'"' | b'}' | b']') {
            return at + 1;
        }
    }
    json.len()
}

/// A blank after each comma and colon.
fn spaced(json: &str) -> String {
    let (mut text, mut quoted, mut escaped) = (String::with_capacity(json.len() + 16), false, false);
    for character in json.chars() {
        text.push(character);
        quoted ^= character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        if !quoted && matches!(character, ',' | ':') {
            text.push(' ');
        }
    }
    text
}
