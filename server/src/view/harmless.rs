//! Text and JSON that may be shown on any terminal and read line by line. What must hold: nothing that came from elsewhere can end a line, move a
//! cursor, colour a terminal or turn the direction of the text; and nothing is lost: what is escaped can be read.

use std::borrow::Cow;
use std::fmt::Write as _;

use factotum_model::nickname::is_invisible;
use serde::Serialize;

/// A text whose control, format and line-breaking characters are shown, not obeyed: `\n`, `\u{1b}`, `\u{202e}`.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_invisible(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// One line of JSON without its end, in which such characters are escaped, as JSON leaves DEL, C1 and bidi controls as they are (RFC 8259 §7).
pub fn json(value: &impl Serialize) -> String {
    escaped(value, is_invisible)
}

/// The same in ASCII alone: for receivers that may not know the encoding.
pub fn ascii_json(value: &impl Serialize) -> String {
    escaped(value, |c| !c.is_ascii() || is_invisible(c))
}

fn escaped(value: &impl Serialize, odd: impl Fn(char) -> bool) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    escape_json(&text, odd).into_owned()
}

/// A JSON document, which may be indented, with the same escapes: outside of its strings it has no such character but line ends.
pub fn document(text: &str) -> Cow<'_, str> {
    escape_json(text, |c| c != '\n' && is_invisible(c))
}

fn escape_json(text: &str, odd: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&odd) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut units = [0; 2];
    for c in text.chars() {
        if odd(c) {
            for unit in c.encode_utf16(&mut units) {
                // Writing to a string does not fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[31mb\r\nc\u{202e}d\u{9b}2J\u{7f}\u{2028}\u{feff}\u{e0041}é";

    #[test]
    fn a_terminal_cannot_be_moved_by_what_it_shows() {
        assert_eq!(
            shown(HOSTILE),
            "a\\u{1b}[31mb\\r\\nc\\u{202e}d\\u{9b}2J\\u{7f}\\u{2028}\\u{feff}\\u{e0041}é"
        );
        assert!(matches!(shown("plain é 日本"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_loses_nothing_and_shows_nothing_odd() {
        for line in [json(&HOSTILE), ascii_json(&HOSTILE)] {
            assert!(!line.contains(is_invisible), "{line}");
            assert_eq!(serde_json::from_str::<String>(&line).unwrap(), HOSTILE);
        }
        assert!(ascii_json(&HOSTILE).is_ascii());
        let indented = serde_json::to_string_pretty(&serde_json::json!({"a": HOSTILE})).unwrap();
        let safe = document(&indented);
        assert_eq!(safe.lines().count(), 3);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap()["a"], HOSTILE);
    }
}
