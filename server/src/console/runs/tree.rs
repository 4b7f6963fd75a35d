//! JSON as a tree to fold and unfold. What must hold: however large, deep or odd the JSON is, the tree is bounded and says what it leaves out; every
//! text in it is shown, none obeyed.

use serde_json::Value;

use super::row::bytes;
use crate::view::harmless;

/// How deep a tree goes.
const MAX_DEPTH: usize = 12;
/// How much of a key is shown, in characters.
const MAX_KEY_CHARS: usize = 100;

/// A part of a tree, in the order in which it is written.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// A list or object begins.
    Open {
        /// Its key, or its place in a list.
        key: String,
        /// `{3}` or `[7]`.
        size: String,
        /// Whether it is unfolded at first.
        open: bool,
    },
    /// It ends.
    Close,
    /// A value.
    Leaf {
        /// Its key, or its place in a list.
        key: String,
        /// string, number, true, …: for its colour.
        kind: &'static str,
        /// As JSON.
        text: String,
    },
    /// What is left out here.
    More(String),
}

/// What bounds a tree.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How many values.
    pub nodes: usize,
    /// How many characters of a text.
    pub chars: usize,
}

/// The tree of a value.
pub fn tree(value: &Value, bounds: Bounds) -> Vec<Part> {
    let mut writer = Writer { parts: Vec::new(), left: bounds.nodes, chars: bounds.chars };
    writer.value(String::new(), value, 0);
    writer.parts
}

struct Writer {
    parts: Vec<Part>,
    left: usize,
    chars: usize,
}

impl Writer {
    fn value(&mut self, key: String, value: &Value, depth: usize) {
        self.left = self.left.saturating_sub(1);
        let (size, brackets) = match value {
            Value::Array(items) => (items.len(), ('[', ']')),
            Value::Object(fields) => (fields.len(), ('{', '}')),
            leaf => return self.leaf(key, leaf),
        };
        let size = format!("{}{size}{}", brackets.0, brackets.1);
        self.parts.push(Part::Open { key, size, open: depth < 3 });
        if depth + 1 >= MAX_DEPTH {
            self.parts.push(Part::More("nested deeper than is shown here".to_owned()));
        } else {
            match value {
                Value::Array(items) => {
                    self.each(items.iter().enumerate().map(|(n, item)| (n.to_string(), item)), depth);
                }
                Value::Object(fields) => self.each(fields.iter().map(|(key, item)| (name(key), item)), depth),
                _ => {}
            }
        }
        self.parts.push(Part::Close);
    }

    fn each<'v>(&mut self, items: impl ExactSizeIterator<Item = (String, &'v Value)>, depth: usize) {
        let mut items = items;
        while self.left > 0 {
            let Some((key, item)) = items.next() else { return };
            self.value(key, item, depth + 1);
        }
        if items.len() > 0 {
            self.parts.push(Part::More(format!("{} more", items.len())));
        }
    }

    fn leaf(&mut self, key: String, value: &Value) {
        let (kind, text) = match value {
            Value::String(text) => ("string", self.string(text)),
            Value::Number(number) => ("number", number.to_string()),
            other => ("word", other.to_string()),
        };
        self.parts.push(Part::Leaf { key, kind, text });
    }

    fn string(&self, text: &str) -> String {
        match text.char_indices().nth(self.chars) {
            None => harmless::json(&text),
            Some((at, _)) => {
                let begin = harmless::json(&text.get(..at).unwrap_or_default());
                format!("{}… ({} in all)", begin.trim_end_matches('"'), bytes(text.len() as u64))
            }
        }
    }
}

fn name(key: &str) -> String {
    match key.char_indices().nth(MAX_KEY_CHARS) {
        None => harmless::shown(key).into_owned(),
        Some((at, _)) => format!("{}…", harmless::shown(key.get(..at).unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const BOUNDS: Bounds = Bounds { nodes: 10, chars: 5 };

    #[test]
    fn a_tree_has_every_value_and_shows_odd_characters() {
        let parts = tree(&json!({"a\u{202e}": ["<b>", 1, null]}), BOUNDS);
        let leaf = |key: &str, kind, text: &str| Part::Leaf { key: key.into(), kind, text: text.into() };
        let open = |key: &str, size: &str| Part::Open { key: key.into(), size: size.into(), open: true };
        let expected = [
            open("", "{1}"),
            open("a\\u{202e}", "[3]"),
            leaf("0", "string", "\"<b>\""),
            leaf("1", "number", "1"),
            leaf("2", "word", "null"),
            Part::Close,
            Part::Close,
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn wide_deep_and_long_json_stays_bounded() {
        let wide = tree(&json!((0..100_000).collect::<Vec<_>>()), BOUNDS);
        assert_eq!(wide.len(), 1 + 9 + 1 + 1);
        assert!(wide.contains(&Part::More("99991 more".into())));
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        let parts = tree(&deep, Bounds { nodes: 1000, chars: 5 });
        assert_eq!(parts.iter().filter(|p| matches!(p, Part::Open { .. })).count(), MAX_DEPTH);
        assert_eq!(parts.iter().filter(|p| **p == Part::Close).count(), MAX_DEPTH);
        let long = tree(&json!("x".repeat(5 << 20)), BOUNDS);
        assert_eq!(
            long,
            [Part::Leaf { key: String::new(), kind: "string", text: "\"xxxxx… (5.0 MiB in all)".into() }]
        );
    }
}
