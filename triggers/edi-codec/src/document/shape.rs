//! Which elements are composites, and which repeat. What must hold: such an element has the same shape in every document, also where only its first
//! component stands there.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::syntax::Standard;

type Tables = HashMap<&'static str, Shape>;

static X12: LazyLock<Tables> = LazyLock::new(|| read(include_str!("sets/x12-composites.txt")));
static EDIFACT: LazyLock<Tables> = LazyLock::new(|| read(include_str!("sets/edifact-composites.txt")));
static NONE: LazyLock<Tables> = LazyLock::new(Tables::new);

/// The elements of one segment, bit by bit from element 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shape {
    composites: u64,
    repeating: u64,
}

impl Shape {
    pub fn is_composite(self, element: usize) -> bool {
        bit(element) & self.composites != 0
    }

    pub fn repeats(self, element: usize) -> bool {
        bit(element) & self.repeating != 0
    }
}

fn bit(element: usize) -> u64 {
    1_u64.checked_shl(element as u32).unwrap_or(0)
}

/// The shapes of a standard's segments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shapes(&'static Tables);

impl Shapes {
    pub fn of(standard: Standard) -> Self {
        Self(match standard {
            Standard::X12 => &X12,
            Standard::Edifact => &EDIFACT,
            Standard::Tradacoms => &NONE,
        })
    }

    pub fn get(self, tag: &str) -> Shape {
        self.0.get(tag).copied().unwrap_or_default()
    }
}

/// Lines of a tag and its composites' numbers; `5*` is one that repeats, `3^` a plain element that does.
fn read(text: &'static str) -> Tables {
    let mut tables = Tables::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(tag) = words.next() else { continue };
        let shape: &mut Shape = tables.entry(tag).or_default();
        for word in words {
            let number = bit(word.trim_end_matches(['*', '^']).parse().unwrap_or(0));
            if !word.ends_with('^') {
                shape.composites |= number;
            }
            if word.ends_with(['*', '^']) {
                shape.repeating |= number;
            }
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_name_elements() {
        for (name, tables) in [("x12", &*X12), ("edifact", &*EDIFACT)] {
            assert!(tables.len() > 20, "{name}");
            for (tag, shape) in tables {
                assert!((2..=3).contains(&tag.len()), "{name} {tag}");
                assert!(
                    (shape.composites | shape.repeating) & 1 == 0,
                    "{name} {tag}: a word that is no number"
                );
                assert!(shape.composites | shape.repeating != 0, "{name} {tag}: no number");
            }
        }
        let clm = Shapes::of(Standard::X12).get("CLM");
        assert_eq!((clm.is_composite(5), clm.is_composite(1), clm.is_composite(900)), (true, false, false));
        let dmg = Shapes::of(Standard::X12).get("DMG");
        assert!(dmg.is_composite(5) && dmg.repeats(5));
        let eb = Shapes::of(Standard::X12).get("EB");
        assert!(!eb.is_composite(3) && eb.repeats(3));
        assert!(Shapes::of(Standard::Edifact).get("NAD").is_composite(2));
    }
}
