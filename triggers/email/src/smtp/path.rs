//! Addresses in commands (RFC 5321 §4.1.2, RFC 6531 §3.3). What must hold: an address is taken whole or not at all; it has no control character, so that it can stand
//! in a log or a header.

/// The longest address, in bytes (RFC 5321 §4.5.3.1.3, less the brackets).
pub const MAX_ADDRESS_BYTES: usize = 254;
/// The longest local part (§4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;

/// Reads `<address>` at the beginning: the address, without source route, and what follows. The null path is empty.
pub fn read(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('<')?;
    let (mut quoted, mut escaped) = (false, false);
    let end = inner.char_indices().find_map(|(at, c)| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(at),
            _ => {}
        }
        None
    })?;
    let (path, rest) = (&inner[..end], &inner[end + 1..]);
    // Source routes are understood and left out (RFC 5321 §4.1.1.3).
    let address = match path.strip_prefix('@') {
        Some(route) => route.split_once(':')?.1,
        None => path,
    };
    Some((address, rest))
}

/// Whether it is an address: a local part and a domain.
pub fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    text.len() <= MAX_ADDRESS_BYTES && local.len() <= MAX_LOCAL_BYTES && is_local(local) && is_domain(domain)
}

fn is_local(local: &str) -> bool {
    if let Some(inner) = local.strip_prefix('"') {
        let Some(inner) = inner.strip_suffix('"') else { return false };
        let mut escaped = false;
        let fine = inner.chars().all(|c| {
            let fine = !c.is_control() && (escaped || c != '"');
            escaped = !escaped && c == '\\';
            fine
        });
        return fine && !escaped;
    }
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

/// RFC 5322 §3.2.3, and what RFC 6531 adds.
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || (!c.is_ascii() && !c.is_control())
}

fn is_domain(domain: &str) -> bool {
    if let Some(literal) = domain.strip_prefix('[') {
        let Some(literal) = literal.strip_suffix(']') else { return false };
        return !literal.is_empty()
            && literal.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b':' | b'-'));
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| {
                c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || (!c.is_ascii() && !c.is_control())
            })
    };
    domain.strip_suffix('.').unwrap_or(domain).split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_whole() {
        for (text, expected) in [
            ("<>", Some(("", ""))),
            ("<a@b.c>", Some(("a@b.c", ""))),
            ("<a@b.c> SIZE=5", Some(("a@b.c", " SIZE=5"))),
            ("<@x,@y:a@b.c>", Some(("a@b.c", ""))),
            ("<\"a>b\"@c.d>", Some(("\"a>b\"@c.d", ""))),
            ("<\"a\\\">b\"@c.d> X", Some(("\"a\\\">b\"@c.d", " X"))),
            ("a@b.c", None),
            ("<a@b.c", None),
            ("<@x>", None),
            ("", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn addresses_are_checked() {
        for good in [
            "a@b",
            "a.b+c@d.e",
            "\"a b\"@c.d",
            "\"a\\\"b\"@c.d",
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "jürgen@bücher.example",
            "a@b.c.",
        ] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a b@c",
            "a..b@c",
            ".a@b",
            "a@b..c",
            "a@[",
            "\"a@b",
            "\"a\"b\"@c",
            "a\r\n@b",
            "a@b c",
            "a\u{85}@b",
            &format!("{}@b", "a".repeat(65)),
            &format!("a@{}", "b.".repeat(150)),
        ] {
            assert!(!is_address(bad), "{bad:?}");
        }
    }
}
