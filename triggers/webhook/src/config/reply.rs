//! The check of an answer that is always the same. What must hold: it cannot take back what protects a browser, set a cookie, or break the
//! connection it is sent on.

use factotum_model::trigger::{Reply, WebhookConfig};
use http::{HeaderName, HeaderValue};

use super::{ConfigError, refuse};

/// The longest body, in bytes.
pub const MAX_FIXED_BYTES: usize = 64 << 10;
/// The most headers.
pub const MAX_FIXED_HEADERS: usize = 20;
/// Headers that are the server's own: they frame the message, protect browsers, or keep state in them.
const RESERVED: [&str; 22] = [
    "alt-svc",
    "cache-control",
    "clear-site-data",
    "connection",
    "content-encoding",
    "content-length",
    "content-security-policy",
    "content-type",
    "cross-origin-resource-policy",
    "date",
    "keep-alive",
    "referrer-policy",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-content-type-options",
    "x-frame-options",
    "x-request-id",
];

pub(super) fn check(config: &WebhookConfig) -> Result<(), ConfigError> {
    let Some(fixed) = &config.fixed else { return Ok(()) };
    if config.reply != Reply::Fixed {
        return refuse("fixed", "has no effect without `\"reply\": \"fixed\"`");
    }
    if !(200..=299).contains(&fixed.status) {
        return refuse("fixed.status", "between 200 and 299: the delivery is committed when it is sent");
    }
    if fixed.body.len() > MAX_FIXED_BYTES {
        return refuse("fixed.body", format!("at most {MAX_FIXED_BYTES} bytes"));
    }
    if matches!(fixed.status, 204 | 205) && !fixed.body.is_empty() {
        return refuse("fixed.body", format!("an answer with status {} has no body", fixed.status));
    }
    if fixed.content_type.is_empty() || HeaderValue::from_str(&fixed.content_type).is_err() {
        return refuse("fixed.content_type", "not a content type, such as `application/json`");
    }
    if fixed.headers.len() > MAX_FIXED_HEADERS {
        return refuse("fixed.headers", format!("at most {MAX_FIXED_HEADERS}"));
    }
    for (name, value) in &fixed.headers {
        let field = format!("fixed.headers.{name}");
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            return refuse(&field, "not a header's name (RFC 9110 §5.1)");
        }
        if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
            return refuse(&field, "is set by the server, or not at all");
        }
        if HeaderValue::from_str(value).is_err() {
            return refuse(&field, "not a header's value (RFC 9110 §5.5)");
        }
    }
    Ok(())
}
