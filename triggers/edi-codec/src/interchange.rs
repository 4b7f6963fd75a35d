//! What an interchange says of itself and what was found in it: envelope, groups, sets. What must hold: every set knows the bytes it stands in, and
//! what is wrong stands with what it is wrong in, so that each can be accepted or rejected for itself.

use std::ops::Range;

use serde::{Serialize, Serializer};

use crate::finding::{Finding, Severity};
use crate::syntax::{Standard, Syntax};

/// One interchange: `ISA … IEA`, `UNB … UNZ`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interchange {
    /// Its delimiters, and by them its standard.
    #[serde(rename = "standard", serialize_with = "standard")]
    pub syntax: Syntax,
    /// Where in the stream it stands: from `UNA`, `ISA` or `UNB` to the end of the last terminator.
    pub range: Range<u64>,
    /// The SHA-256 of those bytes.
    #[serde(serialize_with = "hex")]
    pub digest: [u8; 32],
    /// Who sends it: ISA05/06, UNB S002.
    pub sender: Party,
    /// For whom it is: ISA07/08, UNB S003.
    pub receiver: Party,
    /// Its control number or reference as it stands there: ISA13, UNB 0020.
    pub control: String,
    /// The date as it stands there (`YYMMDD`, EDIFACT v4 also `YYYYMMDD`): ISA09, UNB 0017.
    pub date: String,
    /// The time as it stands there (`HHMM`): ISA10, UNB 0019.
    pub time: String,
    /// ISA12 (`00501`); the syntax identifier and version of UNB (`UNOA:3`).
    pub version: String,
    /// Whether it is a test: ISA15 `T` (or `I`, information), UNB 0035.
    pub test: bool,
    /// Whether its sender asks for an acknowledgement: ISA14, UNB 0031.
    pub acknowledgement_requested: bool,
    /// EDIFACT's application reference, UNB 0026: often the message type.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub application: String,
    /// EDIFACT's interchange agreement, UNB 0032.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub agreement: String,
    /// How many segments it has, with the envelope's.
    pub segments: u64,
    /// Its functional groups. EDIFACT without `UNG` has one that is not [`explicit`](Group::explicit).
    pub groups: Vec<Group>,
    /// The `TA1` segments that stand in it: acknowledgements of our interchanges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acknowledged: Vec<Ta1>,
    /// What is wrong with the envelope itself.
    pub findings: Vec<Finding>,
    /// Findings that were left out of any of the lists, since there were [too many](crate::MAX_FINDINGS).
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: u64,
    /// Whether its trailer was there.
    pub closed: bool,
}

/// One side of an interchange or group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Party {
    /// What the id is of: ISA05/07 (`ZZ`, `01`), UNB 0007 (`14`); empty where there is none.
    pub qualifier: String,
    /// The id, without the blanks that fill ISA06/08.
    pub id: String,
    /// EDIFACT's address for reverse routing, 0008/0014.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub routing: String,
}

/// One functional group: `GS … GE`, `UNG … UNE`, or what an EDIFACT interchange holds without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Whether there is a `GS` or `UNG`.
    pub explicit: bool,
    /// Where in the stream it stands.
    pub range: Range<u64>,
    /// GS01 (`PO`, `HC`), UNG 0038.
    pub functional: String,
    /// GS02, UNG S006.
    pub sender: Party,
    /// GS03, UNG S007.
    pub receiver: Party,
    /// GS04, UNG 0017.
    pub date: String,
    /// GS05, UNG 0019.
    pub time: String,
    /// GS06, UNG 0048.
    pub control: String,
    /// GS07 (`X`), UNG 0051 (`UN`).
    pub agency: String,
    /// GS08 (`005010X222A1`), UNG S008 (`D:96A`).
    pub version: String,
    /// Its transaction sets or messages; where [`Keep::Failed`](crate::Keep) was asked, those that are rejected.
    pub sets: Vec<Set>,
    /// How many sets it has, kept or not.
    pub received: u64,
    /// How many of them have no error.
    pub accepted: u64,
    /// How many its trailer says it has: GE01, UNE 0060.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared: Option<u64>,
    /// What is wrong with the group itself.
    pub findings: Vec<Finding>,
}

/// One transaction set or message: `ST … SE`, `UNH … UNT`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Set {
    /// Where in the stream it stands: from `ST` or `UNH` to the end of the terminator of `SE` or `UNT`.
    pub range: Range<u64>,
    /// What it is: ST01 (`850`), UNH 0065 (`ORDERS`).
    pub id: String,
    /// ST02, UNH 0062.
    pub control: String,
    /// What it is written by: ST03, or else GS08 (`005010X222A1`); UNH 0052, 0054, 0051, 0057 (`D:96A:UN:EAN008`).
    pub version: String,
    /// How many segments it has, with its own envelope's.
    pub segments: u64,
    /// What is wrong in it.
    pub findings: Vec<Finding>,
}

/// A `TA1`: what a partner says of an interchange of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ta1 {
    /// The control number of the interchange it is about, TA101.
    pub control: String,
    /// Its date and time, TA102 and TA103.
    pub date: String,
    /// Its time, TA103.
    pub time: String,
    /// `A` accepted, `E` accepted with errors, `R` rejected: TA104.
    pub status: String,
    /// `000` or what is wrong: TA105.
    pub note: String,
    /// Where it stands in the stream.
    pub offset: u64,
}

impl Interchange {
    /// Its standard.
    pub fn standard(&self) -> Standard {
        self.syntax.standard
    }

    /// All its sets, in order, each with its group.
    pub fn sets(&self) -> impl Iterator<Item = (&Group, &Set)> {
        self.groups.iter().flat_map(|group| group.sets.iter().map(move |set| (group, set)))
    }

    /// All that was found, the envelope's first, then group by group and set by set.
    pub fn all_findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().chain(self.groups.iter().flat_map(|group| {
            group.findings.iter().chain(group.sets.iter().flat_map(|set| set.findings.iter()))
        }))
    }

    /// Whether the envelope itself is without error: what is in it can be looked at.
    pub fn envelope_accepted(&self) -> bool {
        accepted(&self.findings)
    }

    /// Whether nothing at all is rejected.
    pub fn accepted(&self) -> bool {
        self.envelope_accepted() && self.groups.iter().all(|group| group.status() == Status::Accepted)
    }
}

/// What an acknowledgement says of a group: AK901.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// `A`: all of it.
    Accepted,
    /// `P`: some of its sets.
    Partial,
    /// `R`: nothing of it.
    Rejected,
}

impl Group {
    /// Whether it is accepted, wholly or in part.
    pub fn status(&self) -> Status {
        if !accepted(&self.findings) || (self.accepted == 0 && self.received > 0) {
            Status::Rejected
        } else if self.accepted < self.received {
            Status::Partial
        } else {
            Status::Accepted
        }
    }

    /// Whether this group acknowledges something, and so is never acknowledged: GS01 `FA` (997, 999), the EDIFACT message CONTRL.
    pub fn acknowledges(&self) -> bool {
        self.functional == "FA" || self.functional == "CONTRL"
    }
}

impl Set {
    /// Whether it has no error.
    pub fn accepted(&self) -> bool {
        accepted(&self.findings)
    }

    /// Whether it acknowledges something: 997, 999, CONTRL.
    pub fn acknowledges(&self) -> bool {
        matches!(self.id.as_str(), "997" | "999" | "CONTRL")
    }
}

fn accepted(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity != Severity::Error)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn standard<S: Serializer>(syntax: &Syntax, serializer: S) -> Result<S::Ok, S::Error> {
    syntax.standard.serialize(serializer)
}

fn hex<S: Serializer>(digest: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Hex(digest))
}

/// Bytes in hexadecimal.
struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
