//! Tokens that whoever holds them may use: sessions, invitations, links that work once. What must hold: 256 random bits; only their
//! SHA-256 is stored; none is printed.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use factotum_model::{Digest, Redacted};

use super::OperationError;

const BYTES: usize = 32;
const CHARS: usize = 43;

/// A token: 43 characters of base64url (RFC 4648 §5).
pub struct Token(Redacted);

impl Token {
    /// A fresh one.
    pub fn fresh() -> Result<Self, OperationError> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(|_| {
            OperationError::Unavailable("the operating system gives no random bytes".to_owned())
        })?;
        Ok(Self(Redacted::new(BASE64_URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The text, to be handed over.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What is stored, and looked up.
    pub fn hash(&self) -> Digest {
        Digest::of(self.expose().as_bytes())
    }
}

/// The text is no token: nothing needs to be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no token of this server")]
pub struct NoToken;

impl FromStr for Token {
    type Err = NoToken;

    fn from_str(text: &str) -> Result<Self, NoToken> {
        let fine = text.len() == CHARS && BASE64_URL_SAFE_NO_PAD.decode(text).is_ok_and(|b| b.len() == BYTES);
        if fine { Ok(Self(Redacted::new(text.to_owned()))) } else { Err(NoToken) }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_is_not_shown() {
        let token = Token::fresh().unwrap();
        assert_eq!(token.expose().parse::<Token>().unwrap().hash(), token.hash());
        assert!(!format!("{token:?}").contains(token.expose()));
        for bad in ["", "x", &"A".repeat(44), &"!".repeat(43)] {
            assert_eq!(bad.parse::<Token>().err(), Some(NoToken), "{bad}");
        }
    }
}
