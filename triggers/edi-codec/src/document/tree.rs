//! A document in memory: its segments as JSON, one after the other, and which loop each stands in. What must hold: memory is a small factor of the
//! set's size (docs/edi-documents.md says which).

use std::collections::HashMap;

use crate::document::grammar::Grammar;

/// How much room there is for a segment at least before its JSON is written.
const GROW: usize = 1024;

/// A set, read: its segments in their loops. [`Document::to_json`], [`Document::write_json`] and [`Document::to_text`] make JSON of
/// it.
#[derive(Debug)]
pub struct Document<'g> {
    pub(super) grammar: Option<&'g Grammar>,
    /// The segments as JSON objects, without gaps.
    json: Vec<u8>,
    /// Where each ends in `json`, and where it begins in the stream.
    segments: Vec<(usize, u64)>,
    nodes: Vec<Node>,
    /// The names of the loops that stand in a list of what comes, by their node.
    names: HashMap<usize, Box<str>>,
}

/// A loop, and the set itself.
#[derive(Debug)]
pub(super) struct Node {
    /// Its loop in the grammar; none where it takes what comes.
    pub kind: Option<u32>,
    pub items: Vec<Item>,
}

/// Something in a loop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    index: u32,
    /// Its place in the grammar's loop; [`Item::UNEXPECTED`] where it has none.
    place: u16,
    is_loop: bool,
}

/// A segment or a loop, by its number.
#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    Segment(usize),
    Loop(usize),
}

impl Item {
    const UNEXPECTED: u16 = u16::MAX;

    pub fn at(place: usize, what: What) -> Self {
        let (index, is_loop) = match what {
            What::Segment(index) => (index, false),
            What::Loop(index) => (index, true),
        };
        // The reader takes no more segments than fit.
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        Self { index, place: u16::try_from(place).unwrap_or(Self::UNEXPECTED), is_loop }
    }

    pub fn unexpected(what: What) -> Self {
        Self::at(usize::MAX, what)
    }

    pub fn place(self) -> Option<usize> {
        (self.place != Self::UNEXPECTED).then_some(usize::from(self.place))
    }

    pub fn what(self) -> What {
        let index = self.index as usize;
        if self.is_loop { What::Loop(index) } else { What::Segment(index) }
    }
}

impl<'g> Document<'g> {
    pub(super) fn start(grammar: Option<&'g Grammar>) -> Self {
        let root = Node { kind: grammar.map(|_| 0), items: Vec::new() };
        Self { grammar, json: Vec::new(), segments: Vec::new(), nodes: vec![root], names: HashMap::new() }
    }

    pub(super) fn add(&mut self, offset: u64, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        // By an eighth, not by doubling: it is most of what a document holds.
        if self.json.capacity() - self.json.len() < GROW {
            self.json.reserve_exact((self.json.len() / 8).max(2 * GROW));
        }
        write(&mut self.json);
        self.segments.push((self.json.len(), offset));
        self.segments.len() - 1
    }

    pub(super) fn open(&mut self, kind: Option<usize>) -> usize {
        self.nodes.push(Node { kind: kind.map(|kind| kind as u32), items: Vec::new() });
        self.nodes.len() - 1
    }

    /// A loop that stands in a list of what comes, and so needs a name.
    pub(super) fn open_named(&mut self, kind: Option<usize>, name: &str) -> usize {
        let node = self.open(kind);
        self.names.insert(node, name.into());
        node
    }

    pub(super) fn name(&self, node: usize) -> &str {
        self.names.get(&node).map_or("", |name| name)
    }

    pub(super) fn node(&self, node: usize) -> &Node {
        &self.nodes[node]
    }

    pub(super) fn node_mut(&mut self, node: usize) -> &mut Node {
        &mut self.nodes[node]
    }

    /// A segment as `"TAG":{…}`.
    pub(super) fn json_of(&self, segment: usize) -> &[u8] {
        let start = segment.checked_sub(1).map_or(0, |before| self.segments[before].0);
        &self.json[start..self.segments[segment].0]
    }

    pub(super) fn offset(&self, segment: usize) -> u64 {
        self.segments.get(segment).map_or(0, |segment| segment.1)
    }

    /// The number of an item's first segment.
    pub(super) fn first_of(&self, item: Item) -> usize {
        let mut item = item;
        loop {
            match item.what() {
                What::Segment(index) => return index,
                // A loop has its first segment from when it is opened on.
                What::Loop(node) => item = self.nodes[node].items[0],
            }
        }
    }

    /// The grammar by which it was read, if one ships.
    pub fn grammar(&self) -> Option<&'g Grammar> {
        self.grammar
    }

    /// How many segments it has.
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The bytes that it holds, for measurements.
    pub fn memory(&self) -> usize {
        let items: usize = self.nodes.iter().map(|node| node.items.capacity() * size_of::<Item>()).sum();
        self.json.capacity()
            + self.segments.capacity() * size_of::<(usize, u64)>()
            + self.nodes.capacity() * size_of::<Node>()
            + self.names.values().map(|name| name.len() + 64).sum::<usize>()
            + items
    }
}
