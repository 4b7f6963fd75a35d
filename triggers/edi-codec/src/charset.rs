//! Bytes as text, by what the interchange says they are. What must hold: nothing is taken for UTF-8 by default, and no byte is lost: what a set does
//! not hold becomes U+FFFD.

use std::borrow::Cow;

use crate::interchange::Interchange;
use crate::syntax::Standard;

/// A character set of EDIFACT's syntax identifiers (0001), and those of X12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Charset {
    /// UNOA, UNOB, and X12's basic and extended sets: ASCII; beyond it ISO 8859-1, or UTF-8 where all of the text is that.
    Ascii,
    /// UNOC: ISO 8859-1.
    Latin1,
    /// UNOD: ISO 8859-2.
    Latin2,
    /// UNOE: ISO 8859-5, Cyrillic.
    Cyrillic,
    /// UNOF: ISO 8859-7, Greek.
    Greek,
    /// UNOG: ISO 8859-3.
    Latin3,
    /// UNOH: ISO 8859-4.
    Latin4,
    /// UNOI: ISO 8859-6, Arabic.
    Arabic,
    /// UNOJ: ISO 8859-8, Hebrew.
    Hebrew,
    /// UNOK: ISO 8859-9.
    Latin5,
    /// UNOW: ISO 10646 as UTF-8; UNOX and UNOY, which are ISO 2022 and ISO 10646 otherwise coded, where they are found to be UTF-8.
    Utf8,
}

impl Charset {
    /// That of a syntax identifier, `UNOA` to `UNOY`.
    pub fn named(identifier: &str) -> Option<Self> {
        Some(match identifier {
            "UNOA" | "UNOB" => Self::Ascii,
            "UNOC" => Self::Latin1,
            "UNOD" => Self::Latin2,
            "UNOE" => Self::Cyrillic,
            "UNOF" => Self::Greek,
            "UNOG" => Self::Latin3,
            "UNOH" => Self::Latin4,
            "UNOI" => Self::Arabic,
            "UNOJ" => Self::Hebrew,
            "UNOK" => Self::Latin5,
            "UNOW" | "UNOX" | "UNOY" => Self::Utf8,
            _ => return None,
        })
    }

    /// That of an interchange.
    pub fn of(interchange: &Interchange) -> Self {
        match interchange.standard() {
            Standard::Edifact => {
                Self::named(interchange.version.split(':').next().unwrap_or_default()).unwrap_or(Self::Ascii)
            }
            Standard::X12 | Standard::Tradacoms => Self::Ascii,
        }
    }

    /// The text of bytes.
    pub fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        if bytes.is_ascii() {
            return match std::str::from_utf8(bytes) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => Cow::Owned(String::from_utf8_lossy(bytes).into_owned()),
            };
        }
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes),
            Self::Ascii => match std::str::from_utf8(bytes) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => Cow::Owned(bytes.iter().map(|&byte| byte as char).collect()),
            },
            _ => Cow::Owned(bytes.iter().map(|&byte| self.character(byte)).collect()),
        }
    }

    fn character(self, byte: u8) -> char {
        if byte < 0xA0 {
            return byte as char;
        }
        let upper: &str = match self {
            Self::Latin2 => LATIN2,
            Self::Latin3 => LATIN3,
            Self::Latin4 => LATIN4,
            Self::Cyrillic => return cyrillic(byte),
            Self::Arabic => return arabic(byte),
            Self::Greek => return greek(byte),
            Self::Hebrew => return hebrew(byte),
            Self::Latin5 => {
                return match byte {
                    0xD0 => 'Ğ',
                    0xDD => 'İ',
                    0xDE => 'Ş',
                    0xF0 => 'ğ',
                    0xFD => 'ı',
                    0xFE => 'ş',
                    _ => byte as char,
                };
            }
            Self::Ascii | Self::Latin1 | Self::Utf8 => return byte as char,
        };
        upper.chars().nth(usize::from(byte - 0xA0)).unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

const LATIN2: &str = "\u{a0}Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\u{ad}ŽŻ°ą˛ł´ľśˇ¸šşťź˝žżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙";
const LATIN3: &str = "\u{a0}Ħ˘£¤\u{fffd}Ĥ§¨İŞĞĴ\u{ad}\u{fffd}Ż°ħ²³´µĥ·¸ışğĵ½\u{fffd}żÀÁÂ\u{fffd}ÄĊĈÇÈÉÊËÌÍÎÏ\u{fffd}ÑÒÓÔĠÖ×ĜÙÚÛÜŬŜßàáâ\u{fffd}äċĉçèéêëìíîï\u{fffd}ñòóôġö÷ĝùúûüŭŝ˙";
const LATIN4: &str = "\u{a0}ĄĸŖ¤ĨĻ§¨ŠĒĢŦ\u{ad}Ž¯°ą˛ŗ´ĩļˇ¸šēģŧŊžŋĀÁÂÃÄÅÆĮČÉĘËĖÍÎĪĐŅŌĶÔÕÖ×ØŲÚÛÜŨŪßāáâãäåæįčéęëėíîīđņōķôõö÷øųúûüũū˙";

fn cyrillic(byte: u8) -> char {
    let code = match byte {
        0xA0 | 0xAD => u32::from(byte),
        0xF0 => 0x2116,
        0xFD => 0xA7,
        _ => u32::from(byte) - 0xA0 + 0x400,
    };
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn arabic(byte: u8) -> char {
    let code = match byte {
        0xA0 | 0xA4 | 0xAD => u32::from(byte),
        0xAC | 0xBB | 0xBF | 0xC1..=0xDA | 0xE0..=0xF2 => u32::from(byte) - 0xA0 + 0x600,
        _ => 0xFFFD,
    };
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn greek(byte: u8) -> char {
    let code = match byte {
        0xA1 => 0x2018,
        0xA2 => 0x2019,
        0xA4 => 0x20AC,
        0xA5 => 0x20AF,
        0xAA => 0x37A,
        0xAF => 0x2015,
        0xAE | 0xD2 | 0xFF => 0xFFFD,
        0xA0 | 0xA3 | 0xA6..=0xA9 | 0xAB..=0xAD | 0xB0..=0xB3 | 0xB7 | 0xBB | 0xBD => u32::from(byte),
        _ => u32::from(byte) - 0xA0 + 0x370,
    };
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn hebrew(byte: u8) -> char {
    let code = match byte {
        0xAA => 0xD7,
        0xBA => 0xF7,
        0xA0 | 0xA2..=0xA9 | 0xAB..=0xB9 | 0xBB..=0xBE => u32::from(byte),
        0xDF => 0x2017,
        0xE0..=0xFA => u32::from(byte) - 0xE0 + 0x5D0,
        0xFD => 0x200E,
        0xFE => 0x200F,
        _ => 0xFFFD,
    };
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::{Charset, LATIN2, LATIN3, LATIN4};

    #[test]
    fn the_upper_halves_are_whole() {
        for (name, half) in [("8859-2", LATIN2), ("8859-3", LATIN3), ("8859-4", LATIN4)] {
            assert_eq!(half.chars().count(), 96, "{name}");
        }
    }

    #[test]
    fn each_identifier_has_its_letters() {
        for (identifier, bytes, text) in [
            ("UNOC", &b"M\xFCnchen"[..], "München"),
            ("UNOD", b"\xA3\xF3d\xBC", "Łódź"),
            ("UNOE", b"\xBC\xDE\xE1\xDA\xD2\xD0", "Москва"),
            ("UNOF", b"\xC1\xE8\xDE\xED\xE1", "Αθήνα"),
            ("UNOI", b"\xC7\xE4", "ال"),
            ("UNOJ", b"\xF9\xEC\xE5\xED", "שלום"),
            ("UNOK", b"\xDDstanbul", "İstanbul"),
            ("UNOY", "Zürich".as_bytes(), "Zürich"),
            ("UNOA", b"M\xFCnchen", "München"),
            ("UNOB", "München".as_bytes(), "München"),
        ] {
            assert_eq!(
                Charset::named(identifier).map(|set| set.decode(bytes).into_owned()).as_deref(),
                Some(text),
                "{identifier}"
            );
        }
        // What is UTF-8 in a set that is not is read as that set says.
        assert_eq!(Charset::Latin1.decode("ü".as_bytes()), "Ã¼");
    }
}
