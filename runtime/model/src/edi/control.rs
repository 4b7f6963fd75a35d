//! Control numbers, and what becomes of an interchange. What must hold: one transaction set of a partner has one set of numbers, whichever way it comes.

use serde::{Deserialize, Serialize};

/// The most transaction sets that are taken together: an interchange is committed whole.
pub const MAX_SETS: usize = 5_000;

/// The numbers that name a transaction set among all of its partner's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Control {
    /// The interchange's, with what it is unique within: standard, test flag, sender and receiver.
    pub interchange: String,
    /// The group's; empty where there is none.
    pub group: String,
    /// The set's.
    pub set: String,
}

/// What became of an interchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// All its sets were taken.
    Accepted,
    /// Some were.
    Partial,
    /// None was.
    Rejected,
    /// It came before, with the same bytes.
    Duplicate,
    /// It belongs to nobody known, or cannot be read: kept until somebody decides.
    Quarantined,
    /// Somebody threw it away.
    Discarded,
}

impl State {
    /// Each.
    pub const ALL: [Self; 6] =
        [Self::Accepted, Self::Partial, Self::Rejected, Self::Duplicate, Self::Quarantined, Self::Discarded];

    /// The words, for a closed list.
    pub const WORDS: [&'static str; 6] =
        ["accepted", "partial", "rejected", "duplicate", "quarantined", "discarded"];

    /// The stored and published word.
    pub const fn as_str(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    /// The other way round.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_the_word_that_json_has() {
        for state in State::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert_eq!(State::from_word(state.as_str()), Some(state));
        }
    }
}
