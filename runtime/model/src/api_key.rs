//! The text of an API key: `fct_<43 base62 characters>_<6 base62 characters of CRC-32>`. What must hold: a secret
//! scanner recognises it, a mistyped key is refused without a look-up, and only its SHA-256 is ever stored.

use crate::digest::Digest;
use crate::redacted::Redacted;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SECRET_CHARS: usize = 43;
const CHECKSUM_CHARS: usize = 6;
/// How many characters of a key are kept and shown, so that its owner can tell which one it is.
pub const PREFIX_CHARS: usize = 12;
/// How much randomness makes a key, in bytes: 256 bits.
pub const ENTROPY_BYTES: usize = 32;

/// A key as its holder sends it, checksum verified.
#[derive(Debug, Clone)]
pub struct KeyText(Redacted<String>);

/// The text is not a key: its form or its checksum is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an API key: a key reads `fct_`, 43 characters, `_` and a 6-character checksum")]
pub struct ParseKeyError;

impl KeyText {
    /// Makes a key of 256 random bits.
    pub fn from_entropy(entropy: &[u8; ENTROPY_BYTES]) -> Self {
        // Base 62 of a 256-bit number: 43 digits (62^43 > 2^256).
        let mut number = *entropy;
        let mut digits = [0_u8; SECRET_CHARS];
        for digit in digits.iter_mut().rev() {
            let mut rest = 0_u32;
            for byte in &mut number {
                let value = (rest << 8) | u32::from(*byte);
                *byte = (value / 62) as u8;
                rest = value % 62;
            }
            *digit = ALPHABET[rest as usize];
        }
        let secret: String = digits.iter().map(|b| char::from(*b)).collect();
        Self(Redacted::new(format!("fct_{secret}_{}", checksum(&secret))))
    }

    /// Checks form and checksum; asks no database.
    pub fn parse(text: &str) -> Result<Self, ParseKeyError> {
        let (secret, sum) = text.strip_prefix("fct_").and_then(|t| t.split_once('_')).ok_or(ParseKeyError)?;
        let well_formed = secret.len() == SECRET_CHARS && secret.bytes().all(|b| b.is_ascii_alphanumeric());
        if well_formed && sum == checksum(secret) {
            Ok(Self(Redacted::new(text.to_owned())))
        } else {
            Err(ParseKeyError)
        }
    }

    /// The whole key: shown once, when it is made.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What is stored of it and looked up.
    pub fn hash(&self) -> Digest {
        Digest::of(self.0.expose().as_bytes())
    }

    /// Its first characters, for display.
    pub fn prefix(&self) -> &str {
        &self.0.expose()[..PREFIX_CHARS]
    }
}

fn checksum(secret: &str) -> String {
    let mut number = crc32fast::hash(secret.as_bytes());
    let mut digits = [0_u8; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(number % 62) as usize];
        number /= 62;
    }
    digits.iter().map(|b| char::from(*b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_key_parses_and_a_changed_one_does_not() {
        let key = KeyText::from_entropy(&[0xA5; 32]);
        let text = key.expose().to_owned();
        assert_eq!(text.len(), 4 + 43 + 1 + 6);
        assert_eq!(KeyText::parse(&text).map(|k| k.hash()), Ok(key.hash()));
        for at in 4..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(KeyText::parse(&changed).is_err(), "position {at}");
        }
        assert!(KeyText::parse("fct_é").is_err());
    }

    /// What secret scanners are told: docs/accounts-and-keys.md.
    #[test]
    fn the_documented_key_is_one() {
        const DOCS: &str = include_str!("../../../docs/accounts-and-keys.md");
        let mut entropy = [0; ENTROPY_BYTES];
        for (value, byte) in (0..).zip(&mut entropy) {
            *byte = value;
        }
        let key = KeyText::from_entropy(&entropy);
        assert_eq!(key.expose(), "fct_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf_1Yo7hP");
        for stated in [
            format!("| key | `{}` |", key.expose()),
            format!("| CRC-32 | `{:08x}`", crc32fast::hash(&key.expose().as_bytes()[4..47])),
            format!("| SHA-256, as stored | `{}` |", key.hash().hex()),
            format!("| `{}` |", std::str::from_utf8(ALPHABET).expect("ASCII")),
            format!(r"\bfct_[0-9A-Za-z]{{{SECRET_CHARS}}}_[0-9A-Za-z]{{{CHECKSUM_CHARS}}}\b"),
        ] {
            assert!(DOCS.contains(&stated), "docs/accounts-and-keys.md does not say {stated}");
        }
    }

    #[test]
    fn different_entropy_makes_different_keys() {
        let mut other = [0; 32];
        other[31] = 1;
        assert_ne!(KeyText::from_entropy(&[0; 32]).expose(), KeyText::from_entropy(&other).expose());
        assert_eq!(KeyText::from_entropy(&[255; 32]).expose().len(), 54);
    }
}
