//! All parts of a segment in one pass: what a reader that wants everything uses. What must hold: it gives what [`Segment::elements`], their repetitions
//! and components give, and looks at eight bytes at a time.

use std::borrow::Cow;
use std::ops::Range;

use crate::segment::Segment;

/// A component with its place: a part that nothing splits any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'s> {
    /// Its bytes as they stand there.
    pub raw: &'s [u8],
    /// Of which element, from 1.
    pub element: u32,
    /// Of which repetition of it, from 1.
    pub repetition: u32,
    /// Which component of that, from 1.
    pub component: u32,
    /// The release character, where one is in its bytes.
    released: Option<u8>,
}

impl<'s> Part<'s> {
    /// Its bytes as data: releases (`?+`) undone.
    #[inline]
    pub fn value(&self) -> Cow<'s, [u8]> {
        let Some(release) = self.released else { return Cow::Borrowed(self.raw) };
        let mut value = Vec::with_capacity(self.raw.len());
        let mut bytes = self.raw.iter();
        while let Some(&byte) = bytes.next() {
            value.extend(if byte == release { bytes.next() } else { Some(&byte) });
        }
        Cow::Owned(value)
    }
}

/// The components of a segment, element by element, one after the other.
#[derive(Debug, Clone)]
pub struct Parts<'s> {
    text: &'s [u8],
    /// Each separator, and the release, in all bytes of a word.
    wanted: [u64; 4],
    element_separator: u8,
    component_separator: u8,
    release: Option<u8>,
    /// Where the part begins that is next.
    from: usize,
    /// Where the word stands of whose hits some are left.
    word: usize,
    hits: u64,
    /// Before this, nothing separates: it was released.
    deaf: usize,
    /// Within this neither: the data of BIN02, BDS03.
    binary: Range<usize>,
    released: bool,
    element: u32,
    repetition: u32,
    component: u32,
    ended: bool,
}

const LOW: u64 = 0x0101_0101_0101_0101;
const SEVEN: u64 = 0x7F7F_7F7F_7F7F_7F7F;

impl Segment<'_> {
    /// All its components in order, each with its place; of a segment that is a tag alone, none.
    #[inline]
    pub fn parts(&self) -> Parts<'_> {
        let text = self.text();
        let syntax = self.syntax();
        let tag = self.tag_end();
        let element = syntax.element;
        let (component, repetition) = if self.flat() {
            (element, element)
        } else {
            (syntax.component, syntax.repetition.unwrap_or(syntax.component))
        };
        let word = |byte: u8| u64::from(byte) * LOW;
        let from = (tag + 1).min(text.len());
        let mut parts = Parts {
            text,
            wanted: [
                word(element),
                word(component),
                word(repetition),
                word(syntax.release.unwrap_or(element)),
            ],
            element_separator: element,
            component_separator: component,
            release: syntax.release,
            from,
            word: from,
            hits: 0,
            deaf: 0,
            binary: self.binary.clone().unwrap_or(usize::MAX..usize::MAX),
            released: false,
            element: 1,
            repetition: 1,
            component: 1,
            ended: tag == text.len(),
        };
        parts.hits = parts.load();
        parts
    }
}

impl Parts<'_> {
    /// The separators of the word at hand, as the high bit of each byte that is one.
    #[inline]
    fn load(&self) -> u64 {
        let rest = &self.text[self.word.min(self.text.len())..];
        let (word, mask) = if let Some(bytes) = rest.first_chunk::<8>() {
            (u64::from_le_bytes(*bytes), u64::MAX)
        } else {
            let mut bytes = [0; 8];
            bytes[..rest.len()].copy_from_slice(rest);
            (u64::from_le_bytes(bytes), (1_u64 << (8 * rest.len())).wrapping_sub(1))
        };
        let mut hits = 0;
        for wanted in self.wanted {
            let different = word ^ wanted;
            // The high bit of each byte that is zero; exact, since nothing carries from byte to byte.
            hits |= !(((different & SEVEN) + SEVEN) | different | SEVEN);
        }
        hits & mask
    }
}

impl<'s> Iterator for Parts<'s> {
    type Item = Part<'s>;

    #[inline]
    fn next(&mut self) -> Option<Part<'s>> {
        if self.ended {
            return None;
        }
        loop {
            if self.hits == 0 {
                self.word += 8;
                if self.word >= self.text.len() {
                    self.ended = true;
                    return Some(self.part(self.text.len()));
                }
                self.hits = self.load();
                continue;
            }
            let at = self.word + (self.hits.trailing_zeros() / 8) as usize;
            self.hits &= self.hits - 1;
            if at < self.deaf || self.binary.contains(&at) {
                continue;
            }
            let byte = self.text[at];
            if Some(byte) == self.release {
                self.deaf = at + 2;
                self.released = true;
                continue;
            }
            let part = self.part(at);
            self.from = at + 1;
            self.released = false;
            if byte == self.element_separator {
                self.element += 1;
                (self.repetition, self.component) = (1, 1);
            } else if byte == self.component_separator {
                self.component += 1;
            } else {
                self.repetition += 1;
                self.component = 1;
            }
            return Some(part);
        }
    }
}

impl<'s> Parts<'s> {
    #[inline]
    fn part(&self, end: usize) -> Part<'s> {
        Part {
            raw: &self.text[self.from..end],
            element: self.element,
            repetition: self.repetition,
            component: self.component,
            released: self.release.filter(|_| self.released),
        }
    }
}
