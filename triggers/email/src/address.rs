//! The address of an e-mail trigger: `name+token@domain`. What must hold: it fits in the 64 octets of a local part (RFC 5321 §4.5.3.1.1) and is the same in either
//! case; what cannot be an address costs no look-up.

use factotum_model::trigger::Token;
use factotum_model::trigger::token::TOKEN_CHARS;

/// The longest local part, in bytes (RFC 5321 §4.5.3.1.1).
pub const MAX_LOCAL_PART_BYTES: usize = 64;
/// The longest name, in bytes: what is left of the local part beside `+` and the token.
pub const MAX_NAME_BYTES: usize = MAX_LOCAL_PART_BYTES - 1 - TOKEN_CHARS;

/// Where an e-mail trigger is reached.
#[derive(Debug, Clone)]
pub struct Address {
    /// What stands before `+`, lower-case.
    pub name: String,
    /// What stands after it.
    pub token: Token,
}

impl Address {
    /// Reads a local part; `None` if it can be no trigger's.
    pub fn parse(local_part: &str) -> Option<Self> {
        if local_part.len() > MAX_LOCAL_PART_BYTES {
            return None;
        }
        let lower = local_part.to_ascii_lowercase();
        let (name, token) = lower.rsplit_once('+')?;
        Some(Self { name: name.to_owned(), token: Token::parse(token)? })
    }

    /// The whole address: for those who may read it.
    pub fn expose(&self, domain: &str) -> String {
        format!("{}+{}@{domain}", self.name, self.token.expose())
    }
}

/// Whether an address may begin so: lower-case letters, digits, and single `.`, `-`, `_` between them.
pub fn is_name(text: &str) -> bool {
    let between = |b: u8| matches!(b, b'.' | b'-' | b'_');
    let bytes = text.as_bytes();
    (1..=MAX_NAME_BYTES).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || between(*b))
        && !bytes.first().is_some_and(|b| between(*b))
        && !bytes.last().is_some_and(|b| between(*b))
        && !bytes.windows(2).any(|pair| between(pair[0]) && between(pair[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_in_either_case() {
        let token = Token::from_entropy(b"foobafoobafoobafooba");
        let address = Address { name: "o".repeat(MAX_NAME_BYTES), token };
        let text = address.expose("mail.example.com");
        let local = text.split_once('@').unwrap().0;
        assert_eq!(local.len(), MAX_LOCAL_PART_BYTES);
        for local in [local.to_owned(), local.to_uppercase()] {
            let read = Address::parse(&local).unwrap();
            assert_eq!(
                (read.name.as_str(), read.token.hash()),
                (address.name.as_str(), address.token.hash())
            );
        }
        assert!(!format!("{address:?}").contains("mzxw"), "a token is in no log");
    }

    #[test]
    fn what_can_be_no_address_is_not_looked_up() {
        let token = "a".repeat(32);
        for bad in [
            "",
            "orders",
            "orders+",
            "orders+short",
            &format!("{}+{token}", "o".repeat(32)),
            &token,
            &format!("orders{token}"),
        ] {
            assert!(Address::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn names_are_plain() {
        for good in ["o", "orders", "a.b-c_d", "7", &"x".repeat(MAX_NAME_BYTES)] {
            assert!(is_name(good), "{good}");
        }
        for bad in [
            "",
            ".a",
            "a.",
            "a..b",
            "a.-b",
            "Orders",
            "a b",
            "a+b",
            "a@b",
            "ä",
            "a\r\n",
            "\"a\"",
            &"x".repeat(MAX_NAME_BYTES + 1),
        ] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}
