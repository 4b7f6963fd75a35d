//! Reading bodies. What must hold: a body over its limit is never held in memory, one of the wrong content type is refused before it is
//! read, and an error in JSON is named with line and column or with its field.

use std::marker::PhantomData;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, Request};
use bytes::{Bytes, BytesMut};
use factotum_model::object::Object;
use http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::problem::{Code, Problem};

/// How long a client may take to send a body.
pub const BODY_TIMEOUT: Duration = Duration::from_mins(1);

/// The largest JSON body, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct JsonLimit(pub u64);

/// A JSON body, read and checked.
#[derive(Debug)]
pub struct Json<T> {
    /// The value.
    pub value: T,
    /// The bytes as they came: what an idempotency key is compared by.
    pub bytes: Bytes,
    read: PhantomData<T>,
}

impl<S, T> FromRequest<S> for Json<T>
where
    S: Send + Sync,
    JsonLimit: FromRef<S>,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            return Err(wrong_type(&parts.headers, "application/json"));
        }
        let bytes = read(&parts.headers, body, JsonLimit::from_ref(state).0).await?;
        let value = parse(&bytes)?;
        Ok(Self { value, bytes, read: PhantomData })
    }
}

/// Refuses a content type, naming what came and what is taken.
pub fn wrong_type(headers: &HeaderMap, expected: &str) -> Problem {
    let came = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let came = came
        .map_or("no Content-Type".to_owned(), |t| format!("`{}`", t.chars().take(100).collect::<String>()));
    Problem::new(Code::UnsupportedMediaType, format!("the body came with {came}; send it as `{expected}`"))
}

/// Whether the content type is JSON: RFC 8259 §11, RFC 6839 §3.1.
pub fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads a whole body of at most `limit` bytes.
pub async fn read(headers: &HeaderMap, body: Body, limit: u64) -> Result<Bytes, Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    match tokio::time::timeout(BODY_TIMEOUT, collect(body, limit)).await {
        Ok(collected) => collected,
        Err(_) => Err(Problem::new(
            Code::Timeout,
            format!("the body was not complete after {} s", BODY_TIMEOUT.as_secs()),
        )),
    }
}

async fn collect(mut body: Body, limit: u64) -> Result<Bytes, Problem> {
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|e| Problem::new(Code::InvalidRequest, format!("the body broke off: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if (collected.len() + data.len()) as u64 > limit {
            return Err(too_large(limit));
        }
        collected.extend_from_slice(&data);
    }
    Ok(collected.freeze())
}

/// The answer to a body over its limit.
pub fn too_large(limit: u64) -> Problem {
    Problem::new(Code::TooLarge, format!("the body is larger than {limit} bytes; send less"))
}

/// Reads a JSON object, and names what is wrong with it.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    any::<Object<T>>(bytes).map(|object| object.0)
}

/// Whether it is JSON at all.
pub fn check(bytes: &[u8]) -> Result<(), Problem> {
    any::<IgnoredAny>(bytes).map(drop)
}

fn any<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
        let path = e.path().to_string();
        refused(e.inner(), (path != ".").then_some(path))
    })?;
    deserializer.end().map_err(|e| refused(&e, None))?;
    Ok(value)
}

fn refused(error: &serde_json::Error, path: Option<String>) -> Problem {
    use serde_json::error::Category;
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    match error.classify() {
        Category::Data => {
            let unknown = text.starts_with("unknown field");
            let code = if unknown { Code::UnknownField } else { Code::InvalidField };
            let mut problem = Problem::new(code, format!("line {line}, column {column}: {text}"));
            problem.field = path.or_else(|| text.split('`').nth(1).map(ToOwned::to_owned));
            problem
        }
        Category::Eof if line <= 1 && column == 0 => {
            Problem::new(Code::InvalidJson, "the body is empty; send a JSON document")
        }
        Category::Syntax | Category::Eof | Category::Io => {
            Problem::new(Code::InvalidJson, format!("line {line}, column {column}: {text}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use factotum_model::workflow::WorkflowSpec;

    #[test]
    fn an_error_in_json_is_named_with_its_place() {
        let syntax = parse::<WorkflowSpec>(b"{\n  \"plugin\": \"a@1\",\n  }").unwrap_err();
        assert_eq!(syntax.code, Code::InvalidJson);
        assert!(syntax.detail.contains("line 3, column 3"), "{}", syntax.detail);
        let unknown = parse::<WorkflowSpec>(br#"{"plugin":"a@1","limits":{"wall":5}}"#).unwrap_err();
        assert_eq!((unknown.code, unknown.field.as_deref()), (Code::UnknownField, Some("limits.wall")));
        let wrong = parse::<WorkflowSpec>(br#"{"plugin":"a@1","limits":{"wall_ms":"x"}}"#).unwrap_err();
        assert_eq!((wrong.code, wrong.field.as_deref()), (Code::InvalidField, Some("limits.wall_ms")));
        let missing = parse::<WorkflowSpec>(b"{}").unwrap_err();
        assert_eq!((missing.code, missing.field.as_deref()), (Code::InvalidField, Some("plugin")));
        assert_eq!(parse::<WorkflowSpec>(b"").unwrap_err().code, Code::InvalidJson);
        assert_eq!(check(b"{} {}").unwrap_err().code, Code::InvalidJson);
        assert!(check(b"[1]").is_ok());
        let list = parse::<WorkflowSpec>(br#"["a@1"]"#).unwrap_err();
        assert_eq!((list.code, list.field), (Code::InvalidField, None));
    }

    #[tokio::test]
    async fn a_body_over_its_limit_is_refused_announced_or_not() {
        let mut headers = HeaderMap::new();
        let over = read(&headers, Body::from(vec![0; 11]), 10).await.unwrap_err();
        assert_eq!(over.code, Code::TooLarge);
        headers.insert(header::CONTENT_LENGTH, 11.into());
        let announced = read(&headers, Body::from(vec![0; 11]), 10).await.unwrap_err();
        assert_eq!(announced.code, Code::TooLarge);
        assert_eq!(read(&HeaderMap::new(), Body::from(vec![0; 10]), 10).await.unwrap().len(), 10);
    }
}
