//! EDI: who exchanges documents with whom, and what came in of them. What must hold: an interchange belongs to a partner by its sender and receiver
//! alone; what a workflow gets keeps the bytes as they came beside what was read from them.

mod control;
mod event;
mod partner;
mod party;

pub use control::{Control, MAX_SETS, State};
pub use event::Edi;
pub use partner::{
    Ack, DEFAULT_WINDOW_DAYS, Duplicates, MAX_IDS, MAX_LISTED, MAX_WINDOW_DAYS, Ours, PartnerError,
    PartnerSpec, Ta1, Usage, Validation, check_lists,
};
pub use party::{PartyError, is_set_id, is_version, party, same_version};

use serde::{Deserialize, Serialize};

/// Which of the two standards a document follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standard {
    /// ASC X12.
    X12,
    /// UN/EDIFACT (ISO 9735).
    Edifact,
}

impl Standard {
    /// The stored and published word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X12 => "x12",
            Self::Edifact => "edifact",
        }
    }

    /// The other way round.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::X12, Self::Edifact].into_iter().find(|standard| standard.as_str() == word)
    }

    /// As people write it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::X12 => "X12",
            Self::Edifact => "EDIFACT",
        }
    }

    /// What a document of this standard is called on its way (RFC 1767 §1).
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::X12 => "application/edi-x12",
            Self::Edifact => "application/edifact",
        }
    }
}
