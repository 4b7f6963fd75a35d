//! The transfer encodings of RFC 2045 §6, undone piece by piece. What must hold: any bytes decode to something, in time linear to their number;
//! a piece is no larger than it was asked for.

use serde::{Deserialize, Serialize};

/// How a part's bytes are written down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferEncoding {
    /// As they are: `7bit`, `8bit`, `binary`, and what nobody knows.
    #[default]
    Identity,
    /// RFC 2045 §6.8.
    Base64,
    /// RFC 2045 §6.7.
    QuotedPrintable,
}

impl TransferEncoding {
    /// Of the word in `Content-Transfer-Encoding:`, and whether it is a known one.
    pub fn of(word: &str) -> (Self, bool) {
        let word = word.trim();
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        if is("base64") {
            (Self::Base64, true)
        } else if is("quoted-printable") {
            (Self::QuotedPrintable, true)
        } else {
            (Self::Identity, word.is_empty() || is("7bit") || is("8bit") || is("binary"))
        }
    }
}

/// How far one encoded body is decoded.
#[derive(Debug, Clone)]
pub struct Decoding {
    encoding: TransferEncoding,
    /// The next encoded byte.
    at: usize,
    /// Quoted-printable: white space before this is known to be text.
    text_until: usize,
    /// Base64: bits that make no byte yet.
    bits: u32,
    bit_count: u32,
}

impl Decoding {
    /// At the beginning.
    pub const fn new(encoding: TransferEncoding) -> Self {
        Self { encoding, at: 0, text_until: 0, bits: 0, bit_count: 0 }
    }

    /// The next decoded bytes, at most so many; none at the end. `encoded` is the same whole body in each call.
    pub fn read(&mut self, encoded: &[u8], most: usize) -> Vec<u8> {
        let rest = encoded.len().saturating_sub(self.at);
        let mut piece = Vec::with_capacity(rest.min(most));
        match self.encoding {
            TransferEncoding::Identity => {
                let end = self.at.saturating_add(most).min(encoded.len());
                piece.extend_from_slice(encoded.get(self.at..end).unwrap_or_default());
                self.at += piece.len();
            }
            TransferEncoding::Base64 => self.base64(encoded, most, &mut piece),
            TransferEncoding::QuotedPrintable => self.quoted_printable(encoded, most, &mut piece),
        }
        piece
    }

    /// What is not of the alphabet is left out (RFC 2045 §6.8); padding ends a group, not the body, since programs join bodies.
    fn base64(&mut self, encoded: &[u8], most: usize, piece: &mut Vec<u8>) {
        while piece.len() < most
            && let Some(&byte) = encoded.get(self.at)
        {
            self.at += 1;
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => {
                    (self.bits, self.bit_count) = (0, 0);
                    continue;
                }
                _ => continue,
            };
            self.bits = (self.bits << 6) | u32::from(value);
            self.bit_count += 6;
            if self.bit_count >= 8 {
                self.bit_count -= 8;
                piece.push((self.bits >> self.bit_count) as u8);
                self.bits &= (1 << self.bit_count) - 1;
            }
        }
    }

    /// What is wrongly quoted stays as it is; white space at the end of a line was added on the way and goes (RFC 2045 §6.7 rule 3).
    fn quoted_printable(&mut self, encoded: &[u8], most: usize, piece: &mut Vec<u8>) {
        while piece.len() < most
            && let Some(&byte) = encoded.get(self.at)
        {
            match byte {
                b'=' => self.quoted(encoded, piece),
                b' ' | b'\t' if self.at >= self.text_until => {
                    let end = blanks_end(encoded, self.at);
                    if matches!(encoded.get(end), None | Some(b'\r' | b'\n')) {
                        self.at = end;
                    } else {
                        self.text_until = end;
                    }
                }
                _ => {
                    piece.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    fn quoted(&mut self, encoded: &[u8], piece: &mut Vec<u8>) {
        let hex = |at: usize| encoded.get(at).and_then(|b| char::from(*b).to_digit(16));
        if let (Some(high), Some(low)) = (hex(self.at + 1), hex(self.at + 2)) {
            piece.push((high * 16 + low) as u8);
            self.at += 3;
            return;
        }
        // A soft line break, white space after its `=` included.
        let end = blanks_end(encoded, self.at + 1);
        match (encoded.get(end), encoded.get(end + 1)) {
            (Some(b'\r'), Some(b'\n')) => self.at = end + 2,
            (Some(b'\n' | b'\r'), _) => self.at = end + 1,
            (None, _) => self.at = end,
            _ => {
                piece.push(b'=');
                self.at += 1;
            }
        }
    }
}

fn blanks_end(text: &[u8], from: usize) -> usize {
    let blanks = text.iter().skip(from).take_while(|b| matches!(b, b' ' | b'\t')).count();
    from + blanks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(encoding: TransferEncoding, encoded: &[u8]) -> String {
        let whole = Decoding::new(encoding).read(encoded, usize::MAX);
        let mut decoding = Decoding::new(encoding);
        let mut pieces = Vec::new();
        loop {
            let piece = decoding.read(encoded, 1);
            if piece.is_empty() {
                break;
            }
            pieces.extend(piece);
        }
        assert_eq!(whole, pieces, "piece by piece it is the same");
        String::from_utf8_lossy(&whole).into_owned()
    }

    #[test]
    fn quoted_printable_is_undone() {
        for (encoded, plain) in [
            ("caf=C3=A9", "café"),
            ("caf=c3=a9", "café"),
            ("soft=\r\n break", "soft break"),
            ("soft=  \r\nbreak", "softbreak"),
            ("soft=\nbreak", "softbreak"),
            ("trail  \r\n next \t\nend  ", "trail\r\n next\nend"),
            ("a  b", "a  b"),
            ("bad =XY = 1=", "bad =XY = 1"),
            ("=", ""),
            ("=4", "=4"),
        ] {
            assert_eq!(decoded(TransferEncoding::QuotedPrintable, encoded.as_bytes()), plain, "{encoded:?}");
        }
    }

    #[test]
    fn base64_is_undone() {
        for (encoded, plain) in [
            ("aGVsbG8=", "hello"),
            ("aGVs\r\nbG8", "hello"),
            ("aGk=aGk=", "hihi"),
            ("a!G*k", "hi"),
            ("", ""),
            ("a", ""),
            ("====", ""),
        ] {
            assert_eq!(decoded(TransferEncoding::Base64, encoded.as_bytes()), plain, "{encoded:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_was_encoded_comes_back(bytes: Vec<u8>, most in 1_usize..100) {
            use base64::Engine as _;
            let encoded = base64::engine::general_purpose::STANDARD.encode(&bytes);
            let mut decoding = Decoding::new(TransferEncoding::Base64);
            let mut back = Vec::new();
            loop {
                let piece = decoding.read(encoded.as_bytes(), most);
                proptest::prop_assert!(piece.len() <= most);
                if piece.is_empty() {
                    break;
                }
                back.extend(piece);
            }
            proptest::prop_assert_eq!(back, bytes);
        }

        #[test]
        fn any_bytes_decode_to_no_more_than_they_were(bytes: Vec<u8>) {
            for encoding in [TransferEncoding::Identity, TransferEncoding::Base64, TransferEncoding::QuotedPrintable] {
                proptest::prop_assert!(Decoding::new(encoding).read(&bytes, usize::MAX).len() <= bytes.len());
            }
        }
    }
}
