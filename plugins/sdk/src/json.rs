//! JSON whose errors name the field. What must hold: an error's text tells the sender what to change.
//!
//! ```
//! #[derive(serde::Deserialize)]
//! struct Line {
//!     quantity: u32,
//! }
//!
//! let line: Line = factotum_sdk::json::from_slice(br#"{"quantity": 2}"#)?;
//! assert_eq!(line.quantity, 2);
//!
//! let wrong = factotum_sdk::json::from_slice::<Vec<Line>>(br#"[{"quantity": "two"}]"#);
//! assert!(wrong.is_err_and(|e| e.to_string().starts_with("`[0].quantity`: invalid type")));
//! # Ok::<(), factotum_sdk::json::Error>(())
//! ```

use serde::de::DeserializeOwned;

/// The text is not JSON, or not what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value in it is missing or of another kind.
    #[error("`{path}`: {source}")]
    Field {
        /// Where: `lines[0].quantity`.
        path: String,
        /// What is wrong there.
        source: serde_json::Error,
    },
    /// The whole of it is not JSON, or of another kind than asked for.
    #[error("{0}")]
    Whole(#[from] serde_json::Error),
}

/// Reads JSON (RFC 8259).
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let source = error.into_inner();
        // A dot is how the path of the whole document reads; a syntax error is not a field's fault.
        if path == "." || !source.is_data() { Error::Whole(source) } else { Error::Field { path, source } }
    })?;
    reader.end()?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Order {
        #[expect(dead_code, reason = "only its reading is tested")]
        lines: Vec<Line>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Line {
        #[expect(dead_code, reason = "only its reading is tested")]
        quantity: u32,
    }

    fn error(text: &str) -> String {
        from_slice::<Order>(text.as_bytes()).expect_err(text).to_string()
    }

    #[test]
    fn an_error_names_the_field() {
        let text = error(r#"{"lines": [{"quantity": 1}, {"quantity": -1}]}"#);
        assert!(text.starts_with("`lines[1].quantity`: invalid value: integer `-1`"), "{text}");
        let text = error(r#"{"lines": [{}]}"#);
        assert!(text.starts_with("`lines[0]`: missing field `quantity`"), "{text}");
        let text = error("{}");
        assert!(text.starts_with("missing field `lines`"), "{text}");
    }

    #[test]
    fn what_is_not_json_is_said_so() {
        assert!(error("").starts_with("EOF while parsing"));
        assert!(error(r#"{"lines": [{"quantity": 1"#).starts_with("EOF while parsing"));
        assert!(error(r#"{"lines": []} x"#).starts_with("trailing characters"));
    }
}
