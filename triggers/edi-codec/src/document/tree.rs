//! A document in memory: its segments as JSON, one after the other, and which loop each stands in. What must hold: memory is a small factor of the
//! set's size (docs/edi-documents.md says which).

use crate::document::grammar::Grammar;

/// A set, read: its segments in their loops. [`Document::to_json`] and [`Document::write_json`] make JSON of it.
#[derive(Debug)]
pub struct Document<'g> {
    pub(super) grammar: Option<&'g Grammar>,
    /// The segments as JSON objects, without gaps.
    json: Vec<u8>,
    /// Where each ends in `json`, and where it begins in the stream.
    segments: Vec<(usize, u64)>,
    nodes: Vec<Node>,
}

/// A loop, and the set itself.
#[derive(Debug)]
pub(super) struct Node {
    /// Its loop in the grammar; none where it takes what comes.
    pub kind: Option<usize>,
    /// Its name where it stands in a list of what was not expected.
    pub key: Box<str>,
    pub items: Vec<Item>,
}

/// Something in a loop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    /// Its place in the grammar's loop; [`Item::UNEXPECTED`] where it has none.
    place: u16,
    pub what: What,
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
        Self { place: u16::try_from(place).unwrap_or(Self::UNEXPECTED), what }
    }

    pub fn unexpected(what: What) -> Self {
        Self { place: Self::UNEXPECTED, what }
    }

    pub fn place(&self) -> Option<usize> {
        (self.place != Self::UNEXPECTED).then_some(usize::from(self.place))
    }
}

impl<'g> Document<'g> {
    pub(super) fn start(grammar: Option<&'g Grammar>) -> Self {
        let root = Node { kind: grammar.map(|_| 0), key: "".into(), items: Vec::new() };
        Self { grammar, json: Vec::new(), segments: Vec::new(), nodes: vec![root] }
    }

    pub(super) fn add(&mut self, offset: u64, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        write(&mut self.json);
        self.segments.push((self.json.len(), offset));
        self.segments.len() - 1
    }

    pub(super) fn open(&mut self, kind: Option<usize>, key: &str) -> usize {
        self.nodes.push(Node { kind, key: key.into(), items: Vec::new() });
        self.nodes.len() - 1
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
    pub(super) fn first_of(&self, item: &Item) -> usize {
        let mut item = *item;
        loop {
            match item.what {
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
            + self.nodes.iter().map(|node| node.key.len()).sum::<usize>()
            + items
    }
}
