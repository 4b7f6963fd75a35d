//! Query strings. What must hold: an unknown parameter is an error, and a wrong one is named.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::{Code, Problem};
use crate::operations::page::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::operations::{Listed, Page};
use crate::view::PageView;

/// The query, read into a struct that refuses unknown fields.
#[derive(Debug)]
pub struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Query::<T>::try_from_uri(&parts.uri).map(|query| Self(query.0)).map_err(|e| {
            let text = std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
            let quoted = text.contains('`').then(|| text.split('`').nth(1)).flatten();
            let field = quoted.or_else(|| text.split_once(':').map(|(field, _)| field));
            let code = if text.contains("unknown field") { Code::UnknownField } else { Code::InvalidField };
            Problem {
                field: field.map(ToOwned::to_owned),
                ..Problem::new(code, format!("in the query: {text}"))
            }
        })
    }
}

/// Reads one value, and names its parameter if it cannot be.
pub fn value<T: FromStr>(name: &'static str, text: Option<&str>) -> Result<Option<T>, Problem>
where
    T::Err: std::fmt::Display,
{
    text.map(str::parse).transpose().map_err(|e| Problem::field(name, format!("in the query, `{name}`: {e}")))
}

/// Reads one word of a closed list.
pub fn word<T>(
    name: &'static str,
    text: Option<&str>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let known = |text: &str| {
        let shown: String = text.chars().take(60).collect();
        read(text).ok_or_else(|| {
            Problem::field(name, format!("in the query, `{name}`: `{shown}` is not a known word"))
        })
    };
    text.map(known).transpose()
}

/// `limit` and `cursor`.
pub fn page<C: FromStr>(limit: Option<&str>, cursor: Option<&str>) -> Result<Page<C>, Problem> {
    let limit = limit.map_or(Some(DEFAULT_LIMIT), |text| text.parse().ok());
    let limit = limit
        .filter(|n| *n > 0)
        .ok_or_else(|| Problem::field("limit", "in the query, `limit` must be a whole number from 1 on"))?;
    let cursor = cursor.map(str::parse).transpose().map_err(|_| {
        Problem::field("cursor", "in the query, `cursor` must be what `next` of the page before said")
    })?;
    Ok(Page { limit: limit.min(MAX_LIMIT), cursor })
}

/// A page as it is answered.
pub fn listed<T, V: Serialize>(page: Listed<T>, each: impl FnMut(T) -> V) -> axum::Json<PageView<V>> {
    let page = page.map(each);
    axum::Json(PageView { items: page.items, next: page.next })
}
