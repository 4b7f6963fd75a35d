//! How a repeated delivery is recognised: by a header that names it. What must hold: a delivery without its name is
//! refused, for a sender who forgets it once would be run twice.

use factotum_model::trigger::{Dedup, MAX_DEDUP_KEY_BYTES};
use http::HeaderMap;

/// Why a delivery has no usable name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DedupError {
    /// It has none.
    #[error("the header `{0}`, which names the delivery, is missing or empty")]
    Missing(String),
    /// It has several.
    #[error("the header `{0}`, which names the delivery, comes more than once")]
    Several(String),
    /// It is too long, or no plain text.
    #[error(
        "the header `{0}`, which names the delivery, must be visible ASCII of at most {MAX_DEDUP_KEY_BYTES} bytes"
    )]
    Malformed(String),
}

/// The delivery's name.
pub fn key<'h>(config: &Dedup, headers: &'h HeaderMap) -> Result<&'h str, DedupError> {
    let name = || config.header.to_ascii_lowercase();
    let mut values = headers.get_all(&config.header).iter();
    let value = values.next().ok_or_else(|| DedupError::Missing(name()))?;
    if values.next().is_some() {
        return Err(DedupError::Several(name()));
    }
    let key = value.to_str().map(str::trim).map_err(|_| DedupError::Malformed(name()))?;
    match key.len() {
        0 => Err(DedupError::Missing(name())),
        1..=MAX_DEDUP_KEY_BYTES => Ok(key),
        _ => Err(DedupError::Malformed(name())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn one_plain_value_names_a_delivery() {
        let config = Dedup { header: "X-Id".into(), window_days: 7 };
        let with = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("x-id", HeaderValue::from_bytes(value).unwrap());
            }
            key(&config, &headers).map(str::to_owned)
        };
        let name = || "x-id".to_owned();
        assert_eq!(with(&[b" 42 "]), Ok("42".into()));
        assert_eq!(with(&[]), Err(DedupError::Missing(name())));
        assert_eq!(with(&[b"  "]), Err(DedupError::Missing(name())));
        assert_eq!(with(&[b"1", b"2"]), Err(DedupError::Several(name())));
        assert_eq!(with(&[b"\xff"]), Err(DedupError::Malformed(name())));
        assert_eq!(with(&["x".repeat(MAX_DEDUP_KEY_BYTES).as_bytes()]), Ok("x".repeat(MAX_DEDUP_KEY_BYTES)));
        assert_eq!(
            with(&["x".repeat(MAX_DEDUP_KEY_BYTES + 1).as_bytes()]),
            Err(DedupError::Malformed(name()))
        );
    }
}
