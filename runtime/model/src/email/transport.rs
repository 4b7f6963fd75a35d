//! How a mail came.

use serde::{Deserialize, Serialize};

/// How a mail came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transport {
    /// The address of the client that handed it in.
    pub peer: String,
    /// What that client called itself; it proves nothing.
    pub helo: String,
    /// `SMTP`, `ESMTP`, `ESMTPS`, `LMTP` (RFC 3848), `UTF8` before it where addresses may be (RFC 6531 §4.3).
    pub protocol: String,
}
