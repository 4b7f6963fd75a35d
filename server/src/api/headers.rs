//! The headers that protect a browser from an answer. What must hold: every answer has them, and what an answer says of itself stays: a
//! page or a hook states a policy of its own.

use http::header::{
    CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Fetch, "Cross-Origin-Resource-Policy".
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// What stands on answers that say nothing else: an answer of the API loads nothing and stands in no frame.
const ALWAYS: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (X_FRAME_OPTIONS, "DENY"),
    (RESOURCE_POLICY, "same-origin"),
];
/// RFC 6797 §6.1: two years, without a word on other hosts of the domain.
const ONLY_TLS: &str = "max-age=63072000";

/// Adds those that are not there; `https`: whether the world reaches this server by TLS.
pub fn protect(headers: &mut HeaderMap, https: bool) {
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if https {
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(HeaderValue::from_static(ONLY_TLS));
    }
}
