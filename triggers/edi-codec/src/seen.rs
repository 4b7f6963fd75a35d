//! Which control numbers were seen. What must hold: numbers that count on, as control numbers do, take no memory; whatever comes, it stays small.

use std::collections::{BTreeMap, HashSet};

/// How many runs of numbers, and how many other texts, are remembered; after that, repetitions go unnoticed.
pub(crate) const MAX_REMEMBERED: usize = 65_536;

/// A set of control numbers.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Runs of numbers without a gap: the first and the last of each.
    runs: BTreeMap<u64, u64>,
    texts: HashSet<String>,
}

impl Seen {
    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.runs.clear();
        self.texts.clear();
    }

    /// Whether it was seen.
    pub(crate) fn contains(&self, control: &str) -> bool {
        match number(control) {
            Some(number) => self.runs.range(..=number).next_back().is_some_and(|(_, &last)| number <= last),
            None => self.texts.contains(control),
        }
    }

    /// Remembers it; `false` if it was seen before.
    pub(crate) fn insert(&mut self, control: &str) -> bool {
        let Some(number) = number(control) else {
            return !self.texts.contains(control)
                && (self.texts.len() >= MAX_REMEMBERED || self.texts.insert(control.to_owned()));
        };
        if let Some((&first, &last)) = self.runs.range(..=number).next_back() {
            if number <= last {
                return false;
            }
            if number == last + 1 {
                let end = self.runs.remove(&(number + 1)).unwrap_or(number);
                self.runs.insert(first, end);
                return true;
            }
        }
        if self.runs.len() >= MAX_REMEMBERED {
            return true;
        }
        let end = self.runs.remove(&(number + 1)).unwrap_or(number);
        self.runs.insert(number, end);
        true
    }
}

/// Control numbers of digits; their length is part of them, since ST02 and UNH 0062 are texts: `1` is not `0001`.
fn number(control: &str) -> Option<u64> {
    let digits = control.len();
    if !(1..=14).contains(&digits) || !control.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // A gap between the lengths, so that no run goes from one into the next.
    control.parse::<u64>().ok().map(|value| digits as u64 * 1_000_000_000_000_000 + value)
}

#[cfg(test)]
mod tests {
    use super::Seen;

    #[test]
    fn numbers_that_count_on_take_one_run() {
        let mut seen = Seen::default();
        for number in 0..10_000 {
            assert!(seen.insert(&format!("{number:09}")));
        }
        assert_eq!(seen.runs.len(), 1);
        assert!(!seen.insert("000000017"));
        assert!(seen.insert("17") && seen.insert("0017") && !seen.insert("17"));
        assert!(seen.insert("A1") && !seen.insert("A1"));
    }

    #[test]
    fn runs_grow_together() {
        let mut seen = Seen::default();
        for number in [1, 3, 2, 5, 4] {
            assert!(seen.insert(&number.to_string()), "{number}");
        }
        assert_eq!(seen.runs.len(), 1);
        assert!(seen.contains("5") && !seen.contains("6"));
    }
}
