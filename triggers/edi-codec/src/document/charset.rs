//! How the bytes of a set become text, and text bytes. What must hold: every byte of a set becomes text and comes back, whatever it is.

use crate::charset::Charset as Declared;

/// How bytes are read as text, and text written as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charset {
    /// UTF-8.
    #[default]
    Utf8,
    /// A character for each byte.
    Bytes(Declared),
}

impl Charset {
    /// The one by which nothing of these bytes is lost: what their interchange declares, where they are that; else ISO 8859-1.
    pub fn of(bytes: &[u8], declared: Declared) -> Self {
        let whole = match declared {
            Declared::Ascii | Declared::Utf8 => std::str::from_utf8(bytes).is_ok(),
            _ => !bytes.iter().any(|&byte| byte >= 0xA0 && character(declared, byte).is_none()),
        };
        match declared {
            _ if !whole => Self::Bytes(Declared::Latin1),
            Declared::Ascii | Declared::Utf8 => Self::Utf8,
            _ => Self::Bytes(declared),
        }
    }

    /// Adds the text of `bytes` to `into`.
    pub fn decode(self, bytes: &[u8], into: &mut String) {
        match self {
            Self::Utf8 => into.push_str(&String::from_utf8_lossy(bytes)),
            Self::Bytes(declared) => into.push_str(&declared.decode(bytes)),
        }
    }

    /// Adds the bytes of `text` to `into`. The error is the first character that has none.
    pub fn encode(self, text: &str, into: &mut Vec<u8>) -> Result<(), char> {
        let declared = match self {
            Self::Bytes(declared) if !text.is_ascii() => declared,
            _ => {
                into.extend_from_slice(text.as_bytes());
                return Ok(());
            }
        };
        for wanted in text.chars() {
            let byte = u8::try_from(u32::from(wanted)).ok().filter(|&byte| byte < 0xA0);
            let byte = byte.or_else(|| (0xA0..=0xFF).find(|&byte| character(declared, byte) == Some(wanted)));
            into.push(byte.ok_or(wanted)?);
        }
        Ok(())
    }
}

/// What a byte from 0xA0 on is; none where the set has no such character.
fn character(declared: Declared, byte: u8) -> Option<char> {
    declared.decode(&[byte]).chars().next().filter(|&found| found != char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        let names = ["UNOA", "UNOC", "UNOD", "UNOE", "UNOF", "UNOG", "UNOH", "UNOI", "UNOJ", "UNOK", "UNOY"];
        for declared in names.map(|name| Declared::named(name).unwrap()) {
            for bytes in [&all[..], "Zürich €".as_bytes(), b"", b"Z\xfcrich", b"\xBC\xDE\xE1", b"\xC1\xE8"]
            {
                let charset = Charset::of(bytes, declared);
                let (mut text, mut back) = (String::new(), Vec::new());
                charset.decode(bytes, &mut text);
                assert_eq!(charset.encode(&text, &mut back), Ok(()));
                assert_eq!(back, bytes, "{declared:?} {charset:?}");
            }
        }
    }

    #[test]
    fn what_is_declared_is_taken_where_it_fits() {
        let text = |bytes: &[u8], declared| {
            let mut text = String::new();
            Charset::of(bytes, declared).decode(bytes, &mut text);
            text
        };
        assert_eq!(text(b"\xBC\xDE\xE1\xDA\xD2\xD0", Declared::Cyrillic), "Москва");
        assert_eq!(text("Zürich".as_bytes(), Declared::Ascii), "Zürich");
        assert_eq!(text(b"Z\xfcrich", Declared::Ascii), "Zürich");
        assert_eq!(text(b"Z\xfcrich", Declared::Utf8), "Zürich");
        assert_eq!(Charset::Bytes(Declared::Latin1).encode("1 €", &mut Vec::new()), Err('€'));
    }
}
