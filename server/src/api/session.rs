//! Sessions as browsers carry them: one cookie. What must hold: the cookie is `__Host-`, `Secure`, `HttpOnly`, `SameSite=Lax`, so that no other
//! host and no script can set or read it; and a request that changes something counts only from the server's own pages.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponseParts, ResponseParts};
use factotum_model::Timestamp;
use http::header::{CACHE_CONTROL, COOKIE, HOST, ORIGIN, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

use super::error::ApiError;
use super::problem::{Code, Problem};
use crate::operations::{Origin, Services, Token};

/// The cookie's name (RFC 6265bis §4.1.3.2: a `__Host-` cookie is this host's alone).
pub const COOKIE_NAME: &str = "__Host-factotum";

/// The session's token, if the request carries one.
pub fn token(headers: &HeaderMap) -> Option<Token> {
    cookie(headers, COOKIE_NAME)
}

/// The token in a cookie. Two cookies of the name are none: one of them was planted.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<Token> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';'));
    let mut values = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(own, _)| *own == name);
    let ((_, value), None) = (values.next()?, values.next()) else { return None };
    value.parse().ok()
}

/// Somebody who is not logged in yet. What they ask for counts only where no other site's page asks for it: a log-in that somebody is led into
/// by another site is an attack as well.
#[derive(Debug)]
pub struct Visitor {
    /// Where the request came from.
    pub origin: Origin,
    /// The session that the browser has, if it has one.
    pub token: Option<Token>,
}

impl FromRequestParts<Arc<Services>> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Arc<Services>) -> Result<Self, ApiError> {
        let origin = parts.extensions.get::<Origin>().cloned();
        // The edge puts it there before anything else.
        let origin = origin.ok_or_else(|| Problem::new(Code::Internal, "the request passed no edge"))?;
        // A program states neither.
        let by_browser = parts.headers.contains_key("sec-fetch-site") || parts.headers.contains_key(ORIGIN);
        if by_browser && !same_origin(parts, &services.public_url) {
            services.refusals.count(origin.address, "a log-in from another site's page");
            let words = "people log in from this server's own pages only";
            return Err(Problem::new(Code::Denied, words).into());
        }
        Ok(Self { origin, token: token(&parts.headers) })
    }
}

/// The answer's part that gives a browser its session, or takes it away.
#[derive(Debug)]
pub enum SetSession {
    /// From now until the session ends.
    Begin(Token, Timestamp, Timestamp),
    /// It is over.
    End,
}

impl SetSession {
    fn text(&self) -> String {
        match self {
            Self::Begin(token, now, until) => {
                let seconds = until.since(*now).as_secs();
                format!(
                    "{COOKIE_NAME}={}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax",
                    token.expose()
                )
            }
            Self::End => format!("{COOKIE_NAME}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"),
        }
    }
}

impl IntoResponseParts for SetSession {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        if let Ok(mut value) = HeaderValue::from_str(&self.text()) {
            value.set_sensitive(true);
            parts.headers_mut().append(SET_COOKIE, value);
            parts.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        Ok(parts)
    }
}

/// Whether a request comes from the server's own pages, or changes nothing. A browser says so itself in `Sec-Fetch-Site` (Fetch Metadata) or
/// `Origin` (RFC 6454 §7); where it says neither, nothing is changed.
pub fn same_origin(parts: &Parts, public_url: &str) -> bool {
    if matches!(parts.method, Method::GET | Method::HEAD) {
        return true;
    }
    let text = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = text(ORIGIN.as_str()) else { return false };
    let own = text(HOST.as_str()).or_else(|| parts.uri.authority().map(http::uri::Authority::as_str));
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    origin == public_url || (host.is_some() && host == own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().method(method).uri("/api/v1/me");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_the_servers_own_pages_change_something() {
        let ask = |headers: &[(&str, &str)]| same_origin(&parts("POST", headers), "https://factotum.example");
        assert!(ask(&[("sec-fetch-site", "same-origin")]));
        assert!(ask(&[("origin", "https://factotum.example")]));
        assert!(ask(&[("origin", "http://127.0.0.1:7070"), ("host", "127.0.0.1:7070")]));
        assert!(!ask(&[]), "a form of another age");
        assert!(!ask(&[("origin", "null"), ("host", "null")]));
        assert!(!ask(&[("origin", "https://evil.example"), ("host", "factotum.example")]));
        assert!(!ask(&[("sec-fetch-site", "same-site"), ("origin", "https://factotum.example")]));
        assert!(!ask(&[("sec-fetch-site", "cross-site")]));
        assert!(!ask(&[("sec-fetch-site", "none")]));
        assert!(same_origin(&parts("GET", &[("sec-fetch-site", "cross-site")]), "https://factotum.example"));
    }

    #[test]
    fn a_planted_second_cookie_makes_both_worthless() {
        let (one, two) = (Token::fresh().unwrap(), Token::fresh().unwrap());
        let read = |cookie: String| {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, cookie.parse().unwrap());
            token(&headers).map(|t| t.hash())
        };
        let cookie = |t: &Token| format!("{COOKIE_NAME}={}", t.expose());
        assert_eq!(read(format!("a=b; {}; c=d", cookie(&one))), Some(one.hash()));
        assert_eq!(read(format!("{}; {}", cookie(&one), cookie(&two))), None);
        assert_eq!(read(format!("{COOKIE_NAME}=short")), None);
    }
}
