//! What the sender of a delivery is answered. What must hold: whatever a workflow says, a browser that shows the answer runs
//! nothing of it (`Content-Security-Policy: sandbox`, `nosniff`); an internal failure says its code, not its inside.

use bytes::Bytes;
use factotum_model::trigger::FixedReply;
use factotum_model::{ErrorCode, RequestId, RunId};
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::json;

/// How long a sender should wait before it tries again, in seconds.
pub const RETRY_AFTER_S: u32 = 5;

/// An answer, independent of any HTTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    fn of(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut answer = Self::bare(status, body.into());
        answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        answer
    }

    /// With what every answer says to a browser, and nothing else.
    pub(crate) fn bare(status: StatusCode, body: Bytes) -> Self {
        let mut headers = HeaderMap::with_capacity(6);
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Self { status, headers, body }
    }

    /// 202 with the run's id: the delivery is committed.
    pub fn accepted(run: RunId) -> Self {
        Self::of(StatusCode::ACCEPTED, "application/json", json!({"run": run}).to_string())
    }

    /// 202 with the ids of the runs of a batch: all of it is committed.
    pub fn accepted_all(runs: &[RunId]) -> Self {
        Self::of(StatusCode::ACCEPTED, "application/json", json!({"runs": runs}).to_string())
    }

    /// 200 with a text: what a handshake asks for.
    pub fn text(text: String) -> Self {
        Self::of(StatusCode::OK, "text/plain; charset=utf-8", text)
    }

    /// 200 to an origin whose CloudEvents are welcome, so many a minute.
    pub fn welcome(origin: &str, rate: &str, methods: &[String]) -> Self {
        let mut answer = Self::of(StatusCode::OK, "text/plain; charset=utf-8", "").allow(methods);
        answer.set(HeaderName::from_static("webhook-allowed-origin"), origin);
        answer.set(HeaderName::from_static("webhook-allowed-rate"), rate);
        answer
    }

    /// What the configuration says, whatever was delivered.
    pub fn fixed(reply: &FixedReply) -> Self {
        let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
        let mut answer = Self::of(status, "text/plain; charset=utf-8", reply.body.clone());
        // What was checked when it was stored; the headers that protect browsers are not among them.
        for (name, value) in &reply.headers {
            if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                answer.set(name, value);
            }
        }
        answer.set(CONTENT_TYPE, &reply.content_type);
        answer
    }

    /// 202 with the run's place: the delivery is committed, its outcome not there in time.
    pub fn pending(run: RunId) -> Self {
        let mut answer = Self::accepted(run);
        answer.set(LOCATION, &format!("/api/v1/runs/{run}"));
        answer
    }

    /// The workflow's own answer, from its output's JSON text: a string as text, anything else as it is.
    pub fn output(json: &str) -> Self {
        if json.trim_start().starts_with('"')
            && let Ok(text) = serde_json::from_str::<String>(json)
        {
            return Self::of(StatusCode::OK, "text/plain; charset=utf-8", text);
        }
        Self::of(StatusCode::OK, "application/json", json.to_owned())
    }

    /// 502: the workflow failed.
    pub fn failed(code: ErrorCode, message: &str, request: RequestId) -> Self {
        // What a workflow says of its own failure is meant for its callers; a trap's trace is not.
        let detail = match code {
            ErrorCode::Failed => message,
            _ => "the workflow did not end well; its run says more",
        };
        Self::problem(StatusCode::BAD_GATEWAY, code.as_str(), "The workflow failed", detail, request)
    }

    /// A refusal or a failure as RFC 9457 has it.
    pub fn problem(status: StatusCode, code: &str, title: &str, detail: &str, request: RequestId) -> Self {
        let body = json!({
            "type": format!("urn:factotum:problem:{code}"),
            "title": title,
            "status": status.as_u16(),
            "detail": detail,
            "code": code,
            "request_id": request,
        });
        Self::of(status, "application/problem+json", body.to_string())
    }

    /// With `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        self
    }

    /// With `WWW-Authenticate`, as a 401 must have it (RFC 9110 §15.5.2).
    #[must_use]
    pub fn authenticate(mut self, scheme: &str) -> Self {
        self.set(WWW_AUTHENTICATE, scheme);
        self
    }

    /// With `Allow`, as a 405 must have it (RFC 9110 §15.5.6).
    #[must_use]
    pub fn allow(mut self, methods: &[String]) -> Self {
        self.set(ALLOW, &methods.join(", "));
        self
    }

    fn set(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
    }
}

impl<B: From<Bytes>> From<Answer> for Response<B> {
    fn from(answer: Answer) -> Self {
        let mut response = Self::new(answer.body.into());
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        response
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn request() -> RequestId {
        RequestId::random()
    }

    fn shown(answer: &Answer) -> (u16, &str, &str) {
        assert_eq!(answer.headers[CONTENT_SECURITY_POLICY], "sandbox");
        assert_eq!(answer.headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        let content_type = answer.headers[CONTENT_TYPE].to_str().unwrap();
        (answer.status.as_u16(), content_type, std::str::from_utf8(&answer.body).unwrap())
    }

    #[test]
    fn an_output_is_text_or_json() {
        assert_eq!(shown(&Answer::output(r#""<script>""#)), (200, "text/plain; charset=utf-8", "<script>"));
        for json in [r#"{"total":3}"#, "null", r#"[1,"a"]"#, "7", r#"{"status":201,"headers":{},"body":"x"}"#]
        {
            assert_eq!(shown(&Answer::output(json)), (200, "application/json", json));
        }
    }

    #[test]
    fn a_failure_is_502_with_its_code_and_without_its_inside() {
        let id = request();
        let trap = Answer::failed(ErrorCode::Trap, "0x7f: wasm trace", id);
        let (status, content_type, body) = shown(&trap);
        assert_eq!((status, content_type), (502, "application/problem+json"));
        assert!(!body.contains("trace"), "{body}");
        let problem: Value = serde_json::from_str(body).unwrap();
        assert_eq!((&problem["code"], &problem["status"]), (&json!("trap"), &json!(502)));
        assert_eq!(problem["request_id"], id.to_string());
        assert_eq!(problem["type"], "urn:factotum:problem:trap", "as in the API");
        let said = Answer::failed(ErrorCode::Failed, "no such order", id);
        assert!(shown(&said).2.contains("no such order"), "the workflow's own words");
    }

    #[test]
    fn accepted_and_pending_name_the_run() {
        let run = RunId::random();
        let body = format!(r#"{{"run":"{run}"}}"#);
        let accepted = Answer::accepted(run);
        assert_eq!(shown(&accepted), (202, "application/json", body.as_str()));
        assert!(!accepted.headers.contains_key(LOCATION));
        let pending = Answer::pending(run);
        assert_eq!(shown(&pending), (202, "application/json", body.as_str()));
        assert_eq!(pending.headers[LOCATION], format!("/api/v1/runs/{run}"));
    }

    #[test]
    fn it_becomes_a_response() {
        let answer =
            Answer::problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "t", "d", request())
                .allow(&["POST".into(), "PUT".into()])
                .retry_after(5);
        let response = Response::<Bytes>::from(answer);
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()[ALLOW], "POST, PUT");
        assert_eq!(response.headers()[RETRY_AFTER], "5");
    }
}
