//! A delivery: an HTTP request turned into an event. What must hold: the body is kept as it came; credentials are left
//! out; what is larger than its bound is refused before it costs anything.

use std::collections::BTreeMap;

use factotum_model::trigger::Verify;
use factotum_model::{Digest, EventInput, Redacted};
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::preset;

/// The most header lines a delivery may have.
pub const MAX_HEADERS: usize = 100;
/// The most bytes that names and values of its headers may have together.
pub const MAX_HEADER_BYTES: usize = 32 << 10;
/// The longest path below the token, in bytes.
pub const MAX_PATH_BYTES: usize = 2_048;
/// The longest query, in bytes.
pub const MAX_QUERY_BYTES: usize = 8 << 10;

/// A request to a webhook's URL, but for its body.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// `POST`
    pub method: Method,
    /// The webhook's URL as the world calls it, token included: nothing below it.
    pub url: Redacted,
    /// What follows the token, as sent: empty, or with its leading slash.
    pub path: String,
    /// What follows `?`, as sent.
    pub query: String,
    /// All its headers.
    pub headers: HeaderMap,
    /// The digest of the client certificate that was shown in the TLS handshake, with proof of its key.
    pub certificate: Option<Digest>,
}

/// Why a request can't become an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Too many or too large headers.
    #[error("at most {MAX_HEADERS} headers with {MAX_HEADER_BYTES} bytes together are taken")]
    Headers,
    /// Too long a path or query.
    #[error("at most {MAX_PATH_BYTES} bytes of path and {MAX_QUERY_BYTES} bytes of query are taken")]
    Target,
}

impl Delivery {
    /// Checks the bounds.
    pub fn check(&self) -> Result<(), RequestError> {
        if self.path.len() > MAX_PATH_BYTES || self.query.len() > MAX_QUERY_BYTES {
            return Err(RequestError::Target);
        }
        let bytes: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if self.headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
            return Err(RequestError::Headers);
        }
        Ok(())
    }

    /// The event that it makes, without the credentials it came with.
    pub fn into_input(self, verify: &Verify) -> EventInput {
        let proofs = preset::proofs(verify);
        let secret = |name: &HeaderName| {
            [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(name)
                || proofs.iter().any(|proof| proof == name.as_str())
        };
        let mut headers = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in self.headers.iter().filter(|(name, _)| !secret(name)) {
            headers.entry(name.as_str().to_owned()).or_default().push(text(value));
        }
        let path = if self.path.is_empty() { "/".to_owned() } else { self.path };
        EventInput::Webhook { method: self.method.as_str().to_owned(), path, query: self.query, headers }
    }
}

/// UTF-8 where it is, otherwise each byte as a character, as RFC 9110 §5.5 has it by tradition.
fn text(value: &HeaderValue) -> String {
    std::str::from_utf8(value.as_bytes())
        .map_or_else(|_| value.as_bytes().iter().map(|b| char::from(*b)).collect(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use factotum_model::trigger::VerifyPreset;
    use serde_json::json;

    fn delivery(headers: &[(&'static str, &'static [u8])]) -> Delivery {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap()))
            .collect();
        let url = Redacted::new("https://hooks.example/hooks/x".to_owned());
        let (path, query) = ("/orders/7".into(), "a=1&b".into());
        Delivery { method: Method::POST, url, path, query, headers, certificate: None }
    }

    #[test]
    fn credentials_are_left_out_and_the_rest_is_kept_in_order() {
        let verify =
            serde_json::from_value(json!({"preset": "hmac", "secrets": ["s"], "header": "X-Signature"}))
                .unwrap();
        let mut delivery = delivery(&[
            ("authorization", b"Bearer s3cret"),
            ("proxy-authorization", b"Basic s3cret"),
            ("cookie", b"session=s3cret"),
            ("x-signature", b"s3cret"),
            ("x-name", "Grüße".as_bytes()),
            ("x-latin", b"Gr\xfc\xdfe"),
            ("x-id", b"1"),
        ]);
        delivery.headers.append("x-id", HeaderValue::from_static("2"));
        let input = delivery.into_input(&verify);
        assert_eq!(
            serde_json::to_value(input).unwrap(),
            json!({"kind": "webhook", "method": "POST", "path": "/orders/7", "query": "a=1&b",
                "headers": {"x-id": ["1", "2"], "x-latin": ["Grüße"], "x-name": ["Grüße"]}})
        );
    }

    #[test]
    fn what_proves_a_sender_is_left_out_of_every_preset() {
        for preset in VerifyPreset::ALL {
            let verify = Verify { preset, header: Some("X-Own".into()), ..Verify::default() };
            let mut all =
                delivery(&[("authorization", b"s3cret"), ("x-own", b"kept?"), ("cookie", b"s3cret")]);
            for proof in preset::proofs(&verify) {
                all.headers.insert(HeaderName::try_from(proof).unwrap(), HeaderValue::from_static("s3cret"));
            }
            let text = serde_json::to_string(&all.into_input(&verify)).unwrap();
            assert!(!text.contains("s3cret"), "{preset:?}: {text}");
            assert_eq!(text.contains("kept?"), preset != VerifyPreset::Hmac, "{preset:?}");
        }
    }

    #[test]
    fn no_path_is_the_root() {
        let mut bare = delivery(&[("x-signature", b"kept")]);
        bare.path.clear();
        let EventInput::Webhook { path, headers, .. } = bare.into_input(&Verify::default()) else {
            panic!("a webhook");
        };
        assert_eq!(path, "/");
        assert_eq!(headers["x-signature"], ["kept"], "nothing is verified with it here");
    }

    #[test]
    fn floods_are_refused() {
        let mut flood = delivery(&[]);
        for _ in 0..MAX_HEADERS {
            flood.headers.append("x", HeaderValue::from_static("1"));
        }
        assert_eq!(flood.check(), Ok(()));
        flood.headers.append("x", HeaderValue::from_static("1"));
        assert_eq!(flood.check(), Err(RequestError::Headers));
        let mut large = delivery(&[]);
        large.headers.insert("x", HeaderValue::from_str(&"y".repeat(MAX_HEADER_BYTES)).unwrap());
        assert_eq!(large.check(), Err(RequestError::Headers));
        let mut long = delivery(&[]);
        long.query = "q".repeat(MAX_QUERY_BYTES + 1);
        assert_eq!(long.check(), Err(RequestError::Target));
    }
}
