//! What is sent back for an interchange. What must hold: by the incoming delimiters, from receiver to sender, and never for an acknowledgement.

use crate::stamp::Stamp;

/// Which acknowledgement is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// X12 TA1: of the interchange alone.
    Ta1,
    /// X12 997, or 999 for the groups whose GS08 names an implementation guide that wants it; with a TA1 before where ISA14 asks for one.
    Functional,
    /// X12 997 for all groups.
    Functional997,
    /// X12 999 for all groups.
    Implementation999,
    /// EDIFACT CONTRL.
    Contrl,
}

/// The control numbers of the acknowledgement that is made, each the next of its sequence towards this partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// ISA13, UNB 0020: 1 to 999 999 999.
    pub interchange: u32,
    /// GS06: 1 to 999 999 999.
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
