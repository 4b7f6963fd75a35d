//! What is wrong with a set by its grammar, as findings of the codec. What must hold: each has the code by which an acknowledgement reports it, and
//! their number is bounded, as that of the syntax's findings is.

use crate::document::grammar::{Loop, Place};
use crate::document::row::Row;
use crate::document::rows::MAX_PARTS;
use crate::finding::{Code, Finding, Severity};
use crate::open::MAX_FINDINGS;
use crate::syntax::Standard;

/// What can be wrong with the place of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// Its tag stands nowhere in the set.
    NotInSet,
    /// Its tag stands elsewhere in the set.
    Unexpected,
    /// Its place was passed.
    OutOfOrder,
    /// Its place was full, with this many.
    TooMany(u32),
    /// The place of its loop was full, with this many.
    TooManyLoops(u32),
}

impl Problem {
    /// X12's code (data elements 720, 620), EDIFACT's (0085).
    fn codes(self) -> (u16, u16) {
        match self {
            Self::NotInSet => (6, 15),
            Self::Unexpected => (2, 15),
            Self::OutOfOrder => (7, 15),
            Self::TooMany(_) => (5, 35),
            Self::TooManyLoops(_) => (4, 36),
        }
    }
}

/// Findings of one set.
#[derive(Debug)]
pub(super) struct Findings {
    standard: Standard,
    found: Vec<Finding>,
}

impl Findings {
    pub fn of(standard: Standard) -> Self {
        Self { standard, found: Vec::new() }
    }

    fn code(&self, (x12, edifact): (u16, u16)) -> Code {
        match self.standard {
            Standard::X12 => Code::Ak304(x12),
            Standard::Edifact => Code::Un0085(edifact),
            Standard::Tradacoms => Code::None,
        }
    }

    fn add(&mut self, finding: impl FnOnce() -> Finding) {
        if self.found.len() < MAX_FINDINGS {
            self.found.push(finding());
        }
    }

    /// A segment that does not stand where it may.
    pub fn segment(&mut self, problem: Problem, row: &Row, index: usize, within: &str) {
        let tag = brief(row.tag());
        let place = if within.is_empty() { "here".to_owned() } else { format!("in loop {within}") };
        let message = match problem {
            Problem::NotInSet => format!("{tag} is no segment of this set"),
            Problem::Unexpected if row.value(1).is_empty() => format!("{tag} is not expected {place}"),
            Problem::Unexpected => format!("{tag} with `{}` is not expected {place}", brief(row.value(1))),
            Problem::OutOfOrder => format!("{tag} comes too late {place}: other segments must follow it"),
            Problem::TooMany(max) => format!("{tag} stands {place} more than {}", times(max)),
            Problem::TooManyLoops(max) => {
                format!("the loop that {tag} begins stands {place} more than {}", times(max))
            }
        };
        let code = self.code(problem.codes());
        self.add(|| at(row, index, code, message));
    }

    /// A segment, or loop, that had to be there.
    pub fn missing(&mut self, place: &Place, within: &Loop, index: usize, offset: u64) {
        let what = if place.opens.is_some() {
            format!("the loop that {} begins", place.tag)
        } else {
            place.tag.clone()
        };
        let only = place.only.as_ref();
        let only = only.map_or(String::new(), |(element, values)| {
            format!(" (with {} in element {element})", values.join(" or "))
        });
        let whose = if within.id.is_empty() { "the set".to_owned() } else { format!("loop {}", within.id) };
        let code = self.code((3, 13));
        self.add(|| Finding {
            offset,
            tag: place.tag.clone(),
            segment: index as u64 + 1,
            element: None,
            component: None,
            repetition: None,
            code,
            message: format!("{what}{only} is missing: {whose} must have it"),
            reference: None,
            value: None,
            severity: Severity::Error,
        });
    }

    /// A level whose parent is not open.
    pub fn parent(&mut self, row: &Row, index: usize) {
        let parent = brief(row.value(2)).to_owned();
        let code = match self.standard {
            Standard::X12 => Code::Ak403(7),
            Standard::Edifact | Standard::Tradacoms => Code::None,
        };
        self.add(|| Finding {
            element: Some(2),
            value: Some(parent.clone()),
            ..at(
                row,
                index,
                code,
                format!("HL02 names `{parent}` as the parent: no level around this one has that number"),
            )
        });
    }

    /// A segment that no document can be made into again.
    pub fn too_many_parts(&mut self, row: &Row, index: usize) {
        let code = self.code((8, 16));
        let message =
            format!("{} has {} elements and components: at most {MAX_PARTS}", brief(row.tag()), row.len());
        self.add(|| at(row, index, code, message));
    }

    /// A level that stands deeper than documents nest.
    pub fn too_deep(&mut self, row: &Row, index: usize) {
        let deep = crate::document::MAX_DEPTH;
        self.add(|| Finding {
            severity: Severity::Note,
            ..at(
                row,
                index,
                Code::None,
                format!("levels nest deeper than {deep}: this one stands beside its parent"),
            )
        });
    }

    /// All, in the order of the segments.
    pub fn sorted(mut self) -> Vec<Finding> {
        self.found.sort_by_key(|finding| finding.segment);
        self.found
    }
}

fn at(row: &Row, index: usize, code: Code, message: String) -> Finding {
    Finding {
        offset: row.offset,
        tag: brief(row.tag()).to_owned(),
        segment: index as u64 + 1,
        element: None,
        component: None,
        repetition: None,
        code,
        message,
        reference: None,
        value: None,
        severity: Severity::Error,
    }
}

/// A value short enough for a message.
fn brief(value: &str) -> &str {
    value.char_indices().nth(20).map_or(value, |(end, _)| &value[..end])
}

fn times(max: u32) -> String {
    if max == 1 { "once".to_owned() } else { format!("{max} times") }
}
