//! Reads segments: out of a stream with one bounded buffer, or out of a slice. What must hold: memory does not grow with the stream; nothing is
//! copied but into that buffer.

use std::io::Read;

use crate::error::ReadError;
use crate::scan::{Scan, Scanner};
use crate::segment::Segment;
use crate::syntax::Syntax;

/// How long a segment may be unless another limit is set: enough for BIN segments with a scanned page in them.
pub const MAX_SEGMENT: usize = 8 * 1024 * 1024;
/// How large a reader's buffer is to begin with; it grows, up to the limit, for a segment that is larger.
pub const BUFFER: usize = 128 * 1024;

/// Reads the segments of a stream, one interchange after the other, each with its own delimiters.
///
/// ```
/// let mut reader = factotum_edi_codec::Reader::new(&b"UNB+UNOA:3+A+B+260101:1200+1'UNZ+0+1'"[..]);
/// let mut tags = Vec::new();
/// while let Some(segment) = reader.next()? {
///     tags.push(String::from_utf8_lossy(segment.tag()).into_owned());
/// }
/// assert_eq!(tags, ["UNB", "UNZ"]);
/// # Ok::<(), factotum_edi_codec::ReadError>(())
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    last: bool,
    limit: usize,
    scanner: Scanner,
}

impl<R: Read> Reader<R> {
    /// A reader that accepts segments of [`MAX_SEGMENT`] bytes.
    pub fn new(source: R) -> Self {
        Self::with_limit(source, MAX_SEGMENT)
    }

    /// A reader that accepts segments of `limit` bytes, at least 4096, and so takes about as much memory at the most.
    pub fn with_limit(source: R, limit: usize) -> Self {
        let limit = limit.max(4096);
        let buffer = vec![0; BUFFER.min(limit)];
        Self { source, buffer, start: 0, end: 0, last: false, limit, scanner: Scanner::new() }
    }

    /// Where in the stream the next segment, with what stands before it, begins.
    pub fn offset(&self) -> u64 {
        self.scanner.offset()
    }

    /// The next segment; `None` at the end of the stream.
    #[expect(
        clippy::should_implement_trait,
        reason = "the segment borrows from the reader's buffer, which an iterator cannot say"
    )]
    pub fn next(&mut self) -> Result<Option<Segment<'_>>, ReadError> {
        let found = loop {
            match self.scanner.scan(&self.buffer[self.start..self.end], self.last)? {
                Scan::Segment(found) => break found,
                Scan::End => return Ok(None),
                Scan::More => self.fill()?,
            }
        };
        let window = self.start..self.end;
        self.start += found.raw;
        Ok(Some(found.segment(&self.buffer[window])))
    }

    /// Reads until the buffer is full, after making room in it.
    fn fill(&mut self) -> Result<(), ReadError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            if self.end >= self.limit {
                return Err(self.scanner.too_long(&self.buffer));
            }
            let grown = (self.buffer.len() * 2).min(self.limit);
            self.buffer.resize(grown, 0);
        }
        while self.end < self.buffer.len() {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.last = true;
                    break;
                }
                Ok(read) => self.end += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(ReadError::Io { offset: self.scanner.offset() + self.end as u64, source });
                }
            }
        }
        Ok(())
    }
}

/// The segments of a slice, without a copy.
#[derive(Debug, Clone)]
pub struct Segments<'a> {
    rest: &'a [u8],
    scanner: Scanner,
    ended: bool,
}

/// The segments of whole interchanges in memory, each borrowed from `bytes`.
pub fn segments(bytes: &[u8]) -> Segments<'_> {
    Segments { rest: bytes, scanner: Scanner::new(), ended: false }
}

/// The segments of a part of an interchange, such as the bytes of one [`Set`](crate::Set), by the delimiters of its interchange. `offset` is where
/// `bytes` stand in the stream, and `number()` counts from 1 at their beginning.
pub fn segments_within<'a>(bytes: &'a [u8], syntax: &Syntax, offset: u64) -> Segments<'a> {
    Segments { rest: bytes, scanner: Scanner::within(*syntax, offset), ended: false }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Result<Segment<'a>, ReadError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.scanner.scan(self.rest, true) {
            Ok(Scan::Segment(found)) => {
                let window = self.rest;
                self.rest = &window[found.raw..];
                Some(Ok(found.segment(window)))
            }
            Ok(Scan::End | Scan::More) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }
}
