//! The token in a webhook's URL or a mail address: 160 random bits as 32 characters of RFC 4648 base32, lower case. What must hold: only its
//! hash is looked up and stored in the clear, and no log or error shows it.

use crate::digest::Digest;
use crate::redacted::Redacted;

/// How much randomness makes a token, in bytes: 160 bits.
pub const ENTROPY_BYTES: usize = 20;
/// How long its text is.
pub const TOKEN_CHARS: usize = 32;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Whether a token may have this character.
pub(crate) fn is_token_char(byte: u8) -> bool {
    ALPHABET.contains(&byte)
}

/// A token as it stands in a URL or an address.
#[derive(Debug, Clone)]
pub struct Token(Redacted<String>);

impl Token {
    /// Makes a token of 160 random bits.
    pub fn from_entropy(entropy: &[u8; ENTROPY_BYTES]) -> Self {
        // Five bytes are eight characters.
        let text = entropy
            .chunks_exact(5)
            .flat_map(|five| {
                let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
                (0..8).rev().map(move |at| char::from(ALPHABET[(bits >> (at * 5)) as usize % 32]))
            })
            .collect();
        Self(Redacted::new(text))
    }

    /// Reads a token; `None` if it can't be one, so that a scanner costs no look-up.
    pub fn parse(text: &str) -> Option<Self> {
        let fine = text.len() == TOKEN_CHARS && text.bytes().all(is_token_char);
        fine.then(|| Self(Redacted::new(text.to_owned())))
    }

    /// The text: for the URL or address that is shown to those who may read it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What it is looked up by.
    pub fn hash(&self) -> Digest {
        Digest::of(self.0.expose().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_base32_and_reads_back() {
        // RFC 4648 §10: "foobar" begins MZXW6YTB.
        let token = Token::from_entropy(b"foobafoobafoobafooba");
        assert_eq!(token.expose(), "mzxw6ytbmzxw6ytbmzxw6ytbmzxw6ytb");
        assert_eq!(Token::parse(token.expose()).map(|t| t.hash()), Some(token.hash()));
        assert_eq!(Token::from_entropy(&[255; 20]).expose(), "7".repeat(32));
        assert!(!format!("{token:?}").contains("mzxw"));
    }

    #[test]
    fn what_cannot_be_a_token_is_not_looked_up() {
        for bad in [
            "",
            "abc",
            &"A".repeat(32),
            &"1".repeat(32),
            &"a".repeat(33),
            &"é".repeat(16),
            "../../../../../../../etc/passwd0",
        ] {
            assert!(Token::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn each_bit_counts() {
        let zero = Token::from_entropy(&[0; 20]);
        for bit in 0..160 {
            let mut entropy = [0; 20];
            entropy[bit / 8] = 1 << (bit % 8);
            assert_ne!(Token::from_entropy(&entropy).expose(), zero.expose(), "bit {bit}");
        }
    }
}
