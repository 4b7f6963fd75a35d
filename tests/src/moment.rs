//! Moments as the API takes them.

/// The machine's time in so many seconds, RFC 3339: the servers under test run on this machine.
#[expect(clippy::disallowed_methods, reason = "the server under test has the machine's clock")]
pub fn in_seconds(seconds: i64) -> String {
    let span = jiff::SignedDuration::from_secs(seconds);
    jiff::Timestamp::now().saturating_add(span).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// The machine's time in Unix seconds, in so many seconds from now.
#[expect(clippy::disallowed_methods, reason = "the server under test has the machine's clock")]
pub fn unix_seconds(from_now: i64) -> i64 {
    jiff::Timestamp::now().as_second().saturating_add(from_now)
}
