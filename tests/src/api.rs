//! A client of the HTTP API. What must hold: an answer of any status is an answer, and only a connection that broke is an error;
//! nothing is retried or redirected behind the caller's back.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use ureq::http::Request;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_mins(1);
/// The longest answer read, in bytes.
const MAX_ANSWER_BYTES: u64 = 256 << 20;

/// Where the API is and with which key to speak to it.
#[derive(Clone)]
pub struct Api {
    base: String,
    key: Option<String>,
    agent: ureq::Agent,
}

/// An HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Lower-case names with their values.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null if it is not JSON, so that a comparison fails and shows the rest.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text, wrong bytes replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's first value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The JSON of an answer that has to have this status; the panic shows what came instead.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "the answer was: {}", self.text());
        self.json()
    }

    /// Checks that it is a problem+json with this status and code, and returns it.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) -> Value {
        let problem = self.expect(status);
        let kind = self.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/problem+json"), "content type {kind}: {problem}");
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        for field in ["type", "title", "detail", "request_id"] {
            assert!(problem[field].as_str().is_some_and(|t| !t.is_empty()), "no `{field}` in {problem}");
        }
        problem
    }
}

impl Api {
    /// Speaks to `base`, such as `http://127.0.0.1:7070`, with a key or without.
    pub fn at(base: impl Into<String>, key: Option<&str>) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .timeout_global(Some(TIMEOUT))
            .build()
            .new_agent();
        Self { base: base.into(), key: key.map(ToOwned::to_owned), agent }
    }

    /// The same place with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Self::at(self.base.clone(), Some(key))
    }

    /// Where it speaks to.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The key it speaks with.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Any request. `path` is a path under the base, or a whole URL.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> anyhow::Result<Answer> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let mut request = Request::builder().method(method).uri(&url);
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = if body.is_empty() && matches!(method, "GET" | "DELETE" | "HEAD" | "OPTIONS") {
            self.agent.run(request.body(())?)
        } else {
            self.agent.run(request.body(body)?)
        };
        let mut answer = sent.with_context(|| format!("{method} {url}"))?;
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec()?;
        Ok(Answer { status, headers, body })
    }

    fn must(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        match self.send(method, path, headers, body) {
            Ok(answer) => answer,
            Err(e) => panic!("no answer: {e:#}"),
        }
    }

    /// GET. Panics if the connection breaks, as do the following.
    pub fn get(&self, path: &str) -> Answer {
        self.must("GET", path, &[], &[])
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Answer {
        self.must("DELETE", path, &[], &[])
    }

    /// POST with JSON.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.must("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// PUT with JSON.
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.must("PUT", path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// PATCH with JSON.
    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        self.must("PATCH", path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// POST of bytes of any type.
    pub fn post_bytes(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        self.must("POST", path, &[("content-type", content_type)], body)
    }

    /// All items of a list, page by page, through `next`.
    pub fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = None::<String>;
        let joint = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = match &cursor {
                None => self.get(&format!("{path}{joint}limit=200")),
                Some(cursor) => self.get(&format!("{path}{joint}limit=200&cursor={cursor}")),
            }
            .expect(200);
            items.extend(page["items"].as_array().into_iter().flatten().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return items,
            }
        }
    }
}
