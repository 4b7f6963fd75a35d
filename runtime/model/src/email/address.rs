//! E-mail addresses as people type them. What must hold: one address has one spelling, lower-case, and none holds a character that
//! could end a header or begin another recipient.

/// The longest address, in bytes: RFC 5321 §4.5.3.1.3 without the angle brackets.
pub const MAX_ADDRESS_BYTES: usize = 254;

/// The text is no e-mail address that a person can be invited or logged in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an e-mail address; write it as `ann@example.com`, in ASCII letters, at most {MAX_ADDRESS_BYTES} characters"
)]
pub struct AddressError;

/// Checks an address, and gives its one spelling: trimmed and lower-case. Local part and domain are dot-atoms (RFC 5322 §3.2.3): quoted
/// local parts and address literals are refused, as are letters outside ASCII, which look like others.
pub fn check_address(text: &str) -> Result<String, AddressError> {
    let text = text.trim_matches(' ').to_ascii_lowercase();
    let (local, domain) = text.rsplit_once('@').ok_or(AddressError)?;
    let atoms = |part: &str, fine: fn(u8) -> bool| {
        part.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(fine))
    };
    let local_fine = local.len() <= 64
        && atoms(local, |b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b));
    let domain_fine = atoms(domain, |b| b.is_ascii_alphanumeric() || b == b'-')
        && domain
            .split('.')
            .all(|label| label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-'));
    if local_fine && domain_fine && text.len() <= MAX_ADDRESS_BYTES { Ok(text) } else { Err(AddressError) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        assert_eq!(check_address(" Ann.Lee+x@Example.COM ").as_deref(), Ok("ann.lee+x@example.com"));
        assert_eq!(check_address("root@localhost").as_deref(), Ok("root@localhost"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "ann",
            "@example.com",
            "ann@",
            "ann@@example.com",
            "ann@example..com",
            ".ann@example.com",
            "ann@-x.com",
            "ann @example.com",
            "ann@example.com\r\nBcc: eve@example.com",
            "a,b@example.com",
            "\"a b\"@example.com",
            "Ann <ann@example.com>",
            "ann@[127.0.0.1]",
            "аnn@example.com",
            "ann@exаmple.com",
            "ann\u{0}@example.com",
            "Service Account",
            "ci",
        ] {
            assert_eq!(check_address(bad), Err(AddressError), "{bad:?}");
        }
        assert!(check_address(&format!("{}@example.com", "a".repeat(65))).is_err());
        assert!(check_address(&format!("a@{}", "b.".repeat(130) + "com")).is_err());
    }
}
