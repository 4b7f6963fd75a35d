//! The grammar of a transaction set or message: which segments and loops it has, in which order, how often. What must hold: within a loop no two
//! places have the same key, so that a document names each of them.

/// A transaction set or message of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grammar {
    /// `850`, `ORDERS`.
    pub set: String,
    /// The table it was read from: `850`, `837p`, `ORDERS.D96A`.
    pub table: String,
    /// The version whose rules were chosen: `004010`, `005010`, `D96A`.
    pub version: String,
    /// Its loops; the first is the set itself.
    pub loops: Vec<Loop>,
    /// Every tag that stands anywhere in it, sorted.
    pub tags: Vec<String>,
}

/// A loop, or segment group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loop {
    /// Its identifier, as an acknowledgement names it (`AK303`): `PO1`, `2010AA`, `SG25`. Empty for the set itself.
    pub id: String,
    /// What may stand in it, in order. The first opens the loop.
    pub places: Vec<Place>,
    /// Whether loops of its kind nest in it, by the parent that each names (HL02).
    pub tree: bool,
    /// Whether it is a matter of its own, such as an order line: a segment in it that stands wrong is not taken for one of what is around it.
    pub detail: bool,
}

/// A place for a segment or a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name in a document: `BEG`, `loop_PO1`.
    pub key: String,
    /// The tag of the segment, or of the loop's first segment.
    pub tag: String,
    /// What must stand in an element of it: the element's number, and the values.
    pub only: Option<(usize, Vec<String>)>,
    /// Whether it must be there.
    pub required: bool,
    /// How often it may be there.
    pub max: u32,
    /// Its position. Loops that begin with the same tag, one after the other, share one: their order is free.
    pub position: usize,
    /// The loop, an index of [`Grammar::loops`]; none for a segment.
    pub opens: Option<usize>,
}

/// As often as one likes.
pub const UNBOUNDED: u32 = u32::MAX;

impl Place {
    /// Whether a document has a list at this place, even of one.
    pub fn is_list(&self) -> bool {
        self.max > 1
    }
}

impl Grammar {
    /// Whether a segment with this tag stands anywhere in it.
    pub fn knows(&self, tag: &str) -> bool {
        self.tags.binary_search_by(|known| known.as_str().cmp(tag)).is_ok()
    }

    /// The loop of the places of which is `index`.
    pub(super) fn at(&self, index: usize) -> &Loop {
        &self.loops[index]
    }
}
