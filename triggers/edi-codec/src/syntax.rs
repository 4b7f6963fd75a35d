//! The delimiters of one interchange. What must hold: they are read from the interchange (ISA, UNA, UNB), never assumed, and they travel with every
//! segment, since each interchange of a stream has its own.

use std::fmt;

use serde::Serialize;

/// Which family of standards an interchange is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standard {
    /// ANSI ASC X12: `ISA … IEA`.
    X12,
    /// UN/EDIFACT, ISO 9735: `UNA`, `UNB … UNZ`.
    Edifact,
    /// GS1 UK's TRADACOMS: `STX= … END=`. Read, checked and written back; it knows no acknowledgement.
    Tradacoms,
}

impl fmt::Display for Standard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X12 => "X12",
            Self::Edifact => "EDIFACT",
            Self::Tradacoms => "TRADACOMS",
        })
    }
}

/// What ends a segment: one byte, or one character of several bytes where a text editor has made UTF-8 of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Terminator {
    bytes: [u8; 4],
    len: u8,
}

impl Terminator {
    /// A terminator of one byte.
    pub const fn byte(byte: u8) -> Self {
        Self { bytes: [byte, 0, 0, 0], len: 1 }
    }

    /// The bytes given, which must be one to four.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut own = [0; 4];
        own.get_mut(..bytes.len()).filter(|own| !own.is_empty())?.copy_from_slice(bytes);
        Some(Self { bytes: own, len: bytes.len() as u8 })
    }

    /// Its bytes, never empty.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Its first byte.
    pub const fn first(&self) -> u8 {
        self.bytes[0]
    }

    /// How many bytes it has.
    pub const fn width(&self) -> usize {
        self.len as usize
    }
}

impl From<u8> for Terminator {
    fn from(byte: u8) -> Self {
        Self::byte(byte)
    }
}

/// The delimiters of one interchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Syntax {
    /// The standard that the interchange is written in.
    pub standard: Standard,
    /// Between a tag and its first element: the element separator, but in TRADACOMS.
    pub tag: u8,
    /// Between elements.
    pub element: u8,
    /// Between components of an element.
    pub component: u8,
    /// Between repetitions of an element: X12 from version 00402, EDIFACT syntax version 4, or where UNA names one.
    pub repetition: Option<u8>,
    /// EDIFACT: makes the byte after it a byte of data.
    pub release: Option<u8>,
    /// The decimal mark: `.` or `,`.
    pub decimal: u8,
    /// What ends a segment.
    pub terminator: Terminator,
    /// The file was cut into lines of one length, through the middle of segments: CR and LF are no data, wherever they stand.
    pub wrapped: bool,
}

impl Syntax {
    /// What is usual in X12: `*`, `:`, `^` and `~`.
    pub const X12: Self = Self {
        standard: Standard::X12,
        tag: b'*',
        element: b'*',
        component: b':',
        repetition: Some(b'^'),
        release: None,
        decimal: b'.',
        terminator: Terminator::byte(b'~'),
        wrapped: false,
    };

    /// What holds in EDIFACT without a UNA, syntax versions 1 to 3 (ISO 9735:1988, annex A level A).
    pub const EDIFACT: Self = Self {
        standard: Standard::Edifact,
        tag: b'+',
        element: b'+',
        component: b':',
        repetition: None,
        release: Some(b'?'),
        decimal: b'.',
        terminator: Terminator::byte(b'\''),
        wrapped: false,
    };

    /// EDIFACT without a UNA where `UNB` is followed by IS3: level B of ISO 9735:1988, without a release character.
    pub const EDIFACT_LEVEL_B: Self = Self {
        standard: Standard::Edifact,
        tag: 0x1D,
        element: 0x1D,
        component: 0x1F,
        repetition: None,
        release: None,
        decimal: b'.',
        terminator: Terminator::byte(0x1C),
        wrapped: false,
    };

    /// TRADACOMS, whose delimiters are fixed.
    pub const TRADACOMS: Self = Self {
        standard: Standard::Tradacoms,
        tag: b'=',
        element: b'+',
        component: b':',
        repetition: None,
        release: Some(b'?'),
        decimal: b'.',
        terminator: Terminator::byte(b'\''),
        wrapped: false,
    };

    /// Whether `byte` means something other than itself within data of this interchange.
    pub fn delimits(&self, byte: u8) -> bool {
        byte == self.element
            || byte == self.component
            || byte == self.terminator.first()
            || Some(byte) == self.repetition
            || Some(byte) == self.release
            || (self.standard == Standard::Tradacoms && byte == self.tag)
    }

    /// Whether `byte` may stand between two segments without being part of either.
    pub fn blank(&self, byte: u8) -> bool {
        let line_ends_segments = matches!(self.terminator.first(), b'\r' | b'\n');
        match byte {
            b'\r' | b'\n' => line_ends_segments || !self.separates(byte),
            b' ' | b'\t' => !self.separates(byte) && byte != self.terminator.first(),
            _ => false,
        }
    }

    /// Whether `byte` separates parts of a segment.
    fn separates(&self, byte: u8) -> bool {
        byte == self.element || byte == self.component || Some(byte) == self.repetition || byte == self.tag
    }
}
