//! The names that partners have in envelopes, and those of documents and versions. What must hold: one name has one text, so that what stands in an
//! envelope and what somebody typed are compared as texts.

use super::Standard;

/// Why a text names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PartyError(&'static str);

/// ISA05 to ISA08: two characters, and fifteen.
const MAX_X12_ID: usize = 15;
/// UNB data elements 0004 and 0010.
const MAX_EDIFACT_ID: usize = 35;
/// What fills elements of a fixed width.
const PADDING: char = ' ';
/// Data element 0007.
const MAX_EDIFACT_QUALIFIER: usize = 4;

/// Reads a party: `ZZ:ACME` (qualifier and id) in X12, `4012345000009:14` or `ACME` (id, and qualifier if there is one) in EDIFACT. The text is
/// the one that it always has.
pub fn party(standard: Standard, text: &str) -> Result<String, PartyError> {
    let fine = |part: &str| part.chars().all(|c| !c.is_control() && c != ':');
    match standard {
        Standard::X12 => {
            let words =
                "a qualifier of two characters and an id of at most 15 are expected, such as `ZZ:ACME`";
            let (qualifier, id) = text.split_once(':').ok_or(PartyError(words))?;
            let (qualifier, id) = (qualifier.trim_matches(PADDING), id.trim_matches(PADDING));
            let is_qualifier = qualifier.len() == 2 && qualifier.bytes().all(|b| b.is_ascii_alphanumeric());
            if is_qualifier && !id.is_empty() && id.chars().count() <= MAX_X12_ID && fine(id) {
                Ok(format!("{qualifier}:{id}"))
            } else {
                Err(PartyError(words))
            }
        }
        Standard::Edifact => {
            let words = "an id of at most 35 characters is expected, with its qualifier if it has one: `4012345000009:14`";
            let (id, qualifier) = text.split_once(':').unwrap_or((text, ""));
            let (id, qualifier) = (id.trim_matches(PADDING), qualifier.trim_matches(PADDING));
            let is_qualifier = qualifier.len() <= MAX_EDIFACT_QUALIFIER
                && qualifier.bytes().all(|b| b.is_ascii_alphanumeric());
            if !is_qualifier || id.is_empty() || id.chars().count() > MAX_EDIFACT_ID || !fine(id) {
                return Err(PartyError(words));
            }
            Ok(if qualifier.is_empty() { id.to_owned() } else { format!("{id}:{qualifier}") })
        }
    }
}

/// Whether it can be the type of a document: `850`, `ORDERS`.
pub fn is_set_id(text: &str) -> bool {
    (1..=6).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// Whether it can be a version: `004010`, `005010X222A1`, `D96A`, `D:96A:UN`.
pub fn is_version(text: &str) -> bool {
    let fine = text.bytes().all(|b| b.is_ascii_alphanumeric() || b".: ".contains(&b));
    (1..=20).contains(&text.len()) && fine && text.bytes().any(|b| b.is_ascii_alphanumeric())
}

/// Whether a document's version is one that was asked for: `004010` is every version that begins so, `D96A` is `D:96A:UN`.
pub fn same_version(asked: &str, is: &str) -> bool {
    let plain = |text: &str| {
        text.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_uppercase()).collect::<Vec<_>>()
    };
    plain(is).starts_with(&plain(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_has_one_text() {
        assert_eq!(party(Standard::X12, "ZZ:ACME"), party(Standard::X12, " ZZ: ACME           "));
        assert_eq!(party(Standard::X12, "01:123456789"), Ok("01:123456789".into()));
        assert_eq!(party(Standard::Edifact, "4012345000009:14"), Ok("4012345000009:14".into()));
        assert_eq!(party(Standard::Edifact, "ACME:"), Ok("ACME".into()));
        for bad in ["ACME", "Z:ACME", "ZZZ:ACME", "ZZ:", "ZZ:1234567890123456", "ZZ:A:B", "Z*:ACME", "ZZ:A\n"]
        {
            assert!(party(Standard::X12, bad).is_err(), "{bad}");
        }
        for bad in ["", ":14", "A:12345", "A:1:2", &"x".repeat(36)] {
            assert!(party(Standard::Edifact, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_version_begins_as_it_was_asked_for() {
        assert!(same_version("004010", "004010VICS"));
        assert!(same_version("D96A", "D:96A:UN") && same_version("D.96A", "D:96A:UN"));
        assert!(!same_version("005010", "004010") && !same_version("D01B", "D:96A:UN"));
    }
}
