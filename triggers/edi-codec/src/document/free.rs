//! Sets without a grammar: a list of segments, but HL levels in their parents, and what stands between LS and LE in a loop of its own. What must hold: as
//! for those with one, each segment stands there once, whatever comes.

use crate::document::place::{MAX_DEPTH, Reader};
use crate::document::row::Row;
use crate::document::tree::{Item, What};

impl Reader<'_> {
    /// Puts a segment of a set that has no grammar.
    pub(super) fn place_freely(&mut self, row: &Row, index: usize) {
        let innermost = self.open.len() - 1;
        let segment = Item::unexpected(What::Segment(index));
        match row.tag() {
            "HL" => {
                let parent = row.value(2);
                let found = (0..self.open.len())
                    .rev()
                    .find(|&depth| !parent.is_empty() && self.open[depth].level.as_deref() == Some(parent));
                let top = || {
                    (0..self.open.len()).rev().find(|&depth| self.open[depth].level.is_none()).unwrap_or(0)
                };
                if found.is_none() && !parent.is_empty() {
                    self.findings.parent(row, index);
                }
                let mut depth = found.unwrap_or_else(top);
                if depth + 1 >= MAX_DEPTH {
                    self.findings.too_deep(row, index);
                    depth = MAX_DEPTH - 2;
                }
                let level = Some(row.value(1).to_owned());
                self.open_freely(depth, "loop_HL", level, index);
            }
            "LS" if innermost + 1 < MAX_DEPTH => {
                self.open_freely(innermost, "loop_LS", None, index);
                self.open[innermost + 1].bounded = true;
            }
            "LE" => match self.open.iter().rposition(|frame| frame.bounded) {
                Some(depth) => {
                    self.close_to(depth, index);
                    self.put(depth, segment);
                    self.open.truncate(depth);
                }
                None => self.put(innermost, segment),
            },
            "SE" | "UNT" | "MTR" => {
                self.close_to(0, index);
                self.put(0, segment);
            }
            _ => self.put(innermost, segment),
        }
    }

    fn open_freely(&mut self, depth: usize, key: &str, level: Option<String>, index: usize) {
        self.close_to(depth, index);
        let node = self.document.open_named(None, key);
        self.put(depth, Item::unexpected(What::Loop(node)));
        let mut frame = self.frame(node, None);
        frame.level = level;
        self.open.push(frame);
        self.put(depth + 1, Item::unexpected(What::Segment(index)));
    }
}
