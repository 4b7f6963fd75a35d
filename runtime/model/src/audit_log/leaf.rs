//! What a leaf of the log commits to: the stored columns of one entry as a JSON object in the canonical form of RFC 8785, that is, the
//! keys sorted, no white space, text in UTF-8. What must hold: a column that is null is left out, so that a column added later leaves
//! the leaves before it as they are; numbers stay below 2⁵³, so that every JSON library writes them alike.

use tlog_tiles::tlog::{Hash, record_hash};
use uuid::Uuid;

/// The form of the object, as its member `v` says.
pub const VERSION: u32 = 1;

/// A leaf being put together.
#[derive(Debug)]
pub struct Leaf {
    text: Vec<u8>,
    last: &'static str,
}

impl Default for Leaf {
    fn default() -> Self {
        Self { text: Vec::with_capacity(1024), last: "" }
    }
}

impl Leaf {
    /// A column that holds text, verbatim; JSON too stands here as the text that is stored.
    pub fn text(&mut self, column: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.key(column);
            self.string(value);
        }
    }

    /// A column that holds an id: 36 characters, in lower case.
    pub fn id(&mut self, column: &'static str, value: Option<Uuid>) {
        if let Some(value) = value {
            self.key(column);
            self.text.push(b'"');
            self.text
                .extend_from_slice(value.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes());
            self.text.push(b'"');
        }
    }

    /// A column that holds a whole number.
    pub fn number(&mut self, column: &'static str, value: Option<i64>) {
        if let Some(value) = value {
            self.key(column);
            self.text.extend_from_slice(value.to_string().as_bytes());
        }
    }

    /// The bytes of the leaf. Columns sort before `v`.
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.number("v", Some(i64::from(VERSION)));
        self.text.push(b'}');
        self.text
    }

    /// The leaf's hash (RFC 6962 §2.1): SHA-256 of a zero byte and the bytes.
    pub fn hash(bytes: &[u8]) -> Hash {
        record_hash(bytes)
    }

    fn key(&mut self, column: &'static str) {
        debug_assert!(self.last < column, "columns come sorted: `{column}` after `{}`", self.last);
        self.text.push(if self.last.is_empty() { b'{' } else { b',' });
        self.last = column;
        self.string(column);
        self.text.push(b':');
    }

    fn string(&mut self, text: &str) {
        // What serde_json escapes, and how, is what RFC 8785 §3.2.2.2 asks for. A vector takes all that is written.
        let _ = serde_json::to_writer(&mut self.text, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_canonical_json_without_the_columns_that_are_null() {
        let mut leaf = Leaf::default();
        leaf.text("action", Some("api_key.create"));
        leaf.number("at", Some(1_800_000_000_000_000));
        leaf.text("detail", Some("{\"reason\":\"a \\\"b\\\"\\n\"}"));
        leaf.id("id", Some(Uuid::from_u128(0x0199_ABCD)));
        leaf.id("key_id", None);
        leaf.text("name", Some("É\u{1b}\u{1}\t/\u{2028}"));
        let bytes = leaf.into_bytes();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            "{\"action\":\"api_key.create\",\"at\":1800000000000000,\"detail\":\"{\\\"reason\\\":\\\"a \\\\\\\"b\\\\\\\"\\\\n\\\"}\",\
             \"id\":\"00000000-0000-0000-0000-00000199abcd\",\"name\":\"É\\u001b\\u0001\\t/\u{2028}\",\"v\":1}"
        );
        assert_eq!(Leaf::hash(&bytes), record_hash(&bytes));
    }

    #[test]
    fn the_hash_is_that_of_rfc_6962() {
        // The first two leaves of the reference implementation of Certificate Transparency.
        assert_eq!(Leaf::hash(b"").to_string(), "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=");
        assert_eq!(Leaf::hash(&[0]).to_string(), "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=");
    }
}
