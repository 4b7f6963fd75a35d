//! Where a segment begins and ends. What must hold: it looks at each byte once in the common case, keeps no data, and what it finds covers the stream
//! without a gap.

use std::borrow::Cow;
use std::ops::Range;

use crate::detect::{LOOK_AHEAD, Start, detect, filler};
use crate::error::{ReadError, printable};
use crate::segment::Segment;
use crate::syntax::{Standard, Syntax};

/// Where in a stream of interchanges a reader stands.
#[derive(Debug, Clone)]
pub(crate) struct Scanner {
    /// Of the interchange that it is in.
    syntax: Option<Syntax>,
    /// Of the next byte.
    offset: u64,
    /// Of the last segment.
    number: u64,
}

/// What a scan of a window found.
#[derive(Debug)]
pub(crate) enum Scan {
    /// Nothing whole: more bytes are needed.
    More,
    /// Nothing but blanks until the end.
    End,
    /// A segment in the first `raw` bytes.
    Segment(Found),
}

/// A segment by its places in the window.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) syntax: Syntax,
    offset: u64,
    number: u64,
    lead: usize,
    text_end: usize,
    end: usize,
    /// How many bytes of the window are its own.
    pub(crate) raw: usize,
    binary: Option<Range<usize>>,
    terminated: bool,
    /// Whether it is the last of its interchange.
    closing: bool,
}

impl Scanner {
    /// One that expects an interchange.
    pub(crate) fn new() -> Self {
        Self { syntax: None, offset: 0, number: 0 }
    }

    /// One within an interchange with these delimiters, at this byte of the stream.
    pub(crate) fn within(syntax: Syntax, offset: u64) -> Self {
        Self { syntax: Some(syntax), offset, number: 0 }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Finds the next segment at the beginning of `window`; `last` says that nothing follows it.
    #[inline]
    pub(crate) fn scan(&mut self, window: &[u8], last: bool) -> Result<Scan, ReadError> {
        let (lead, syntax) = match self.syntax {
            Some(syntax) if !begins_another(window, &syntax) => {
                if window.is_empty() {
                    return Ok(if last { Scan::End } else { Scan::More });
                }
                (0, syntax)
            }
            _ => {
                if window.len() < LOOK_AHEAD && !last {
                    return Ok(Scan::More);
                }
                match detect(window, self.offset)? {
                    Start::Nothing if last => return Ok(Scan::End),
                    Start::Nothing => return Ok(Scan::More),
                    Start::Interchange { lead, syntax } => {
                        self.number = 0;
                        (lead, syntax)
                    }
                }
            }
        };
        let Some(found) = self.measure(window, lead, &syntax, last) else { return Ok(Scan::More) };
        self.number = found.number;
        self.offset += found.raw as u64;
        self.syntax = if found.closing { None } else { Some(syntax) };
        Ok(Scan::Segment(found))
    }

    #[inline]
    fn measure(&self, window: &[u8], lead: usize, syntax: &Syntax, last: bool) -> Option<Found> {
        let text = &window[lead..];
        let (binary, from) = match binary(text, syntax, last) {
            Binary::No => (None, 0),
            Binary::More => return None,
            Binary::Data(range) => (Some(range.clone()), range.end),
        };
        let (text_end, end, terminated) = match terminator(text, from, syntax) {
            Some(at) => (lead + at, lead + at + syntax.terminator.width(), true),
            None if last => {
                let blanks = text.iter().rev().take_while(|&&byte| filler(byte)).count();
                let end = lead + (text.len() - blanks).max(from);
                (end, end, false)
            }
            None => return None,
        };
        let closing = closes(&window[lead..text_end], syntax);
        let blanks =
            window[end..].iter().take_while(|&&byte| syntax.blank(byte) || (closing && filler(byte))).count();
        // What ends without a terminator ends with the stream, whatever fills the rest.
        let raw = if terminated { end + blanks } else { window.len() };
        // What follows may be more blanks, which are this segment's too.
        if raw == window.len() && !last {
            return None;
        }
        Some(Found {
            syntax: *syntax,
            offset: self.offset + lead as u64,
            number: self.number + 1,
            lead,
            text_end,
            end,
            raw,
            binary,
            terminated,
            closing,
        })
    }

    /// What is too long, when a window is full and holds no whole segment.
    pub(crate) fn too_long(&self, window: &[u8]) -> ReadError {
        let tag: Vec<u8> = window.iter().copied().take_while(u8::is_ascii_alphanumeric).take(3).collect();
        ReadError::TooLong { offset: self.offset, tag: printable(&tag), limit: window.len() }
    }
}

impl Found {
    /// The segment, out of the window in which it was found.
    #[inline]
    pub(crate) fn segment(self, window: &[u8]) -> Segment<'_> {
        let text = &window[self.lead..self.text_end];
        let broken = self.syntax.wrapped && text.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
        Segment {
            raw: &window[..self.raw],
            text: if broken {
                Cow::Owned(text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect())
            } else {
                Cow::Borrowed(text)
            },
            lead: self.lead,
            end: self.end,
            offset: self.offset,
            number: self.number,
            syntax: self.syntax,
            binary: self.binary,
            terminated: self.terminated,
        }
    }
}

/// Whether another interchange begins here, though the one before has no trailer.
#[inline]
fn begins_another(window: &[u8], syntax: &Syntax) -> bool {
    match (window.first(), syntax.standard) {
        (Some(b'I'), Standard::X12) => {
            window.starts_with(b"ISA") && window.get(3).is_some_and(|byte| !byte.is_ascii_alphanumeric())
        }
        (Some(b'U'), Standard::Edifact) => {
            window.starts_with(b"UNA") && window.len() >= 9 && !window[3].is_ascii_alphanumeric()
                || (window.starts_with(b"UNB") && window.get(3) == Some(&syntax.element))
        }
        (Some(b'S'), Standard::Tradacoms) => window.starts_with(b"STX="),
        _ => false,
    }
}

/// Whether this segment is the last of its interchange.
#[inline]
fn closes(text: &[u8], syntax: &Syntax) -> bool {
    let tag: &[u8] = match syntax.standard {
        Standard::X12 => b"IEA",
        Standard::Edifact => b"UNZ",
        Standard::Tradacoms => b"END",
    };
    if text.first() != Some(&tag[0]) && !syntax.wrapped {
        return false;
    }
    let Some(rest) = text.strip_prefix(tag) else {
        return syntax.wrapped && closes_wrapped(text, tag, syntax.tag);
    };
    rest.first().is_none_or(|&byte| byte == syntax.tag)
}

fn closes_wrapped(text: &[u8], tag: &[u8], separator: u8) -> bool {
    let mut bytes = text.iter().filter(|byte| !matches!(byte, b'\r' | b'\n'));
    tag.iter().all(|byte| bytes.next() == Some(byte)) && bytes.next().is_none_or(|&byte| byte == separator)
}

/// Where the terminator stands, from `from` on.
#[inline]
fn terminator(text: &[u8], from: usize, syntax: &Syntax) -> Option<usize> {
    let wanted = syntax.terminator.as_bytes();
    let mut at = from;
    loop {
        let hit = at + memchr::memchr(wanted[0], &text[at..])?;
        if wanted.len() > 1 && !text[hit..].starts_with(wanted) {
            at = hit + 1;
            continue;
        }
        match syntax.release {
            Some(release) if released(&text[from..hit], release, syntax.wrapped) => at = hit + 1,
            _ => return Some(hit),
        }
    }
}

/// Whether what follows `before` is data: an odd number of releases stands right before it.
#[inline]
fn released(before: &[u8], release: u8, wrapped: bool) -> bool {
    let mut odd = false;
    for &byte in before.iter().rev() {
        if byte == release {
            odd = !odd;
        } else if !(wrapped && matches!(byte, b'\r' | b'\n')) {
            break;
        }
    }
    odd
}

enum Binary {
    No,
    More,
    Data(Range<usize>),
}

/// The data of BIN02 and BDS03, whose length BIN01 and BDS02 say: X12.6 §3.6. A length that leads to no terminator is not believed.
#[inline]
fn binary(text: &[u8], syntax: &Syntax, last: bool) -> Binary {
    if text.first() != Some(&b'B') || syntax.standard != Standard::X12 || syntax.wrapped {
        return Binary::No;
    }
    let skipped = match text.get(..4) {
        Some([b'B', b'I', b'N', separator]) if *separator == syntax.element => 0,
        Some([b'B', b'D', b'S', separator]) if *separator == syntax.element => 1,
        None if !last => return Binary::More,
        _ => return Binary::No,
    };
    let ends = |byte: u8| byte == syntax.terminator.first();
    let mut at = 4;
    for _ in 0..skipped {
        match text[at..].iter().position(|&byte| byte == syntax.element || ends(byte)) {
            Some(found) if text[at + found] == syntax.element => at += found + 1,
            None if !last => return Binary::More,
            _ => return Binary::No,
        }
    }
    let digits = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    match text.get(at + digits) {
        None if !last => return Binary::More,
        Some(&byte) if byte == syntax.element && (1..=15).contains(&digits) => {}
        _ => return Binary::No,
    }
    let Some(length) =
        std::str::from_utf8(&text[at..at + digits]).ok().and_then(|digits| digits.parse::<usize>().ok())
    else {
        return Binary::No;
    };
    let from = at + digits + 1;
    let end = from + length;
    match text.get(end..end + syntax.terminator.width()) {
        Some(bytes) if bytes == syntax.terminator.as_bytes() => Binary::Data(from..end),
        None if !last => Binary::More,
        _ => Binary::No,
    }
}
