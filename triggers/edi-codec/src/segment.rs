//! One segment and its parts. What must hold: nothing is copied or split before it is asked for; the bytes of all segments of a stream, `raw()` after
//! `raw()`, are the stream.

use std::borrow::Cow;
use std::ops::Range;

use crate::syntax::{Standard, Syntax};

/// One segment, borrowed from what it was read from.
#[derive(Debug, Clone)]
pub struct Segment<'a> {
    /// Everything: what stands before, the segment, its terminator, the blanks after it.
    pub(crate) raw: &'a [u8],
    /// From the tag to before the terminator; without line breaks where the file is wrapped.
    pub(crate) text: Cow<'a, [u8]>,
    /// Where in `raw` the tag begins.
    pub(crate) lead: usize,
    /// Where in `raw` the terminator ends.
    pub(crate) end: usize,
    /// Where in the stream the tag begins.
    pub(crate) offset: u64,
    pub(crate) number: u64,
    pub(crate) syntax: Syntax,
    /// The data of BIN02, BDS03 (X12) within `text`: bytes in which nothing delimits.
    pub(crate) binary: Option<Range<usize>>,
    pub(crate) terminated: bool,
}

impl<'a> Segment<'a> {
    /// Where the tag stands in the stream, in bytes from its beginning.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The how manieth segment of its interchange this is, from 1 (`ISA`, `UNB`; `UNA` is none).
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The delimiters that hold for it.
    pub fn syntax(&self) -> &Syntax {
        &self.syntax
    }

    /// All its bytes: what stood before it at the beginning of a stream or interchange (BOM, blanks, `UNA`), the segment itself, its terminator, and the
    /// blanks after it. Writing these of one segment after the other gives the stream back.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// What stands before its tag: a byte order mark, blanks, a `UNA`. Empty but for the first segment of an interchange.
    pub fn lead(&self) -> &'a [u8] {
        &self.raw[..self.lead]
    }

    /// What stands after its terminator: blanks and line breaks.
    pub fn trail(&self) -> &'a [u8] {
        &self.raw[self.end..]
    }

    /// Where it stands in the stream: from its tag to the end of its terminator.
    pub fn range(&self) -> Range<u64> {
        self.offset..self.offset + (self.end - self.lead) as u64
    }

    /// Whether its terminator was there; it can lack only at the end of a stream.
    pub fn terminated(&self) -> bool {
        self.terminated
    }

    /// From the tag to before the terminator.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The tag: `ISA`, `NM1`, `UNH`. Empty where the segment begins with a separator. EDIFACT's explicit nesting (`TAG:1:2`) is not part of it.
    pub fn tag(&self) -> &[u8] {
        let end = self.tag_end();
        let tag = &self.text[..end];
        match self.syntax.standard {
            Standard::Edifact => tag.split(|&byte| byte == self.syntax.component).next().unwrap_or(tag),
            Standard::X12 | Standard::Tradacoms => tag,
        }
    }

    /// Whether its tag is `tag`.
    pub fn is(&self, tag: &str) -> bool {
        self.tag() == tag.as_bytes()
    }

    /// Its elements, from the first after the tag.
    pub fn elements(&self) -> Elements<'_> {
        let end = self.tag_end();
        Elements { segment: self, next: (end < self.text.len()).then_some(end + 1) }
    }

    /// The element with this number, from 1 as in the standards: `NM1.element(9)` is NM109. `None` where the segment ends before it.
    pub fn element(&self, number: usize) -> Option<Field<'_>> {
        self.elements().nth(number.checked_sub(1)?)
    }

    /// The bytes of an element as they stand there, empty where it is absent.
    pub fn get(&self, number: usize) -> &[u8] {
        self.element(number).map_or(&[], |field| field.text)
    }

    /// The bytes of a component (both numbers from 1) of the element's first repetition, releases undone; empty where it is absent.
    pub fn value(&self, element: usize, component: usize) -> Cow<'_, [u8]> {
        self.element(element)
            .and_then(|field| field.repetitions().next())
            .and_then(|field| field.component(component))
            .map_or(Cow::Borrowed(&[]), |field| field.value())
    }

    /// Where in the stream a byte of its text stands.
    pub(crate) fn offset_at(&self, index: usize) -> u64 {
        let within = match &self.text {
            Cow::Borrowed(_) => index,
            Cow::Owned(_) => self.raw[self.lead..self.end]
                .iter()
                .enumerate()
                .filter(|(_, byte)| !matches!(byte, b'\r' | b'\n'))
                .nth(index)
                .map_or(self.end - self.lead, |(at, _)| at),
        };
        self.offset + within as u64
    }

    #[inline]
    pub(crate) fn tag_end(&self) -> usize {
        self.text.iter().position(|&byte| byte == self.syntax.tag).unwrap_or(self.text.len())
    }

    /// Whether its elements have no parts: ISA's name the delimiters.
    pub(crate) fn flat(&self) -> bool {
        self.syntax.standard == Standard::X12 && self.text.starts_with(b"ISA")
    }
}

/// The elements of a segment, one after the other.
#[derive(Debug, Clone)]
pub struct Elements<'s> {
    segment: &'s Segment<'s>,
    next: Option<usize>,
}

impl<'s> Iterator for Elements<'s> {
    type Item = Field<'s>;

    fn next(&mut self) -> Option<Field<'s>> {
        let at = self.next?;
        let segment = self.segment;
        let text: &'s [u8] = &segment.text;
        let from = match &segment.binary {
            Some(binary) if binary.start == at => binary.end,
            _ => at,
        };
        let end = find(text, from, segment.syntax.element, segment.syntax.release).unwrap_or(text.len());
        self.next = (end < text.len()).then_some(end + 1);
        Some(Field { text: &text[at..end], at, segment, level: Level::Element })
    }
}

/// What a [`Field`] is a part of, and so what may still be split out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Element,
    Repetition,
    Component,
}

/// An element, one of its repetitions, or a component: a part of a segment with its place.
#[derive(Debug, Clone, Copy)]
pub struct Field<'s> {
    text: &'s [u8],
    at: usize,
    segment: &'s Segment<'s>,
    level: Level,
}

impl<'s> Field<'s> {
    /// Its bytes as they stand there.
    pub fn raw(&self) -> &'s [u8] {
        self.text
    }

    /// Its bytes as data: releases (`?+`) undone.
    pub fn value(&self) -> Cow<'s, [u8]> {
        match self.segment.syntax.release {
            Some(release) if !self.binary() && memchr::memchr(release, self.text).is_some() => {
                let mut value = Vec::with_capacity(self.text.len());
                let mut bytes = self.text.iter();
                while let Some(&byte) = bytes.next() {
                    value.extend(if byte == release { bytes.next() } else { Some(&byte) });
                }
                Cow::Owned(value)
            }
            _ => Cow::Borrowed(self.text),
        }
    }

    /// Where it stands in the stream.
    pub fn offset(&self) -> u64 {
        self.segment.offset_at(self.at)
    }

    /// Whether nothing stands there.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Its repetitions: at least one, itself.
    pub fn repetitions(&self) -> Fields<'s> {
        let separator =
            self.segment.syntax.repetition.filter(|_| self.level == Level::Element && !self.whole());
        Fields { field: *self, separator, level: Level::Repetition.max(self.level), next: Some(0) }
    }

    /// Its components: at least one, itself. Of an element, those of all its repetitions as if it had one: ask its repetitions for theirs.
    pub fn components(&self) -> Fields<'s> {
        let separator =
            Some(self.segment.syntax.component).filter(|_| self.level != Level::Component && !self.whole());
        Fields { field: *self, separator, level: Level::Component, next: Some(0) }
    }

    /// The component with this number, from 1.
    pub fn component(&self, number: usize) -> Option<Field<'s>> {
        self.components().nth(number.checked_sub(1)?)
    }

    /// Whether this is the data of BIN or BDS, in which nothing delimits.
    pub fn binary(&self) -> bool {
        self.segment.binary.as_ref().is_some_and(|binary| binary.start == self.at && !binary.is_empty())
    }

    fn whole(&self) -> bool {
        self.binary() || self.segment.flat()
    }
}

impl Level {
    fn max(self, other: Self) -> Self {
        if other == Self::Component { other } else { self }
    }
}

/// Parts of a [`Field`], one after the other.
#[derive(Debug, Clone)]
pub struct Fields<'s> {
    field: Field<'s>,
    separator: Option<u8>,
    level: Level,
    next: Option<usize>,
}

impl<'s> Iterator for Fields<'s> {
    type Item = Field<'s>;

    fn next(&mut self) -> Option<Field<'s>> {
        let at = self.next?;
        let text = self.field.text;
        let end = self
            .separator
            .and_then(|separator| find(text, at, separator, self.field.segment.syntax.release))
            .unwrap_or(text.len());
        self.next = (end < text.len()).then_some(end + 1);
        Some(Field {
            text: &text[at..end],
            at: self.field.at + at,
            segment: self.field.segment,
            level: self.level,
        })
    }
}

/// Where the first `wanted` stands that no release precedes, from `from` on.
#[inline]
fn find(text: &[u8], from: usize, wanted: u8, release: Option<u8>) -> Option<usize> {
    let Some(release) = release else {
        return text[from..].iter().position(|&byte| byte == wanted).map(|at| from + at);
    };
    let mut at = from;
    while at < text.len() {
        let byte = text[at];
        if byte == wanted {
            return Some(at);
        }
        at += if byte == release { 2 } else { 1 };
    }
    None
}
