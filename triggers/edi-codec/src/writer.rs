//! Writes segments: as they were read, byte for byte, or new ones by given delimiters. What must hold: data never becomes a delimiter: EDIFACT releases
//! it, X12 cannot say it and refuses.

use std::io::{self, Write};

use crate::error::printable;
use crate::segment::Segment;
use crate::syntax::{Standard, Syntax};

/// Why a segment could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The sink failed.
    #[error("the output could not be written: {0}")]
    Io(#[from] io::Error),
    /// Data holds a delimiter of an interchange that has no release character.
    #[error(
        "segment {tag}, element {element}: the data holds `{found}`, a delimiter of this interchange, and it has no release character: choose other delimiters, or change the data"
    )]
    Delimiter {
        /// Of which segment.
        tag: String,
        /// In which element, from 1.
        element: usize,
        /// Which delimiter.
        found: String,
    },
    /// A value does not fit where it belongs.
    #[error("{what}")]
    Value {
        /// Which, and what is wrong with it.
        what: String,
    },
}

/// One element of a segment that is written.
#[derive(Debug, Clone, Copy)]
pub enum Element<'a> {
    /// A simple one.
    Simple(&'a str),
    /// One of components.
    Composite(&'a [&'a str]),
    /// One that is written as it is: what it holds is known to be no delimiter, or to be meant as one.
    Raw(&'a [u8]),
}

impl<'a> From<&'a str> for Element<'a> {
    fn from(text: &'a str) -> Self {
        Self::Simple(text)
    }
}

impl<'a> From<&'a String> for Element<'a> {
    fn from(text: &'a String) -> Self {
        Self::Simple(text)
    }
}

/// Writes segments by the delimiters of one interchange.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    syntax: Syntax,
    segments: u64,
}

impl<W: Write> Writer<W> {
    /// Writes to `out` by `syntax`.
    pub fn new(out: W, syntax: Syntax) -> Self {
        Self { out, syntax, segments: 0 }
    }

    /// How many segments were written.
    pub fn segments(&self) -> u64 {
        self.segments
    }

    /// What it writes by.
    pub fn syntax(&self) -> &Syntax {
        &self.syntax
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// A segment as it was read: every byte of it, with what stood before and after.
    pub fn copy(&mut self, segment: &Segment<'_>) -> Result<(), WriteError> {
        self.segments += 1;
        Ok(self.out.write_all(segment.raw())?)
    }

    /// A segment that was read by other delimiters, by those of this writer: the same data.
    pub fn translate(&mut self, segment: &Segment<'_>) -> Result<(), WriteError> {
        let mut line = segment.tag().to_vec();
        let mut kept = line.len();
        for (index, element) in segment.elements().enumerate() {
            line.push(if index == 0 { self.syntax.tag } else { self.syntax.element });
            if element.binary() {
                line.extend_from_slice(element.raw());
                kept = line.len();
                continue;
            }
            for (index, repetition) in element.repetitions().enumerate() {
                if index > 0 {
                    line.push(self.repetition(segment, index)?);
                }
                for (at, component) in repetition.components().enumerate() {
                    if at > 0 {
                        line.push(self.syntax.component);
                    }
                    self.data(&mut line, &component.value(), segment.tag(), index + 1)?;
                    if !component.is_empty() {
                        kept = line.len();
                    }
                }
            }
        }
        line.truncate(kept);
        self.end(line)
    }

    /// A new segment. Empty elements and components at the end are left out, as both standards want it.
    pub fn segment(&mut self, tag: &str, elements: &[Element<'_>]) -> Result<(), WriteError> {
        let mut line = tag.as_bytes().to_vec();
        let mut kept = line.len();
        for (index, element) in elements.iter().enumerate() {
            line.push(if index == 0 { self.syntax.tag } else { self.syntax.element });
            match element {
                Element::Raw(bytes) => {
                    line.extend_from_slice(bytes);
                    if !bytes.is_empty() {
                        kept = line.len();
                    }
                }
                Element::Simple(text) => {
                    self.data(&mut line, text.as_bytes(), tag.as_bytes(), index + 1)?;
                    if !text.is_empty() {
                        kept = line.len();
                    }
                }
                Element::Composite(parts) => {
                    for (at, part) in parts.iter().enumerate() {
                        if at > 0 {
                            line.push(self.syntax.component);
                        }
                        self.data(&mut line, part.as_bytes(), tag.as_bytes(), index + 1)?;
                        if !part.is_empty() {
                            kept = line.len();
                        }
                    }
                    // A composite's own empty end goes, the elements after it stay.
                    line.truncate(kept.max(line.len() - trailing(&line, self.syntax.component)));
                }
            }
        }
        line.truncate(kept);
        self.end(line)
    }

    /// Bytes as they are: a UNA, or segments that are whole already.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        Ok(self.out.write_all(bytes)?)
    }

    fn end(&mut self, mut line: Vec<u8>) -> Result<(), WriteError> {
        line.extend_from_slice(self.syntax.terminator.as_bytes());
        self.segments += 1;
        Ok(self.out.write_all(&line)?)
    }

    fn repetition(&self, segment: &Segment<'_>, element: usize) -> Result<u8, WriteError> {
        self.syntax.repetition.ok_or_else(|| WriteError::Value {
            what: format!(
                "segment {}, element {element}: it repeats, and the interchange that is written has no repetition separator",
                printable(segment.tag())
            ),
        })
    }

    pub(crate) fn data(
        &self,
        line: &mut Vec<u8>,
        data: &[u8],
        tag: &[u8],
        element: usize,
    ) -> Result<(), WriteError> {
        for &byte in data {
            if self.syntax.delimits(byte) {
                match self.syntax.release {
                    Some(release) => line.push(release),
                    None => {
                        return Err(WriteError::Delimiter {
                            tag: printable(tag),
                            element,
                            found: printable(&[byte]),
                        });
                    }
                }
            }
            line.push(byte);
        }
        Ok(())
    }
}

fn trailing(line: &[u8], byte: u8) -> usize {
    line.iter().rev().take_while(|&&last| last == byte).count()
}

/// The UNA that says `syntax`.
pub(crate) fn una(syntax: &Syntax) -> Vec<u8> {
    let mut bytes = vec![
        b'U',
        b'N',
        b'A',
        syntax.component,
        syntax.element,
        syntax.decimal,
        syntax.release.unwrap_or(b' '),
        syntax.repetition.unwrap_or(b' '),
    ];
    bytes.extend_from_slice(syntax.terminator.as_bytes());
    bytes
}

/// Whether a reader knows `syntax` without a UNA, for a UNB of this version.
pub(crate) fn needs_una(syntax: &Syntax, version: &str) -> bool {
    let usual = if version.ends_with(":4") {
        Syntax { repetition: Some(b'*'), ..Syntax::EDIFACT }
    } else {
        Syntax::EDIFACT
    };
    syntax.standard == Standard::Edifact && Syntax { wrapped: false, ..*syntax } != usual
}
