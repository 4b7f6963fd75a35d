//! `Idempotency-Key`: honoured on every POST, per account and route, for 24 hours.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use factotum_model::Digest;
use http::HeaderName;
use http::request::Parts;

use super::problem::{Code, Problem};
use crate::operations::Once;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks an answer that was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 255;

/// The request's idempotency key, if it has one.
#[derive(Debug)]
pub struct IdempotencyKey {
    key: Option<Result<String, Problem>>,
    route: String,
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let target = parts.uri.path_and_query().map_or("/", |p| p.as_str());
        let route = format!("{} {target}", parts.method);
        let key = parts.headers.get(IDEMPOTENCY_KEY).map(|value| {
            let text = value.to_str().ok().filter(|t| is_fine(t));
            text.map(ToOwned::to_owned).ok_or_else(|| {
                let words =
                    format!("Idempotency-Key must have 1 to {MAX_KEY_BYTES} visible ASCII characters");
                Problem::new(Code::InvalidRequest, words)
            })
        });
        Ok(Self { key, route })
    }
}

fn is_fine(text: &str) -> bool {
    (1..=MAX_KEY_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

impl IdempotencyKey {
    /// With the body that it stands for.
    pub fn over(self, body: &[u8]) -> Result<Option<Once>, Problem> {
        let route = self.route;
        self.key.transpose().map(|key| key.map(|key| Once { route, key, body: Digest::of(body) }))
    }
}
