//! A file in a mail. What must hold: what is kept of it is where it stands in the mail's bytes, never a second copy.

use serde::{Deserialize, Serialize};

use super::transfer::{Decoding, TransferEncoding};
use crate::digest::Digest;

/// A file in a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// A file's name without folders, control characters and what systems read into names; `attachment-1` where it has none.
    pub name: String,
    /// Its media type, lower-case: `application/pdf`.
    #[serde(rename = "type")]
    pub media_type: String,
    /// Decoded, in bytes.
    pub size: u64,
    /// Of the decoded bytes.
    pub sha256: Digest,
    /// Whether it is shown within the text, as an image of an HTML part is.
    #[serde(default)]
    pub inline: bool,
    /// `Content-ID:` without its angle brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_id: Option<String>,
    /// Where it stands.
    pub source: Source,
}

/// Where a part's encoded body stands in a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its first byte.
    pub start: u64,
    /// The byte after its last.
    pub end: u64,
    /// What it is encoded by.
    pub encoding: TransferEncoding,
}

impl Source {
    /// The encoded bytes in the mail's; nothing where the range lies outside.
    pub fn encoded<'a>(&self, mail: &'a [u8]) -> &'a [u8] {
        let range = usize::try_from(self.start).ok().zip(usize::try_from(self.end).ok());
        range.and_then(|(start, end)| mail.get(start..end)).unwrap_or_default()
    }

    /// The decoded bytes.
    pub fn decoded(&self, mail: &[u8]) -> Vec<u8> {
        Decoding::new(self.encoding).read(self.encoded(mail), usize::MAX)
    }
}
