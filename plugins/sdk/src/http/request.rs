//! A request before it is sent. What must hold: whatever is wrong with it is an error when it is sent, so that the
//! builder's calls chain.

use std::time::Duration;

use serde::Serialize;

use super::{Error, Response, send};

/// How large an answer may be unless the request says otherwise, in bytes.
pub const DEFAULT_MAX_RESPONSE_BYTES: usize = 16 << 20;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    pub(super) timeout: Option<Duration>,
    pub(super) max_response_bytes: usize,
}

impl Request {
    /// A request of any method to an `http:` or `https:` URL.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: None,
            max_response_bytes: DEFAULT_MAX_RESPONSE_BYTES,
        }
    }

    /// `GET`
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// `POST`
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// `PUT`
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// `DELETE`
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a header. One of the same name stays: both are sent.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to JSON, and says so in `Content-Type`.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, Error> {
        let body = serde_json::to_vec(value)
            .map_err(|e| Error::Request(format!("its body has no JSON form: {e}")))?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// How long to wait for the connection, for the answer's first byte, and between its bytes: each of them. Without it,
    /// the run's own deadline ends the wait.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The largest body of an answer to take, in bytes; [`DEFAULT_MAX_RESPONSE_BYTES`] unless set.
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.max_response_bytes = bytes;
        self
    }

    /// Sends it and waits for the whole answer.
    pub fn send(self) -> Result<Response, Error> {
        send(self)
    }
}

/// A URL in the parts that the host takes.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "natively, only the tests read it"))]
pub(super) struct Target<'a> {
    pub(super) tls: bool,
    pub(super) authority: &'a str,
    pub(super) path_with_query: String,
}

impl<'a> Target<'a> {
    /// Splits a URL (RFC 3986 §3); the fragment is not sent (RFC 9110 §4.2.5), and user information is refused (RFC 9110
    /// §4.2.4).
    #[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "natively, only the tests call it"))]
    pub(super) fn parse(url: &'a str) -> Result<Self, Error> {
        let unfit = |why: &str| Error::Request(format!("the URL `{url}` {why}"));
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| unfit("has no scheme: write `https://…`"))?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(unfit("is neither `http` nor `https`")),
        };
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        if authority.is_empty() {
            return Err(unfit("names no host"));
        }
        if authority.contains('@') {
            return Err(unfit("carries a user name: send credentials in a header"));
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { tls, authority, path_with_query: format!("{slash}{path}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_split() {
        for (url, tls, authority, path) in [
            ("https://example.com", true, "example.com", "/"),
            ("HTTP://[::1]:8080/a/b?c=d#e", false, "[::1]:8080", "/a/b?c=d"),
            ("http://example.com?q=http://x/", false, "example.com", "/?q=http://x/"),
            ("http://example.com#a/b?c", false, "example.com", "/"),
        ] {
            let expected = Target { tls, authority, path_with_query: path.to_owned() };
            assert_eq!(Target::parse(url), Ok(expected), "{url}");
        }
    }

    #[test]
    fn an_unfit_url_is_refused_with_its_reason() {
        for (url, why) in [
            ("example.com/x", "has no scheme"),
            ("ftp://example.com/", "neither"),
            ("https:///x", "names no host"),
            ("https://user:pass@example.com/", "user name"),
        ] {
            let error = Target::parse(url).expect_err(url).to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn json_sets_the_content_type_beside_other_headers() {
        let request = Request::post("http://x").header("a", "b").json(&[1]).expect("it has a JSON form");
        let names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "content-type"]);
        assert_eq!(request.body, b"[1]");
    }
}
