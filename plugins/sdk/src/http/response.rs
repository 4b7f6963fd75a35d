//! An answer. What must hold: it is whole, and its bytes are as they came.

use serde::de::DeserializeOwned;

use crate::json;

/// An answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code (RFC 9110 §15).
    pub status: u16,
    /// Names, in lower case, with their values, in the order they came.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The bytes as they came.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first value of a header that is text, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .find_map(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// The body as text.
    pub fn text(&self) -> Result<&str, std::str::Utf8Error> {
        std::str::from_utf8(&self.body)
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, json::Error> {
        json::from_slice(&self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let headers = vec![("x-id".to_owned(), vec![0xff]), ("x-id".to_owned(), b"2".to_vec())];
        let answer = Response { status: 204, headers, body: b"[1]".to_vec() };
        assert!(answer.is_success() && !Response { status: 302, ..answer.clone() }.is_success());
        assert_eq!(answer.header("X-ID"), Some("2"));
        assert_eq!(answer.json::<Vec<u8>>().expect("it is JSON"), [1]);
    }
}
