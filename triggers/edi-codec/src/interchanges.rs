//! Interchanges out of a stream: each is read to its end, checked, and told of. What must hold: whatever comes, what could be read is told; memory does
//! not grow with the stream where only what failed is kept.

use std::io::Read;

use sha2::{Digest as _, Sha256};

use crate::detect::filler;
use crate::edifact;
use crate::error::ReadError;
use crate::interchange::{Group, Interchange, Set};
use crate::open::Open;
use crate::place::Place;
use crate::reader::{MAX_SEGMENT, Reader};
use crate::segment::Segment;
use crate::syntax::Standard;
use crate::tradacoms;
use crate::x12;

/// Which sets an [`Interchange`] lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// All of them.
    #[default]
    All,
    /// Those that are rejected: for streams of any length. The counts are of all.
    Failed,
}

/// How interchanges are read.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Which sets are listed.
    pub keep: Keep,
    /// Whether the digest of each interchange is computed; else it is zeros.
    pub digest: bool,
    /// How many bytes a segment may have.
    pub limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { keep: Keep::All, digest: true, limit: MAX_SEGMENT }
    }
}

/// What wants to see segments and sets while they go by.
pub trait Visit {
    /// A segment, and what it is in its interchange.
    fn segment(&mut self, _segment: &Segment<'_>, _place: Place) {}

    /// A set that has ended, whether it is kept or not. `interchange` holds what is known so far.
    fn set(&mut self, _interchange: &Interchange, _group: &Group, _set: &Set) {}
}

/// Sees nothing.
impl Visit for () {}

/// Reads interchange after interchange.
#[derive(Debug)]
pub struct Interchanges<R> {
    reader: Reader<R>,
    options: Options,
    state: State,
}

#[derive(Debug, Default)]
struct State {
    open: Option<Open>,
    hash: Option<Sha256>,
    /// The blanks after the last segment: hashed when another follows.
    trail: Vec<u8>,
    /// Whether a header gave it its place, and nothing followed it yet.
    failed: bool,
}

impl<R: Read> Interchanges<R> {
    /// Reads from `source` with the [`Options`] that are usual.
    pub fn new(source: R) -> Self {
        Self::with(source, Options::default())
    }

    /// Reads from `source`.
    pub fn with(source: R, options: Options) -> Self {
        Self { reader: Reader::with_limit(source, options.limit), options, state: State::default() }
    }

    /// Where in the stream reading goes on.
    pub fn offset(&self) -> u64 {
        self.reader.offset()
    }

    /// The next interchange, read to its end; `None` at the end of the stream. After an error, one more call gives what was read of the interchange in
    /// which it happened.
    #[expect(clippy::should_implement_trait, reason = "as `Reader::next`, beside which it stands")]
    pub fn next(&mut self) -> Result<Option<Interchange>, ReadError> {
        self.next_with(&mut ())
    }

    /// The same, showing segments and sets to `visitor` while they go by.
    pub fn next_with(&mut self, visitor: &mut impl Visit) -> Result<Option<Interchange>, ReadError> {
        if self.state.failed {
            return Ok(self.state.abandon(self.reader.offset(), false, visitor));
        }
        loop {
            match self.reader.next() {
                Ok(Some(segment)) => {
                    if let Some(done) = self.state.take(&segment, self.options, visitor) {
                        return Ok(Some(done));
                    }
                }
                Ok(None) => {
                    let end = self.reader.offset();
                    return Ok(self.state.abandon(end, false, visitor));
                }
                Err(error) => {
                    self.state.failed = true;
                    return Err(error);
                }
            }
        }
    }
}

impl State {
    /// Takes a segment; the interchange that it ended, if it did.
    fn take(
        &mut self,
        segment: &Segment<'_>,
        options: Options,
        visitor: &mut impl Visit,
    ) -> Option<Interchange> {
        let standard = segment.syntax().standard;
        // The reader counts segments anew where an interchange begins.
        if segment.number() == 1 {
            let done = self.abandon(segment.offset(), true, visitor);
            self.begin(segment, options, visitor);
            return done;
        }
        if let Some(hash) = &mut self.hash {
            hash.update(&self.trail);
            self.trail.clear();
            let raw = segment.raw();
            hash.update(&raw[..raw.len() - segment.trail().len()]);
            self.trail.extend_from_slice(segment.trail());
        }
        let open = self.open.as_mut()?;
        open.interchange.segments += 1;
        open.interchange.range.end = segment.range().end;
        let (place, ended) = match standard {
            Standard::X12 => x12::take(open, segment),
            Standard::Edifact => edifact::take(open, segment),
            Standard::Tradacoms => tradacoms::take(open, segment),
        };
        if !segment.terminated() {
            let finding = unterminated(open, segment);
            open.blame(finding);
        }
        if let Some(set) = &ended {
            show(open, set, visitor);
        }
        visitor.segment(segment, place);
        (place == Place::InterchangeEnds).then(|| self.finish())?
    }

    fn begin(&mut self, segment: &Segment<'_>, options: Options, visitor: &mut impl Visit) {
        let lead = segment.lead();
        // What a UNA says belongs to the interchange; a byte order mark and blanks do not.
        let skipped = lead.windows(3).position(|window| window == b"UNA").unwrap_or(lead.len());
        let begins = segment.offset() - (lead.len() - skipped) as u64;
        let interchange = match segment.syntax().standard {
            Standard::X12 => x12::begin(segment, begins),
            Standard::Edifact => edifact::begin(segment, begins),
            Standard::Tradacoms => tradacoms::begin(segment, begins),
        };
        let mut open = Open::new(interchange, options.keep == Keep::All);
        open.interchange.segments = 1;
        let place = match segment.syntax().standard {
            Standard::X12 => {
                x12::check_header(&mut open, segment);
                Place::InterchangeBegins
            }
            Standard::Edifact => edifact::check_header(&mut open, segment),
            Standard::Tradacoms => Place::InterchangeBegins,
        };
        if !segment.terminated() {
            let finding = unterminated(&open, segment);
            open.blame(finding);
        }
        self.open = Some(open);
        self.trail.clear();
        self.hash = options.digest.then(|| {
            let raw = segment.raw();
            self.trail.extend_from_slice(segment.trail());
            Sha256::new().chain_update(&raw[skipped..raw.len() - segment.trail().len()])
        });
        visitor.segment(segment, place);
    }

    /// Ends the interchange that is open, if one is, where nothing of it follows.
    fn abandon(&mut self, at: u64, another: bool, visitor: &mut impl Visit) -> Option<Interchange> {
        let open = self.open.as_mut()?;
        let at = at.min(open.interchange.range.end.max(open.interchange.range.start));
        let ended = match open.interchange.standard() {
            Standard::X12 => x12::abandon(open, at, another),
            Standard::Edifact => edifact::abandon(open, at, another),
            Standard::Tradacoms => tradacoms::abandon(open, at),
        };
        if let Some(set) = &ended {
            let group = open.interchange.groups.last();
            if let Some(group) = group {
                visitor.set(&open.interchange, group, set);
            }
        }
        self.finish()
    }

    fn finish(&mut self) -> Option<Interchange> {
        let mut interchange = self.open.take()?.interchange;
        if let Some(hash) = self.hash.take() {
            interchange.digest = hash.finalize().into();
        }
        self.trail.clear();
        Some(interchange)
    }
}

fn show(open: &Open, set: &Set, visitor: &mut impl Visit) {
    // A set that ended for want of a trailer may have ended its group too.
    if let Some(group) = open.group.as_ref().or(open.interchange.groups.last()) {
        visitor.set(&open.interchange, group, set);
    }
}

fn unterminated(open: &Open, segment: &Segment<'_>) -> crate::finding::Finding {
    use crate::finding::Code;
    let code = match segment.syntax().standard {
        Standard::X12 => Code::Ta105(23),
        Standard::Edifact => Code::Un0085(13),
        Standard::Tradacoms => Code::None,
    };
    let mut finding =
        open.segment(segment, code, "the input ends within this segment: its terminator is missing");
    finding.offset = segment.range().end;
    finding
}

/// All interchanges of bytes in memory. An error where reading ended before the bytes did; what was read until then is lost: see [`read_all`].
pub fn read(bytes: &[u8]) -> Result<Vec<Interchange>, ReadError> {
    match read_all(bytes) {
        (interchanges, None) => Ok(interchanges),
        (_, Some(error)) => Err(error),
    }
}

/// What could be read of bytes in memory, and why reading ended before the bytes did, if it did.
pub fn read_all(bytes: &[u8]) -> (Vec<Interchange>, Option<ReadError>) {
    // In memory already: a segment may be as long as it is.
    let options = Options { limit: bytes.len() + 1, ..Options::default() };
    let mut source = Interchanges::with(bytes, options);
    let mut interchanges = Vec::new();
    let mut failed = None;
    loop {
        match source.next() {
            Ok(Some(interchange)) => interchanges.push(interchange),
            Ok(None) => return (interchanges, failed),
            Err(error) => failed = Some(error),
        }
    }
}

/// Whether there is nothing but blanks in `bytes`.
pub fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| filler(byte))
}
