//! The cookie of a log-in that is under way at the identity provider. What must hold: it binds the log-in to the browser that began it, and
//! is gone when the log-in has ended.

use axum::response::{IntoResponseParts, ResponseParts};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

use super::session::cookie;
use crate::operations::Token;
use crate::operations::oidc::PATIENCE;

/// The cookie's name.
const COOKIE_NAME: &str = "__Host-factotum-oidc";

/// The token of the log-in that this browser began last.
pub fn token(headers: &HeaderMap) -> Option<Token> {
    cookie(headers, COOKIE_NAME)
}

/// The answer's part that gives a browser the cookie, or takes it away. It comes back from another site by a link, so `SameSite` is `Lax`.
#[derive(Debug)]
pub enum SetFlow {
    /// A log-in begins.
    Begin(Token),
    /// It is over.
    End,
}

impl IntoResponseParts for SetFlow {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        let (token, seconds) = match &self {
            Self::Begin(token) => (token.expose(), PATIENCE.as_secs()),
            Self::End => ("", 0),
        };
        let text =
            format!("{COOKIE_NAME}={token}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax");
        if let Ok(mut value) = HeaderValue::from_str(&text) {
            value.set_sensitive(true);
            parts.headers_mut().append(SET_COOKIE, value);
        }
        Ok(parts)
    }
}
