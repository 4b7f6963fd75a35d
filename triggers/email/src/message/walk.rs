//! The parts of a mail, as ranges of its bytes (RFC 2046). What must hold: one pass over the bytes, whatever they are; depth and number of the parts are
//! bounded; what has no parts where it should is one part, so that nothing is left out unseen.

use super::Problems;
use super::content::Content;
use super::field::{Head, MAX_HEADER_BYTES, head, line_end};

/// How deep parts may stand within each other; what is deeper is one part.
pub(super) const MAX_DEPTH: usize = 32;
/// How many parts a mail may have; the rest is not looked at.
pub(super) const MAX_PARTS: usize = 1_000;

/// A part without parts, or a mail within the mail.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) content: Content,
    /// Its body.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether it stands in a mail within the mail.
    pub(super) is_within: bool,
    /// Whether it is one form of several of the same.
    pub(super) is_alternative: bool,
    /// Whether it belongs to a text beside it.
    pub(super) is_related: bool,
    /// For a mail within the mail: what that says it is about.
    pub(super) subject: Option<String>,
}

/// What is open around the place.
enum Frame {
    Multipart {
        boundary: Vec<u8>,
        content: Box<Content>,
        start: usize,
        seen: bool,
    },
    /// A mail, by its leaf.
    Message(usize),
}

/// A mail, taken apart.
pub(super) struct Parts<'a> {
    pub(super) head: Head<'a>,
    pub(super) leaves: Vec<Leaf>,
}

struct Walk<'a, 'p> {
    raw: &'a [u8],
    frames: Vec<Frame>,
    leaves: Vec<Leaf>,
    /// The leaf whose end is not known yet.
    open: Option<usize>,
    /// What may be decoded yet of the parts' headers.
    budget: usize,
    problems: &'p mut Problems,
}

/// Takes a mail apart.
pub(super) fn parts<'a>(raw: &'a [u8], problems: &mut Problems) -> Parts<'a> {
    let mut budget = MAX_HEADER_BYTES;
    let top = head(raw, 0, &mut budget, |_| false);
    let mut walk =
        Walk { raw, frames: Vec::new(), leaves: Vec::new(), open: None, budget: MAX_HEADER_BYTES, problems };
    let mut at = walk.enter(&top);
    // Without a boundary to look for, the only part goes to the end.
    while at < raw.len() && walk.frames.iter().any(|frame| matches!(frame, Frame::Multipart { .. })) {
        let next = line_end(raw, at);
        let line = raw.get(at..next).unwrap_or_default();
        at = match walk.boundary(line) {
            Some((frame, is_last)) => match walk.part(frame, is_last, at, next) {
                Some(at) => at,
                None => break,
            },
            None => next,
        };
    }
    walk.close(0, if walk.leaves.len() < MAX_PARTS { raw.len() } else { at.min(raw.len()) });
    Parts { head: top, leaves: walk.leaves }
}

impl Walk<'_, '_> {
    /// A delimiter: ends what is open within its frame, and begins the next part of it. Where to go on, if there is any more to look at.
    fn part(&mut self, frame: usize, is_last: bool, at: usize, next: usize) -> Option<usize> {
        self.close(frame + 1, self.before_line(at));
        if let Some(Frame::Multipart { seen, .. }) = self.frames.get_mut(frame) {
            *seen = true;
        }
        if is_last {
            self.frames.truncate(frame);
            return Some(next);
        }
        if self.leaves.len() >= MAX_PARTS {
            self.problems.add(format!("it has more than {MAX_PARTS} parts; the others are not listed"));
            return None;
        }
        Some(self.begin(next))
    }

    /// The header of a part, and what follows it.
    fn begin(&mut self, at: usize) -> usize {
        let mut budget = self.budget;
        let head = head(self.raw, at, &mut budget, |line| self.boundary(line).is_some());
        self.budget = budget;
        if head.is_cut {
            self.problems.add("the headers of its parts are too long: not all were read");
        }
        self.enter(&head)
    }

    fn enter(&mut self, head: &Head<'_>) -> usize {
        let digest = matches!(self.frames.last(), Some(Frame::Multipart { content, .. }) if content.media_type == "multipart/digest");
        let content = Content::of(head, if digest { "message/rfc822" } else { "text/plain" });
        let (deep, start) = (self.frames.len() >= MAX_DEPTH, head.body);
        if deep && (content.is_multipart() || content.is_open_message()) {
            self.problems.add(format!("its parts stand in each other more than {MAX_DEPTH} deep"));
        } else if content.is_multipart() {
            if let Some(boundary) = content.boundary.clone() {
                let (boundary, content) = (boundary.into_bytes(), Box::new(content));
                self.frames.push(Frame::Multipart { boundary, content, start, seen: false });
                return start;
            }
            self.problems.add("it says that it has parts, and not what separates them");
            self.leaf(Content { name: content.name, ..Content::text() }, start);
            return start;
        } else if content.is_open_message() {
            self.leaf(content, start);
            self.open = None;
            let leaf = self.leaves.len() - 1;
            self.frames.push(Frame::Message(leaf));
            return self.message(leaf, start);
        }
        self.leaf(content, start);
        start
    }

    /// A mail within the mail.
    fn message(&mut self, leaf: usize, at: usize) -> usize {
        let mut budget = self.budget;
        let head = head(self.raw, at, &mut budget, |line| self.boundary(line).is_some());
        self.budget = budget;
        if let Some(leaf) = self.leaves.get_mut(leaf) {
            leaf.subject = head.first("subject").map(|field| field.value().0);
        }
        if self.leaves.len() >= MAX_PARTS {
            return head.body;
        }
        self.enter(&head)
    }

    fn leaf(&mut self, content: Content, start: usize) {
        let mut leaf = Leaf {
            content,
            start,
            end: self.raw.len(),
            is_within: false,
            is_alternative: false,
            is_related: false,
            subject: None,
        };
        for frame in &self.frames {
            match frame {
                Frame::Message(_) => leaf.is_within = true,
                Frame::Multipart { content, .. } => match content.media_type.as_str() {
                    "multipart/alternative" => leaf.is_alternative = true,
                    "multipart/related" => leaf.is_related = true,
                    _ => {}
                },
            }
        }
        self.open = Some(self.leaves.len());
        self.leaves.push(leaf);
    }

    /// Ends at this place the open leaf and what the frames from this one on hold.
    fn close(&mut self, frame: usize, end: usize) {
        let ended = self.frames.split_off(frame.min(self.frames.len()));
        for leaf in self.open.take().into_iter().chain(ended.iter().filter_map(|frame| match frame {
            Frame::Message(leaf) => Some(*leaf),
            Frame::Multipart { .. } => None,
        })) {
            if let Some(leaf) = self.leaves.get_mut(leaf) {
                leaf.end = end.max(leaf.start);
            }
        }
        for frame in ended {
            if let Frame::Multipart { content, start, seen, .. } = frame {
                if seen {
                    self.problems.add("its last part has no end");
                    continue;
                }
                self.problems.add("it says that it has parts, but what should separate them does not occur");
                self.leaf(Content { name: content.name.clone(), ..Content::text() }, start.min(end));
                if let Some(leaf) = self.open.take().and_then(|leaf| self.leaves.get_mut(leaf)) {
                    leaf.end = end;
                }
            }
        }
    }

    /// The innermost frame whose delimiter this line is, and whether it is the last one (RFC 2046 §5.1.1).
    fn boundary(&self, line: &[u8]) -> Option<(usize, bool)> {
        let line = line.strip_prefix(b"--")?.trim_ascii_end();
        self.frames.iter().enumerate().rev().find_map(|(n, frame)| {
            let Frame::Multipart { boundary, .. } = frame else { return None };
            match line.strip_prefix(boundary.as_slice())? {
                b"" => Some((n, false)),
                b"--" => Some((n, true)),
                _ => None,
            }
        })
    }

    /// The end of the line before belongs to the delimiter.
    fn before_line(&self, at: usize) -> usize {
        let before = self.raw.get(..at).unwrap_or_default();
        let before = before.strip_suffix(b"\n").unwrap_or(before);
        before.strip_suffix(b"\r").unwrap_or(before).len()
    }
}
