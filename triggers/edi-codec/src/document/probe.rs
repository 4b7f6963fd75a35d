//! The law of documents, for fuzzing and property tests.

use serde_json::Value;

use crate::charset::Charset as Declared;
use crate::document::row::Row;
use crate::document::rows::MAX_PARTS;
use crate::document::{Charset, read_set, rows};
use crate::open::MAX_FINDINGS;
use crate::reader::segments_within;
use crate::syntax::Syntax;

/// Reads `bytes` as a set. Panics where its document does not give the same segments again, or is no JSON.
pub fn probe(bytes: &[u8], syntax: &Syntax, offset: u64, version: &str, declared: Declared) {
    let Ok((document, findings)) = read_set(bytes, syntax, offset, version, declared) else { return };
    assert!(findings.len() <= MAX_FINDINGS, "more findings than are kept");
    let charset = Charset::of(bytes, declared);
    let sent = segments_within(bytes, syntax, offset).map_while(Result::ok).map(|segment| {
        let mut row = Row::default();
        row.read(&segment, charset);
        row
    });
    let mut sent = sent.collect::<Vec<_>>().into_iter();
    if sent.as_slice().iter().any(|row| row.len() > MAX_PARTS) {
        // Reported as that.
        return;
    }
    let json = document.to_json();
    let value: Value = match serde_json::from_str(&json) {
        Ok(value) => value,
        Err(error) => panic!("{error}: {json}"),
    };
    let text = document.to_text();
    assert_eq!(serde_json::from_str::<Value>(&text).ok().as_ref(), Some(&value), "{text}");
    let back = rows(&value, document.grammar(), &mut |row| {
        assert_eq!(Some(row), sent.next().as_ref(), "{json}");
    });
    assert_eq!(back, Ok(()), "{json}");
    assert_eq!(sent.next(), None, "{json}");
}
