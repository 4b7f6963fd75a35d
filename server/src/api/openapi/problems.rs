//! Which problems an operation may answer with. What must hold: they follow from what the endpoint takes and needs, so that nobody writes
//! them down by hand and none is left out.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use crate::api::endpoint::{BodyKind, Endpoint, Needs};
use crate::api::problem::Code;

/// A problem answer: what it is called among those that operations share, and when it comes.
pub struct Answer {
    /// The name under `components/responses`.
    pub name: String,
    /// When it comes.
    pub what: String,
}

/// Status → its answer, for every problem of the endpoint. Endpoints with the same problems share their answers; one that states its own words has
/// an answer of its own.
pub fn of(endpoint: &Endpoint) -> BTreeMap<u16, Answer> {
    let own = codes(endpoint);
    let mut found: BTreeMap<u16, (Vec<String>, Vec<&str>)> = BTreeMap::new();
    for code in Code::ALL.into_iter().filter(|code| own.contains(code)) {
        let (word, status, what) = code.row();
        let (names, words) = found.entry(status.as_u16()).or_default();
        names.push(word.split('_').map(super::capital).collect());
        words.push(what);
    }
    for (status, what) in endpoint.refusals.iter().copied() {
        let (names, words) = found.entry(status).or_default();
        *names = vec![format!("{}{status}", super::capital(endpoint.id))];
        words.push(what);
    }
    let answer = |(names, words): (Vec<String>, Vec<&str>)| Answer {
        name: names.join("Or"),
        what: words.join(" · "),
    };
    found.into_iter().map(|(status, both)| (status, answer(both))).collect()
}

fn codes(endpoint: &Endpoint) -> Vec<Code> {
    // A panic, a database that is away, a limit on time: nothing is free of them.
    let mut codes = vec![Code::Internal, Code::Unavailable, Code::Timeout];
    if endpoint.path.contains('{') {
        codes.extend([Code::InvalidRequest, Code::NotFound]);
    }
    if endpoint.needs != Needs::Nothing {
        codes.extend([Code::Unauthenticated, Code::Denied]);
    }
    if !endpoint.path.starts_with("/api/") {
        return codes;
    }
    if !endpoint.query.is_empty() {
        codes.extend([Code::UnknownField, Code::InvalidField]);
    }
    if endpoint.method != Method::GET {
        codes.extend([Code::Conflict, Code::RateLimited]);
        if endpoint.needs == Needs::Nothing {
            // Who has no key yet proves who they are by the body.
            codes.extend([Code::Unauthenticated, Code::Denied]);
        }
    }
    if endpoint.method == Method::POST {
        codes.extend([Code::InvalidRequest, Code::InProgress, Code::IdempotencyMismatch]);
    }
    if endpoint.path.starts_with("/api/v1/members/") || endpoint.path.starts_with("/api/v1/accounts/") {
        codes.push(Code::ServiceAccountImmutable);
    }
    match endpoint.body {
        None => {}
        Some(BodyKind::Json(_)) => codes.extend([
            Code::InvalidJson,
            Code::TooLarge,
            Code::UnsupportedMediaType,
            Code::UnknownField,
            Code::InvalidField,
        ]),
        Some(BodyKind::Raw(_)) => codes.extend([
            Code::InvalidRequest,
            Code::TooLarge,
            Code::UnsupportedMediaType,
            Code::InvalidComponent,
        ]),
    }
    codes
}

/// The response object of a status: RFC 9110 §11.6.1 and §10.2.3 ask for its headers.
pub fn response(status: u16, what: &str) -> Value {
    let mut response = json!({
        "description": what,
        "headers": {"X-Request-Id": request_id()},
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    });
    match status {
        401 => response["headers"]["WWW-Authenticate"] = header("what is asked for", false),
        429 | 503 => response["headers"]["Retry-After"] = header("when to try again, in seconds", false),
        _ => {}
    }
    response
}

/// The header of every answer: a reference to [`headers`].
pub fn request_id() -> Value {
    json!({"$ref": "#/components/headers/RequestId"})
}

/// The headers that answers share.
pub fn headers() -> Value {
    json!({"RequestId": header("the request's id, as in the server's log and the audit trail", true)})
}

fn header(what: &str, required: bool) -> Value {
    json!({"description": what, "required": required, "schema": {"type": "string"}})
}
