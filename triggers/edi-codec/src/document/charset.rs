//! How the bytes of a set become text. What must hold: every byte becomes text and comes back, whatever it is.

/// How bytes are read as text, and text written as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charset {
    /// UTF-8, where all of the set's bytes are.
    #[default]
    Utf8,
    /// ISO 8859-1 (UNOC): each byte a character. Taken where the bytes aren't UTF-8, so that nothing is lost.
    Latin1,
}

impl Charset {
    /// The one that loses nothing of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        if std::str::from_utf8(bytes).is_ok() { Self::Utf8 } else { Self::Latin1 }
    }

    /// Adds the text of `bytes` to `into`.
    pub fn decode(self, bytes: &[u8], into: &mut String) {
        match self {
            Self::Utf8 => into.push_str(&String::from_utf8_lossy(bytes)),
            Self::Latin1 => into.extend(bytes.iter().map(|&byte| char::from(byte))),
        }
    }

    /// Adds the bytes of `text` to `into`. The error is the first character that has none.
    pub fn encode(self, text: &str, into: &mut Vec<u8>) -> Result<(), char> {
        match self {
            Self::Utf8 => into.extend_from_slice(text.as_bytes()),
            Self::Latin1 => {
                for character in text.chars() {
                    into.push(u8::try_from(u32::from(character)).map_err(|_| character)?);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        for bytes in [&all[..], "Zürich €".as_bytes(), b"", b"Z\xfcrich"] {
            let charset = Charset::of(bytes);
            let (mut text, mut back) = (String::new(), Vec::new());
            charset.decode(bytes, &mut text);
            assert_eq!(charset.encode(&text, &mut back), Ok(()));
            assert_eq!(back, bytes);
        }
        assert_eq!(Charset::Latin1.encode("1 €", &mut Vec::new()), Err('€'));
    }
}
