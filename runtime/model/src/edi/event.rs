//! What a workflow gets of an interchange. What must hold: the bytes are the event's payload, so they are kept once.

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Standard;
use crate::id::InterchangeId;

/// A transaction set, or a whole interchange. Its bytes are the event's payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edi {
    /// Which standard.
    pub standard: Standard,
    /// The partner's name.
    pub partner: String,
    /// The interchange that it came in.
    pub interchange: InterchangeId,
    /// The type of the document: `850`, `ORDERS`; none of a whole interchange, whose documents each say theirs.
    pub set: Option<String>,
    /// What the envelopes around it say.
    pub envelope: Value,
    /// The set; of a whole interchange `{"sets": [{"set", "envelope", "document"}]}`.
    pub document: Value,
    /// Whether its control numbers came before with other bytes, and the partner's agreement lets that pass.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
}

impl Edi {
    /// The published form. The bytes stand in it as text, or in base64 where they are none.
    pub fn to_json(&self, bytes: &[u8]) -> Value {
        let mut edi = json!({
            "standard": self.standard,
            "partner": self.partner,
            "interchange": self.interchange,
            "set": self.set,
            "envelope": self.envelope,
            "document": self.document,
        });
        if self.duplicate {
            edi["duplicate"] = true.into();
        }
        if let Ok(text) = std::str::from_utf8(bytes) {
            edi["raw"] = text.into();
        } else {
            edi["raw"] = Value::Null;
            edi["raw_base64"] = base64::engine::general_purpose::STANDARD.encode(bytes).into();
        }
        edi
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_published_with_its_bytes() {
        let edi = Edi {
            standard: Standard::X12,
            partner: "acme".into(),
            interchange: InterchangeId::from(uuid::Uuid::nil()),
            set: Some("850".into()),
            envelope: json!({"test": false}),
            document: json!({}),
            duplicate: false,
        };
        let shown = edi.to_json(b"ST*850*1~");
        assert_eq!((shown["standard"].as_str(), shown["set"].as_str()), (Some("x12"), Some("850")));
        assert_eq!((shown["raw"].as_str(), shown.get("duplicate")), (Some("ST*850*1~"), None));
        let latin = edi.to_json(b"M\xfcller");
        assert_eq!((&latin["raw"], latin["raw_base64"].as_str()), (&Value::Null, Some("TfxsbGVy")));
    }
}
