//! The answer of a component that is written for HTTP, as its run's output: `{"status", "headers", "body"}`, as an event has the request. What must
//! hold: what is written here is read back byte for byte.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

/// The word for what such a component fulfils, in `plugins.world`.
pub const WORLD: &str = "wasi:http";

/// An HTTP response, whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// From 200 on.
    pub status: u16,
    /// Lower-case names; the values in the order they came.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The bytes.
    pub body: Vec<u8>,
}

/// What is read of its JSON.
#[derive(Deserialize)]
struct Form {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, Vec<String>>,
    body: Option<String>,
    body_base64: Option<String>,
}

impl HttpResponse {
    /// As JSON; `body` is null where the bytes are no UTF-8, and `body_base64` has them.
    pub fn to_json(&self) -> Value {
        let mut json = json!({"status": self.status, "headers": self.headers});
        if let Ok(text) = std::str::from_utf8(&self.body) {
            json["body"] = text.into();
        } else {
            json["body"] = Value::Null;
            json["body_base64"] = STANDARD.encode(&self.body).into();
        }
        json
    }

    /// From that text; none if it is not one.
    pub fn from_json(json: &str) -> Option<Self> {
        let form: Form = serde_json::from_str(json).ok()?;
        let body = match (form.body, form.body_base64) {
            (Some(text), _) => text.into_bytes(),
            (None, Some(encoded)) => STANDARD.decode(encoded).ok()?,
            (None, None) => Vec::new(),
        };
        Some(Self { status: form.status, headers: form.headers, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_as_it_was_text_or_not() {
        for body in [&b""[..], b"Gr\xc3\xbc\xc3\x9fe \"\\ \0", &[0xff, 0xfe, 0]] {
            let headers = BTreeMap::from([("x-a".to_owned(), vec!["1".to_owned(), "2".to_owned()])]);
            let response = HttpResponse { status: 201, headers, body: body.to_vec() };
            assert_eq!(HttpResponse::from_json(&response.to_json().to_string()), Some(response));
        }
        let json = HttpResponse { status: 200, body: b"hi".to_vec(), ..HttpResponse::default() }.to_json();
        assert_eq!(json, json!({"status": 200, "headers": {}, "body": "hi"}));
        for other in ["", "null", "[]", r#"{"status": "200"}"#, r#"{"status":200,"body_base64":"%"}"#] {
            assert_eq!(HttpResponse::from_json(other), None, "{other}");
        }
    }
}
