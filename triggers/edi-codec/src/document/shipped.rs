//! The grammars that ship, and which of them is a set's. What must hold: a set whose version we do not know is read by the nearest version that we
//! do; a set that we do not know has none.

use std::sync::LazyLock;

use crate::document::grammar::Grammar;
use crate::document::table;
use crate::syntax::Standard;

/// A table: the set, the table's name, its text, and the versions for which it is read.
type Table = (&'static str, &'static str, &'static str, &'static [&'static str]);

macro_rules! table {
    ($set:literal, $name:literal, $versions:expr) => {
        ($set, $name, include_str!(concat!("sets/", $name, ".txt")), $versions)
    };
}

/// X12's versions between which a table may differ.
const X12: &[&str] = &["004010", "005010"];

/// Everything that ships.
const TABLES: &[Table] = &[
    table!("204", "204", X12),
    table!("214", "214", X12),
    table!("810", "810", X12),
    table!("820", "820", X12),
    table!("835", "835", X12),
    table!("837", "837", X12),
    table!("837", "837p", X12),
    table!("837", "837i", X12),
    table!("837", "837d", X12),
    table!("850", "850", X12),
    table!("855", "855", X12),
    table!("856", "856", X12),
    table!("990", "990", X12),
    table!("997", "997", X12),
    table!("999", "999", X12),
    table!("ORDERS", "ORDERS.D96A", &["D96A"]),
    table!("ORDERS", "ORDERS.D01B", &["D01B"]),
    table!("ORDRSP", "ORDRSP.D96A", &["D96A"]),
    table!("ORDRSP", "ORDRSP.D01B", &["D01B"]),
    table!("DESADV", "DESADV.D96A", &["D96A"]),
    table!("DESADV", "DESADV.D01B", &["D01B"]),
    table!("INVOIC", "INVOIC.D96A", &["D96A"]),
    table!("INVOIC", "INVOIC.D01B", &["D01B"]),
    table!("CONTRL", "CONTRL", &["D96A", "D01B"]),
];

/// Read once: a constant that cannot be written as one.
static SHIPPED: LazyLock<Vec<Grammar>> = LazyLock::new(|| {
    let tables = TABLES.iter().flat_map(|table| table.3.iter().map(move |version| (table, *version)));
    // A test reads each table: none is left out here.
    tables.filter_map(|(table, version)| table::read(table.0, table.1, version, table.2).ok()).collect()
});

/// The grammar of a set, if one ships: `set` is ST01 or the message type (`850`, `ORDERS`); `version` what ST03, GS08 or UNH02 say
/// (`005010X222A1`, `D96A`, `D:96A`).
pub fn grammar(standard: Standard, set: &str, version: &str) -> Option<&'static Grammar> {
    match standard {
        Standard::X12 => {
            let version_of_table = if version.trim_start_matches('0') < "5" { "004010" } else { "005010" };
            let table = if set == "837" { table_of_837(version) } else { set };
            SHIPPED.iter().find(|one| one.table == table && one.version == version_of_table)
        }
        Standard::Edifact => {
            let directory = if before_2001(version) { "D96A" } else { "D01B" };
            let found = SHIPPED.iter().find(|one| one.set == set && one.version == directory);
            found.filter(|_| set.bytes().all(|byte| byte.is_ascii_uppercase()))
        }
        Standard::Tradacoms => None,
    }
}

/// All grammars that ship, in the order of their names.
pub fn grammars() -> impl Iterator<Item = &'static Grammar> {
    SHIPPED.iter()
}

/// The claims of each kind have a guide of their own.
fn table_of_837(version: &str) -> &'static str {
    let guide = version.split_once('X').map_or("", |(_, guide)| guide.get(..3).unwrap_or(guide));
    match guide {
        "222" | "098" => "837p",
        "223" | "096" => "837i",
        "224" | "097" => "837d",
        _ => "837",
    }
}

/// Whether a directory (`D96A`, `D:96A`, `96A`, `S93A`) is nearer to D.96A than to D.01B.
fn before_2001(version: &str) -> bool {
    let digits = version.trim_start_matches(|one: char| !one.is_ascii_digit());
    let digits: String = digits.chars().take_while(char::is_ascii_digit).take(2).collect();
    digits.len() < 2 || digits.parse::<u8>().is_ok_and(|year| year >= 80 || year == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::grammar::Place;

    #[test]
    fn every_table_is_read() {
        for &(set, name, text, versions) in TABLES {
            for version in versions {
                if let Err(error) = table::read(set, name, version, text) {
                    panic!("sets/{name}.txt, {error}");
                }
            }
        }
        assert_eq!(grammars().count(), TABLES.iter().map(|table| table.3.len()).sum::<usize>());
    }

    /// What a table of a standard must be like, whoever writes it.
    #[test]
    fn every_grammar_begins_and_ends_as_its_standard_does() {
        for one in grammars() {
            let places = &one.loops[0].places;
            let (first, last) = (&places[0].tag, &places[places.len() - 1].tag);
            let edges = if one.set.len() == 3 { ("ST", "SE") } else { ("UNH", "UNT") };
            assert_eq!((first.as_str(), last.as_str()), edges, "{}", one.table);
            assert!(places[0].required && places[places.len() - 1].required, "{}", one.table);
            for kind in &one.loops {
                for place in &kind.places {
                    let tag = place.tag.as_bytes();
                    assert!((2..=3).contains(&tag.len()), "{} {}", one.table, place.tag);
                    assert!(
                        tag.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()),
                        "{}",
                        place.tag
                    );
                }
                let opener: Option<&Place> = kind.places.first();
                assert!(
                    opener.is_some_and(|place| place.required && place.max == 1),
                    "{} {}",
                    one.table,
                    kind.id
                );
            }
        }
    }

    #[test]
    fn a_set_finds_its_grammar() {
        let table =
            |standard, set, version| grammar(standard, set, version).map(|one| (&*one.table, &*one.version));
        assert_eq!(table(Standard::X12, "850", "004010VICS"), Some(("850", "004010")));
        assert_eq!(table(Standard::X12, "850", "003040"), Some(("850", "004010")));
        assert_eq!(table(Standard::X12, "850", "005010"), Some(("850", "005010")));
        assert_eq!(table(Standard::X12, "850", "007040"), Some(("850", "005010")));
        assert_eq!(table(Standard::X12, "837", "005010X222A1"), Some(("837p", "005010")));
        assert_eq!(table(Standard::X12, "837", "005010X223A2"), Some(("837i", "005010")));
        assert_eq!(table(Standard::X12, "837", "004010X097A1"), Some(("837d", "004010")));
        assert_eq!(table(Standard::X12, "837", "005010"), Some(("837", "005010")));
        assert_eq!(table(Standard::X12, "834", "005010X220A1"), None);
        assert_eq!(table(Standard::Edifact, "ORDERS", "D96A"), Some(("ORDERS.D96A", "D96A")));
        assert_eq!(table(Standard::Edifact, "ORDERS", "D:93A"), Some(("ORDERS.D96A", "D96A")));
        assert_eq!(table(Standard::Edifact, "ORDERS", "D01B"), Some(("ORDERS.D01B", "D01B")));
        assert_eq!(table(Standard::Edifact, "INVOIC", "D.11A"), Some(("INVOIC.D01B", "D01B")));
        assert_eq!(table(Standard::Edifact, "CONTRL", "D:3:UN:EAN008"), Some(("CONTRL", "D96A")));
        assert_eq!(table(Standard::Edifact, "850", "004010"), None);
        assert_eq!(table(Standard::Tradacoms, "ORDHDR", "9"), None);
    }
}
