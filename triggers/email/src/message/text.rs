//! A part's text: its transfer encoding and its character set undone. What must hold: any bytes give a text, at most [`MAX_TEXT_BYTES`] of it; lines end in `\n`.

use factotum_model::email::Decoding;
use mail_parser::decoders::charsets::map::charset_decoder;
use mailparse::ParsedContentType;
use mailparse::body::Body;

use super::walk::Leaf;

/// The most of a text, in bytes; the rest is in the raw mail alone.
pub(super) const MAX_TEXT_BYTES: usize = 1 << 20;

/// The text of a part, and whether it is whole.
pub(super) fn text(raw: &[u8], leaf: &Leaf) -> (String, bool) {
    let encoded = raw.get(leaf.start..leaf.end).unwrap_or_default();
    let mut decoding = Decoding::new(leaf.content.encoding);
    let bytes = decoding.read(encoded, MAX_TEXT_BYTES);
    let whole = bytes.len() < MAX_TEXT_BYTES || decoding.read(encoded, 1).is_empty();
    let mut text = decoded(&bytes, &leaf.content.charset);
    if !whole {
        // The cut may have gone through a character.
        while text.ends_with(char::REPLACEMENT_CHARACTER) {
            text.pop();
        }
    }
    let text = text.replace("\r\n", "\n").replace('\0', "\u{FFFD}");
    (text, whole)
}

/// What calls itself ASCII, or nothing, and is UTF-8 is that; for the rest mailparse knows the character set, or mail-parser does.
fn decoded(bytes: &[u8], charset: &str) -> String {
    let charset = charset.trim_matches(['"', '\'', ' ']);
    let unsaid = charset.is_empty()
        || charset.eq_ignore_ascii_case("us-ascii")
        || charset.eq_ignore_ascii_case("ascii");
    if unsaid && let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let said = ParsedContentType { charset: charset.to_owned(), ..ParsedContentType::default() };
    let text = match Body::new(bytes, &said, &None) {
        Body::SevenBit(body) | Body::EightBit(body) => body.get_as_string().unwrap_or_default(),
        Body::Binary(body) => body.get_as_string().unwrap_or_default(),
        Body::Base64(_) | Body::QuotedPrintable(_) => String::new(),
    };
    if !text.contains(char::REPLACEMENT_CHARACTER) {
        return text;
    }
    let lost = |text: &str| text.matches(char::REPLACEMENT_CHARACTER).count();
    let other = charset_decoder(charset.as_bytes()).map(|decode| decode(bytes));
    let utf8 = String::from_utf8_lossy(bytes).into_owned();
    [Some(text), other, Some(utf8)].into_iter().flatten().min_by_key(|text| lost(text)).unwrap_or_default()
}
