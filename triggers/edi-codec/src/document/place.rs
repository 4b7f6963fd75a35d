//! Puts the segments of a set into the loops of its grammar. What must hold: each segment stands in the document exactly once, whatever comes; what the
//! grammar does not expect is reported once, and stands where it stood; the work per segment does not grow with the set.

use crate::document::Charset;
use crate::document::finding::{Findings, Problem};
use crate::document::grammar::{Grammar, Loop, Place};
use crate::document::row::Row;
use crate::document::rows::MAX_PARTS;
use crate::document::shape::Shapes;
use crate::document::tree::{Document, Item, Node, What};
use crate::document::write::write_row;
use crate::finding::Finding;
use crate::segment::Segment;
use crate::syntax::Standard;

/// How deep a document nests at most: levels (HL) beyond stand beside the deepest.
pub const MAX_DEPTH: usize = 24;

/// Reads a set, segment by segment, from `ST`, `UNH` or `MHD` to `SE`, `UNT` or `MTR`.
#[derive(Debug)]
pub struct Reader<'g> {
    grammar: Option<&'g Grammar>,
    shapes: Shapes,
    charset: Charset,
    pub(super) document: Document<'g>,
    pub(super) findings: Findings,
    pub(super) open: Vec<Frame>,
    /// A segment that may belong to a loop around, or else be a stray one in this: the next one decides.
    pending: Option<Pending>,
    row: Row,
}

/// A segment that was not put anywhere yet.
#[derive(Debug)]
struct Pending {
    row: Row,
    index: usize,
    /// The loop around, its place, and how it would stand there.
    outside: (usize, usize, Fit),
}

/// A loop that is open.
#[derive(Debug)]
pub(super) struct Frame {
    node: usize,
    /// Its loop in the grammar; none where it takes what comes.
    kind: Option<usize>,
    /// The position that was filled last.
    at: usize,
    /// How often each place was filled.
    counts: Vec<u32>,
    /// The number of the level that it is (HL01).
    pub level: Option<String>,
    /// Whether it is bounded by LS and LE, in a set without grammar.
    pub bounded: bool,
}

/// How a segment fits into a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    InOrder,
    TooMany,
    OutOfOrder,
}

impl<'g> Reader<'g> {
    /// For a set of this standard; without a grammar the document is a list of segments, with levels (HL) in their parents.
    pub fn start(standard: Standard, grammar: Option<&'g Grammar>, charset: Charset) -> Self {
        let kind = grammar.map(|_| 0);
        let mut reader = Self {
            grammar,
            shapes: Shapes::of(standard),
            charset,
            document: Document::start(grammar),
            findings: Findings::of(standard),
            open: Vec::new(),
            pending: None,
            row: Row::default(),
        };
        reader.open.push(reader.frame(0, kind));
        reader
    }

    /// Takes the next segment.
    pub fn push(&mut self, segment: &Segment<'_>) {
        let mut row = std::mem::take(&mut self.row);
        row.read(segment, self.charset);
        self.push_row(&row);
        self.row = row;
    }

    /// Takes the next segment, as text.
    pub fn push_row(&mut self, row: &Row) {
        let index = self.document.add(row.offset, |into| write_row(row, self.shapes, into));
        if row.len() > MAX_PARTS {
            self.findings.too_many_parts(row, index);
        }
        match self.grammar {
            Some(grammar) => {
                self.decide(grammar, Some(row));
                self.place(grammar, row, index);
            }
            None => self.place_freely(row, index),
        }
    }

    /// The document, and what is wrong with the set by its grammar.
    pub fn finish(mut self) -> (Document<'g>, Vec<Finding>) {
        let last = self.document.len().saturating_sub(1);
        if let Some(grammar) = self.grammar {
            self.decide(grammar, None);
        }
        self.close_to(0, last);
        if let Some(grammar) = self.grammar {
            self.missing(grammar, 0, last);
        }
        (self.document, self.findings.sorted())
    }

    pub(super) fn frame(&self, node: usize, kind: Option<usize>) -> Frame {
        let places = match (self.grammar, kind) {
            (Some(grammar), Some(kind)) => grammar.at(kind).places.len(),
            _ => 0,
        };
        Frame { node, kind, at: 0, counts: vec![0; places], level: None, bounded: false }
    }

    fn kind(&self, grammar: &'g Grammar, depth: usize) -> Option<&'g Loop> {
        self.open[depth].kind.map(|kind| grammar.at(kind))
    }

    fn place(&mut self, grammar: &'g Grammar, row: &Row, index: usize) {
        if row.tag() == "HL"
            && let Some((depth, place)) = self.level_of(grammar, row, index)
        {
            self.fill(grammar, (depth, place), Fit::InOrder, row, index);
            return;
        }
        if let Some((depth, place)) = self.in_order(grammar, row) {
            self.fill(grammar, (depth, place), Fit::InOrder, row, index);
            return;
        }
        let innermost = self.open.len() - 1;
        if self.open[innermost].kind.is_none() {
            // A loop that the grammar does not know: reported with its first segment.
            self.put(innermost, Item::unexpected(What::Segment(index)));
            return;
        }
        match self.out_of_order(grammar, row) {
            Some((depth, place, fit)) if depth == innermost || fit == Fit::TooMany => {
                self.fill(grammar, (depth, place), fit, row, index);
            }
            Some(outside) => self.pending = Some(Pending { row: row.clone(), index, outside }),
            None => self.stray(grammar, row, index),
        }
    }

    /// Puts the segment that waits for the next one: into the loop around, unless the next one goes on with this.
    fn decide(&mut self, grammar: &'g Grammar, next: Option<&Row>) {
        let Some(pending) = self.pending.take() else { return };
        let (depth, place, fit) = pending.outside;
        let goes_on =
            next.and_then(|next| self.in_order(grammar, next)).is_some_and(|(next, _)| next > depth);
        if goes_on {
            self.stray(grammar, &pending.row, pending.index);
        } else {
            self.fill(grammar, (depth, place), fit, &pending.row, pending.index);
        }
    }

    /// Puts a segment that the grammar does not expect.
    fn stray(&mut self, grammar: &'g Grammar, row: &Row, index: usize) {
        let innermost = self.open.len() - 1;
        let problem = if grammar.knows(row.tag()) { Problem::Unexpected } else { Problem::NotInSet };
        self.findings.segment(problem, row, index, self.near(grammar));
        match self.opener(grammar, row.tag()) {
            Some(depth) => {
                self.close_to(depth, index);
                let node = self.document.open_named(None, &format!("loop_{}", row.tag()));
                self.put(depth, Item::unexpected(What::Loop(node)));
                let frame = self.frame(node, None);
                self.open.push(frame);
                self.put(depth + 1, Item::unexpected(What::Segment(index)));
            }
            None => self.put(innermost, Item::unexpected(What::Segment(index))),
        }
    }

    /// The innermost place that comes next or later, and has room.
    fn in_order(&self, grammar: &'g Grammar, row: &Row) -> Option<(usize, usize)> {
        (0..self.open.len()).rev().find_map(|depth| {
            let frame = &self.open[depth];
            let places = &self.kind(grammar, depth)?.places;
            let next = places.partition_point(|place| place.position < frame.at);
            let mut rest = places.iter().enumerate().skip(next);
            rest.find(|(at, place)| fits(place, row) && frame.counts[*at] < place.max)
                .map(|(at, _)| (depth, at))
        })
    }

    /// The innermost place that was passed, or is full, without leaving a matter of its own. Not that of a loop's first segment: another one would be
    /// another loop. A loop too many may stand anywhere around.
    fn out_of_order(&self, grammar: &'g Grammar, row: &Row) -> Option<(usize, usize, Fit)> {
        let innermost = self.open.len() - 1;
        let mut left = false;
        for depth in (0..=innermost).rev() {
            let frame = &self.open[depth];
            let kind = self.kind(grammar, depth)?;
            let passed = kind.places.partition_point(|place| place.position <= frame.at);
            let mut passed = kind.places[..passed].iter().enumerate().skip(usize::from(depth > 0));
            let found = passed.rfind(|(at, place)| {
                let full = frame.counts[*at] >= place.max;
                let here = place.position == frame.at && place.opens.is_some();
                fits(place, row) && (here || !left && (!full || depth == innermost))
            });
            if let Some((at, place)) = found {
                let fit = if frame.counts[at] >= place.max { Fit::TooMany } else { Fit::OutOfOrder };
                return Some((depth, at, fit));
            }
            left |= kind.detail;
        }
        None
    }

    /// Where a level of a `tree` loop stands: in the level that it names as its parent.
    fn level_of(&mut self, grammar: &'g Grammar, row: &Row, index: usize) -> Option<(usize, usize)> {
        let tree = |depth: usize| {
            let places = &self.kind(grammar, depth)?.places;
            let at = places.iter().position(|place| {
                place.tag == "HL" && place.opens.is_some_and(|kind| grammar.at(kind).tree) && fits(place, row)
            })?;
            Some((depth, at))
        };
        let top = (0..self.open.len())
            .rev()
            .filter(|&depth| !self.kind(grammar, depth).is_some_and(|kind| kind.tree))
            .find_map(tree)?;
        let parent = row.value(2);
        if parent.is_empty() {
            return Some(top);
        }
        let found = (0..self.open.len())
            .rev()
            .filter(|&depth| self.open[depth].level.as_deref() == Some(parent))
            .find_map(tree);
        match found {
            None => {
                self.findings.parent(row, index);
                Some(top)
            }
            Some((depth, _)) if depth + 1 >= MAX_DEPTH => {
                self.findings.too_deep(row, index);
                tree_at(self, grammar, row, MAX_DEPTH - 2).or(Some(top))
            }
            found => found,
        }
    }

    /// The innermost loop in which a loop can begin with this tag, though not here or not so.
    fn opener(&self, grammar: &'g Grammar, tag: &str) -> Option<usize> {
        (0..self.open.len()).rev().find(|&depth| {
            let places = self.kind(grammar, depth).map_or(&[][..], |kind| &kind.places);
            places.iter().any(|place| place.opens.is_some() && place.tag == tag)
        })
    }

    /// The identifier of the loop in which a segment was not expected, for the message.
    fn near(&self, grammar: &'g Grammar) -> &'g str {
        self.open.last().and_then(|frame| frame.kind).map_or("", |kind| &grammar.at(kind).id)
    }

    fn fill(&mut self, grammar: &'g Grammar, to: (usize, usize), fit: Fit, row: &Row, index: usize) {
        let (depth, at) = to;
        self.close_to(depth, index);
        let Some(kind) = self.kind(grammar, depth) else { return };
        let place = &kind.places[at];
        let frame = &mut self.open[depth];
        frame.counts[at] = frame.counts[at].saturating_add(1);
        let mut full = frame.counts[at] > place.max;
        match fit {
            Fit::InOrder => frame.at = place.position,
            Fit::OutOfOrder => self.findings.segment(Problem::OutOfOrder, row, index, &kind.id),
            Fit::TooMany => full = true,
        }
        if full {
            let problem = if place.opens.is_some() {
                Problem::TooManyLoops(place.max)
            } else {
                Problem::TooMany(place.max)
            };
            self.findings.segment(problem, row, index, &kind.id);
        }
        // There is no list into which one more could go.
        let aside = full && !place.is_list();
        let item = |what| if aside { Item::unexpected(what) } else { Item::at(at, what) };
        let Some(opens) = place.opens else {
            self.put(depth, item(What::Segment(index)));
            return;
        };
        let node = if aside {
            self.document.open_named(Some(opens), &place.key)
        } else {
            self.document.open(Some(opens))
        };
        self.put(depth, item(What::Loop(node)));
        let mut frame = self.frame(node, Some(opens));
        frame.counts[0] = 1;
        if row.tag() == "HL" {
            frame.level = Some(row.value(1).to_owned());
            let around = self.open.iter().rev().find_map(|frame| frame.level.as_deref());
            let parent = row.value(2);
            if !grammar.at(opens).tree && !parent.is_empty() && around != Some(parent) {
                self.findings.parent(row, index);
            }
        }
        self.open.push(frame);
        self.put(depth + 1, Item::at(0, What::Segment(index)));
    }

    pub(super) fn put(&mut self, depth: usize, item: Item) {
        let node = self.open[depth].node;
        self.document.node_mut(node).items.push(item);
    }

    /// Closes what stands deeper, since the segment `index` does not belong there.
    pub(super) fn close_to(&mut self, depth: usize, index: usize) {
        while self.open.len() > depth + 1 {
            if let Some(grammar) = self.grammar {
                self.missing(grammar, self.open.len() - 1, index);
            }
            self.open.pop();
        }
    }

    /// Reports what had to be in a loop and was not.
    fn missing(&mut self, grammar: &'g Grammar, depth: usize, closed_by: usize) {
        let Some(kind) = self.kind(grammar, depth) else { return };
        let frame = &self.open[depth];
        for (at, place) in kind.places.iter().enumerate() {
            if place.required && frame.counts[at] == 0 {
                let items = &self.document.node(frame.node).items;
                let after = items.iter().find(|item| item.place().is_some_and(|place| place > at));
                let index = after.map_or(closed_by, |item| self.document.first_of(*item));
                let offset = self.document.offset(index);
                self.findings.missing(place, kind, index, offset);
            }
        }
    }
}

fn tree_at(reader: &Reader<'_>, grammar: &Grammar, row: &Row, depth: usize) -> Option<(usize, usize)> {
    let kind = grammar.at(reader.open[depth].kind?);
    let at = kind
        .places
        .iter()
        .position(|place| place.tag == "HL" && place.opens.is_some() && fits(place, row))?;
    Some((depth, at))
}

/// Whether a segment may stand at a place, but for order and number.
fn fits(place: &Place, row: &Row) -> bool {
    place.tag == row.tag()
        && place
            .only
            .as_ref()
            .is_none_or(|(element, values)| values.iter().any(|value| value == row.value(*element)))
}

/// What a node is for the JSON: see [`Document`].
impl Node {
    /// Whether its items stand in the order of the grammar, and all where it expects them.
    pub(super) fn in_order(&self) -> bool {
        self.items.iter().all(|item| item.place().is_some())
            && self.items.is_sorted_by_key(|item| item.place())
    }
}
