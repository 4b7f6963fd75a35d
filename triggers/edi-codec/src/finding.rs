//! What is wrong with an interchange, where, and by which code an acknowledgement says so. What must hold: a finding stands at the level whose
//! acknowledgement reports it, and its offset is a byte of the stream.

use std::fmt;

use serde::{Serialize, Serializer};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The byte of the stream where it is wrong.
    pub offset: u64,
    /// The tag of the segment, as it stands there.
    pub tag: String,
    /// The position of the segment within its transaction set or message, from 1 (`ST`, `UNH`); outside of one, within its interchange.
    pub segment: u64,
    /// Which element, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub element: Option<u16>,
    /// Which component of it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<u16>,
    /// Which repetition of the element, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition: Option<u16>,
    /// What an acknowledgement calls it.
    pub code: Code,
    /// What is wrong, what was expected.
    pub message: String,
    /// The number of the data element in its directory (X12 data element 725, `AK402`), where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<u16>,
    /// What stands there, cut to 99 bytes (`AK404`, `IK404`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Whether it makes an acknowledgement reject, or is told for information.
    pub severity: Severity,
}

/// Whether a finding rejects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// What it is found in is rejected.
    Error,
    /// Against the letter of the standard, and harmless: nothing is rejected for it.
    Note,
}

/// The code by which an acknowledgement names what is wrong, by the data element that carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The interchange: TA105 (data element I18).
    Ta105(u16),
    /// The functional group: AK905 (716).
    Ak905(u16),
    /// The transaction set: AK502 and IK502 (718).
    Ak502(u16),
    /// A segment: AK304 and IK304 (720, 620).
    Ak304(u16),
    /// An element: AK403 and IK403 (723, 621).
    Ak403(u16),
    /// A segment against an implementation guide: IK304 with an `I`.
    Ik304(u16),
    /// An element against an implementation guide: IK403 with an `I`.
    Ik403(u16),
    /// EDIFACT, at every level: UCI, UCF, UCM, UCS, UCD (0085).
    Un0085(u16),
    /// TRADACOMS, which has no acknowledgement.
    None,
}

impl Code {
    /// The value as it stands in the acknowledgement: `023` in TA105, `4` in AK905, `I9` in IK403.
    pub fn value(&self) -> String {
        match self {
            Self::Ta105(code) => format!("{code:03}"),
            Self::Ak905(code)
            | Self::Ak502(code)
            | Self::Ak304(code)
            | Self::Ak403(code)
            | Self::Un0085(code) => code.to_string(),
            Self::Ik304(code) | Self::Ik403(code) => format!("I{code}"),
            Self::None => String::new(),
        }
    }

    /// The data element that carries it: `TA105`, `AK905`, `AK502`, `AK304`, `AK403`, `IK304`, `IK403`, `0085`.
    pub fn carrier(&self) -> &'static str {
        match self {
            Self::Ta105(_) => "TA105",
            Self::Ak905(_) => "AK905",
            Self::Ak502(_) => "AK502",
            Self::Ak304(_) => "AK304",
            Self::Ak403(_) => "AK403",
            Self::Ik304(_) => "IK304",
            Self::Ik403(_) => "IK403",
            Self::Un0085(_) => "0085",
            Self::None => "",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("-"),
            _ => write!(f, "{} {}", self.carrier(), self.value()),
        }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}, segment {} {}", self.offset, self.segment, self.tag)?;
        if let Some(element) = self.element {
            write!(f, ", element {element}")?;
        }
        if let Some(repetition) = self.repetition {
            write!(f, ", repetition {repetition}")?;
        }
        if let Some(component) = self.component {
            write!(f, ", component {component}")?;
        }
        write!(f, " [{}]: {}", self.code, self.message)
    }
}
