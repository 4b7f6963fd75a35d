//! What a part says of itself: RFC 2045 §5, RFC 2183, RFC 2231.

use factotum_model::email::TransferEncoding;
use mailparse::{DispositionType, ParsedContentType, parse_content_disposition, parse_content_type};

use super::field::Head;

/// A longer boundary is none: RFC 2046 §5.1.1 allows 70 characters.
const MAX_BOUNDARY_BYTES: usize = 998;

/// What a part says of itself.
#[derive(Debug, Clone)]
pub(super) struct Content {
    /// Lower-case, `type/subtype`.
    pub(super) media_type: String,
    /// As it is written; `us-ascii` if it is not.
    pub(super) charset: String,
    /// What separates the parts of a multipart.
    pub(super) boundary: Option<String>,
    /// Whether it asks to be kept apart from the text.
    pub(super) is_attachment: bool,
    /// The name it gives itself.
    pub(super) name: Option<String>,
    /// Without angle brackets.
    pub(super) id: Option<String>,
    pub(super) encoding: TransferEncoding,
    /// Whether the encoding is one that is known.
    pub(super) is_known_encoding: bool,
}

impl Content {
    /// A text without header.
    pub(super) fn text() -> Self {
        Self::of(&Head::default(), "text/plain")
    }

    pub(super) fn of(head: &Head<'_>, default: &str) -> Self {
        let value = |name: &str| head.first(name).map(|field| field.value().0);
        let said = value("content-type").map(|value| parse_content_type(&value));
        let said = said.unwrap_or_else(|| ParsedContentType {
            mimetype: default.to_owned(),
            ..ParsedContentType::default()
        });
        let disposition =
            value("content-disposition").map(|value| parse_content_disposition(&value)).unwrap_or_default();
        let (encoding, is_known_encoding) =
            TransferEncoding::of(&value("content-transfer-encoding").unwrap_or_default());
        let param = |name: &str| disposition.params.get(name).filter(|value| !value.is_empty());
        let name = param("filename").or_else(|| said.params.get("name").filter(|value| !value.is_empty()));
        let boundary = said.params.get("boundary");
        Self {
            media_type: media_type(&said.mimetype),
            charset: said.charset,
            boundary: boundary.filter(|b| !b.is_empty() && b.len() <= MAX_BOUNDARY_BYTES).cloned(),
            is_attachment: !matches!(disposition.disposition, DispositionType::Inline),
            name: name.cloned(),
            id: value("content-id")
                .map(|id| id.trim_matches(['<', '>', ' ']).to_owned())
                .filter(|id| !id.is_empty()),
            encoding,
            is_known_encoding,
        }
    }

    pub(super) fn is_multipart(&self) -> bool {
        self.media_type.starts_with("multipart/")
    }

    /// A mail within the mail whose lines stand there as they are (RFC 2046 §5.2.1, RFC 6532 §3.7).
    pub(super) fn is_open_message(&self) -> bool {
        let message = matches!(self.media_type.as_str(), "message/rfc822" | "message/global");
        message && self.encoding == TransferEncoding::Identity
    }
}

/// Of what is written: what has no form of a media type is text (RFC 2045 §5.2).
fn media_type(written: &str) -> String {
    let written = written.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    match written.split_once('/') {
        Some((kind, sub)) if token(kind) && token(sub) && written.len() <= 127 => written,
        _ => "text/plain".to_owned(),
    }
}
