//! What the sender is answered by a component that handles HTTP requests: its own status, headers and body. What must hold: what it says can neither take
//! back what protects a browser from it, nor set state there, nor steer the server or a proxy in front of it.

use bytes::Bytes;
use factotum_model::HttpResponse;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::answer::Answer;

/// Headers that do not reach the sender: they frame the message, protect browsers or instruct them beyond this answer, keep state in them, or are orders to a
/// proxy.
const DROPPED: [&str; 51] = [
    "accept-ch",
    "alt-svc",
    "authentication-info",
    "cache-control",
    "clear-site-data",
    "connection",
    "content-length",
    "content-security-policy",
    "content-security-policy-report-only",
    "critical-ch",
    "date",
    "document-policy",
    "expect-ct",
    "expires",
    "feature-policy",
    "keep-alive",
    "nel",
    "observe-browsing-topics",
    "origin-agent-cluster",
    "permissions-policy",
    "pragma",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-connection",
    "public-key-pins",
    "public-key-pins-report-only",
    "referrer-policy",
    "refresh",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "set-cookie",
    "set-cookie2",
    "set-login",
    "sourcemap",
    "speculation-rules",
    "strict-transport-security",
    "supports-loading-mode",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
    "x-content-type-options",
    "x-dns-prefetch-control",
    "x-frame-options",
    "x-lighttpd-send-file",
    "x-permitted-cross-domain-policies",
    "x-reproxy-url",
    "x-request-id",
    "x-sendfile",
];
/// And all that begin like this.
const DROPPED_PREFIXES: [&str; 3] = ["cross-origin-", "sec-", "x-accel-"];
/// What a body is that does not say.
const UNKNOWN_TYPE: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Whether a header of a component's reaches the sender.
fn passes(name: &HeaderName) -> bool {
    let name = name.as_str();
    !DROPPED.contains(&name) && !DROPPED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

impl Answer {
    /// The component's own answer, as far as it is safe.
    pub fn http(response: HttpResponse) -> Self {
        let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::BAD_GATEWAY);
        // RFC 9110 §15.3.5, §15.3.6, §15.4.5: these have none, and one would be taken for the next answer.
        let bodiless =
            matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
        let body = if bodiless { Bytes::new() } else { Bytes::from(response.body) };
        let mut answer = Self::bare(status, body);
        for (name, values) in &response.headers {
            let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
            if !passes(&name) {
                continue;
            }
            // What a body is, it is once.
            let most = if name == CONTENT_TYPE { 1 } else { values.len() };
            let values = values.iter().take(most);
            for value in values.filter_map(|value| HeaderValue::from_bytes(value.as_bytes()).ok()) {
                answer.headers.append(&name, value);
            }
        }
        if !answer.body.is_empty() && !answer.headers.contains_key(CONTENT_TYPE) {
            // A browser would guess, in spite of `nosniff`.
            answer.headers.insert(CONTENT_TYPE, UNKNOWN_TYPE);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut response = HttpResponse { status, body: body.into(), ..HttpResponse::default() };
        for (name, value) in headers {
            response.headers.entry((*name).to_owned()).or_default().push((*value).to_owned());
        }
        Answer::http(response)
    }

    #[test]
    fn what_a_component_says_is_passed_on_but_for_what_is_not_its_own() {
        let own = [
            ("content-type", "text/html"),
            ("x-own", "1"),
            ("x-own", "2"),
            ("location", "/b"),
            ("etag", "7"),
        ];
        let told = answer(201, &own, "<script>");
        assert_eq!((told.status.as_u16(), &told.body[..]), (201, &b"<script>"[..]));
        assert_eq!(told.headers["content-type"], "text/html");
        assert_eq!(told.headers.get_all("x-own").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(
            (&told.headers["location"], &told.headers["etag"]),
            (&"/b".parse().unwrap(), &"7".parse().unwrap())
        );
        assert_eq!(told.headers["content-security-policy"], "sandbox");
        assert_eq!(told.headers["x-content-type-options"], "nosniff");
        assert_eq!(told.headers["cache-control"], "no-store");
    }

    #[test]
    fn nothing_reaches_a_browser_or_a_proxy_that_would_change_more_than_this_answer() {
        let mut names: Vec<String> = DROPPED.iter().map(|name| (*name).to_owned()).collect();
        names.extend(DROPPED_PREFIXES.iter().map(|prefix| format!("{prefix}redirect")));
        for name in names {
            let told = answer(200, &[(name.as_str(), "evil")], "x");
            assert!(told.headers.get_all(&name).iter().all(|value| value != "evil"), "{name}");
            assert_eq!(told.headers["content-security-policy"], "sandbox");
            assert_eq!(told.headers["x-content-type-options"], "nosniff");
        }
    }

    #[test]
    fn an_answer_is_whole_whatever_the_component_left_out() {
        assert_eq!(answer(200, &[], "x").headers["content-type"], "application/octet-stream");
        assert!(!answer(200, &[], "").headers.contains_key("content-type"));
        for status in [204, 205, 304] {
            assert!(answer(status, &[], "x").body.is_empty(), "{status}");
        }
        assert_eq!(answer(7, &[], "").status, 502, "no status at all");
        let split = answer(200, &[("x-a", "1\r\nset-cookie: a=b"), ("x b", "1")], "");
        assert!(!split.headers.contains_key("x-a") && !split.headers.contains_key("set-cookie"));
    }
}
