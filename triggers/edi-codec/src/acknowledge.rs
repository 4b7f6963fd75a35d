//! What is sent back for an interchange. What must hold: by the incoming delimiters, from receiver to sender, and never for an acknowledgement.

use crate::compose::{Composer, Header};
use crate::interchange::{Group, Interchange};
use crate::stamp::Stamp;
use crate::syntax::Standard;
use crate::writer::WriteError;
use crate::{contrl, functional};

/// Which acknowledgement is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// X12 TA1: of the interchange alone.
    Ta1,
    /// X12: 999 for the groups whose GS08 names an implementation guide of 005010 or later, 997 for the others; a TA1 before them where ISA14 asks for
    /// one, and a TA1 alone where the envelope is rejected.
    Functional,
    /// The same, with a 997 for every group.
    Functional997,
    /// The same, with a 999 for every group.
    Implementation999,
    /// EDIFACT CONTRL.
    Contrl,
}

impl Kind {
    /// What is usual for a standard, if there is anything.
    pub fn usual(standard: Standard) -> Option<Self> {
        match standard {
            Standard::X12 => Some(Self::Functional),
            Standard::Edifact => Some(Self::Contrl),
            Standard::Tradacoms => None,
        }
    }
}

/// The control numbers of the acknowledgement that is made, each the next of its sequence towards this partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// ISA13, UNB 0020: 1 to 999 999 999.
    pub interchange: u32,
    /// GS06: 1 to 999 999 998; where both 997 and 999 are due, the second group has the next.
    pub group: u32,
    /// ST02 of the first set, UNH 0062; further sets count on from it.
    pub set: u32,
}

/// What an acknowledgement is made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Which.
    pub kind: Kind,
    /// Its control numbers.
    pub numbers: Numbers,
    /// Its date and time.
    pub now: Stamp,
}

/// The acknowledgement of an interchange, as the bytes of an interchange of its own; `None` where none is due: for an acknowledgement, for a bare
/// message without an envelope, where nothing is in it to acknowledge, and where the kind belongs to the other standard.
///
/// The error is for what no envelope can carry, such as a sender whose id is longer than ISA06.
pub fn acknowledge(interchange: &Interchange, request: &Request) -> Result<Option<Vec<u8>>, WriteError> {
    match (interchange.standard(), request.kind) {
        (Standard::X12, Kind::Contrl)
        | (Standard::Edifact, Kind::Ta1 | Kind::Functional997 | Kind::Implementation999) => {
            return Ok(None);
        }
        (Standard::Tradacoms, _) => return Ok(None),
        _ => {}
    }
    if only_acknowledges(interchange)
        || interchange.sender.id.is_empty()
        || interchange.receiver.id.is_empty()
    {
        return Ok(None);
    }
    match interchange.standard() {
        Standard::X12 => functional::acknowledge(interchange, request),
        Standard::Edifact => contrl::acknowledge(interchange, request),
        Standard::Tradacoms => Ok(None),
    }
}

/// Whether all that an interchange holds is acknowledgements.
pub fn only_acknowledges(interchange: &Interchange) -> bool {
    let mut groups = interchange.groups.iter().peekable();
    if groups.peek().is_none() {
        return !interchange.acknowledged.is_empty();
    }
    groups.all(acknowledges)
}

/// Whether a group holds acknowledgements, and so gets none.
pub(crate) fn acknowledges(group: &Group) -> bool {
    group.acknowledges()
        || (!group.sets.is_empty() && group.sets.iter().all(crate::interchange::Set::acknowledges))
}

/// An interchange back: the incoming delimiters, receiver and sender swapped.
pub(crate) fn back(interchange: &Interchange, request: &Request) -> Result<Composer, WriteError> {
    let x12 = interchange.standard() == Standard::X12;
    let version = &interchange.version;
    let usable = version.len() == 5 && version.bytes().all(|byte| byte.is_ascii_digit());
    Composer::new(Header {
        syntax: interchange.syntax,
        version: if x12 && !usable { "00501".to_owned() } else { version.clone() },
        sender: interchange.receiver.clone(),
        receiver: interchange.sender.clone(),
        control: request.numbers.interchange,
        test: interchange.test,
        acknowledgement_requested: false,
        application: String::new(),
        now: request.now,
    })
}
