//! A segment as text: its tag, and its parts in one flat list. What must hold: two rows are equal exactly if the segments say the same; nothing is
//! allocated per element, and a row that is used again keeps its memory.

use crate::document::Charset;
use crate::segment::Segment;

/// A segment's tag and the text of its parts, releases undone.
///
/// Filled from a [`Segment`] by [`Row::read`], or part by part: [`Row::start`], then for each element [`Row::element`], and within it
/// [`Row::repetition`] and [`Row::component`] before each further one.
#[derive(Debug, Clone, Default)]
pub struct Row {
    tag: String,
    text: String,
    parts: Vec<Part>,
    /// The byte of the stream where it begins; 0 where it comes from no stream.
    pub offset: u64,
}

/// One component, and how it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    level: Level,
    end: usize,
}

/// What a part is the first of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Element,
    Repetition,
    Component,
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.tag == other.tag && self.text == other.text && self.parts == other.parts
    }
}

impl Row {
    /// Empties it for a segment with this tag.
    pub fn start(&mut self, tag: &str) -> &mut Self {
        self.tag.clear();
        self.tag.push_str(tag);
        self.text.clear();
        self.parts.clear();
        self.offset = 0;
        self
    }

    /// Another element, with this text as its first component.
    pub fn element(&mut self, text: &str) -> &mut Self {
        self.add(Level::Element, text)
    }

    /// Another repetition of the last element.
    pub fn repetition(&mut self, text: &str) -> &mut Self {
        self.add(Level::Repetition, text)
    }

    /// Another component of the last repetition.
    pub fn component(&mut self, text: &str) -> &mut Self {
        self.add(Level::Component, text)
    }

    fn add(&mut self, level: Level, text: &str) -> &mut Self {
        self.text.push_str(text);
        self.parts.push(Part { level, end: self.text.len() });
        self
    }

    /// Takes over a segment, its bytes read as `charset` says.
    pub fn read(&mut self, segment: &Segment<'_>, charset: Charset) {
        self.tag.clear();
        charset.decode(segment.tag(), &mut self.tag);
        self.text.clear();
        self.parts.clear();
        self.offset = segment.offset();
        for part in segment.parts() {
            charset.decode(&part.value(), &mut self.text);
            let level = match (part.repetition, part.component) {
                (1, 1) => Level::Element,
                (_, 1) => Level::Repetition,
                _ => Level::Component,
            };
            self.parts.push(Part { level, end: self.text.len() });
        }
    }

    /// How many components all its elements have together.
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    /// Its tag.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Its elements, each a list of repetitions, each a list of components. An empty element is one empty component.
    pub fn elements(&self) -> Vec<Vec<Vec<&str>>> {
        let mut elements: Vec<Vec<Vec<&str>>> = Vec::new();
        for (level, text) in self.cells() {
            match (level, elements.last_mut().and_then(|element| element.last_mut())) {
                (Level::Component, Some(repetition)) => repetition.push(text),
                (Level::Repetition, Some(_)) => {
                    if let Some(element) = elements.last_mut() {
                        element.push(vec![text]);
                    }
                }
                _ => elements.push(vec![vec![text]]),
            }
        }
        elements
    }

    /// The text of the first component of an element's first repetition, from 1; empty where there is none.
    pub fn value(&self, element: usize) -> &str {
        self.cells()
            .filter(|(level, _)| *level == Level::Element)
            .nth(element.wrapping_sub(1))
            .map_or("", |(_, text)| text)
    }

    fn cells(&self) -> impl Iterator<Item = (Level, &str)> {
        let mut start = 0;
        self.parts.iter().map(move |part| {
            let text = &self.text[start..part.end];
            start = part.end;
            (part.level, text)
        })
    }

    /// Calls `each` for every element: its number, from 1, whether it is the last, and its parts.
    pub(super) fn each_element<'r>(&'r self, mut each: impl FnMut(usize, bool, &Parts<'r>)) {
        let (mut at, mut start, mut number) = (0, 0, 0);
        while at < self.parts.len() {
            let next = self.parts[at + 1..].iter().position(|part| part.level == Level::Element);
            let end = next.map_or(self.parts.len(), |more| at + 1 + more);
            number += 1;
            each(
                number,
                end == self.parts.len(),
                &Parts { text: &self.text, start, cells: &self.parts[at..end] },
            );
            start = self.parts[end - 1].end;
            at = end;
        }
    }
}

/// The parts of one element.
pub(super) struct Parts<'r> {
    text: &'r str,
    start: usize,
    cells: &'r [Part],
}

impl<'r> Parts<'r> {
    /// Whether nothing stands there, not even a separator.
    pub fn is_empty(&self) -> bool {
        self.cells.len() == 1 && self.cells[0].end == self.start
    }

    /// Whether it has more than one repetition.
    pub fn repeats(&self) -> bool {
        self.cells.iter().any(|part| part.level == Level::Repetition)
    }

    /// Its repetitions: for each the texts of its components.
    pub fn repetitions(&self) -> impl Iterator<Item = Components<'r>> + use<'r> {
        let (text, parts, mut start, mut at) = (self.text, self.cells, self.start, 0);
        std::iter::from_fn(move || {
            let rest = parts.get(at + 1..)?;
            let more = rest.iter().position(|part| part.level != Level::Component).unwrap_or(rest.len());
            let found = Components { text, start, cells: &parts[at..=at + more] };
            start = parts[at + more].end;
            at += more + 1;
            Some(found)
        })
    }
}

/// The components of one repetition.
pub(super) struct Components<'r> {
    text: &'r str,
    start: usize,
    cells: &'r [Part],
}

impl<'r> Components<'r> {
    /// How many.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Their texts.
    pub fn texts(&self) -> impl Iterator<Item = &'r str> + use<'r> {
        let (text, mut start) = (self.text, self.start);
        self.cells.iter().map(move |part| {
            let found = &text[start..part.end];
            start = part.end;
            found
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_as_they_were_put_in() {
        let mut row = Row::default();
        row.start("XYZ").element("a").component("b").repetition("c").component("").element("").element("d");
        assert_eq!(
            row.elements(),
            [vec![vec!["a", "b"], vec!["c", ""]], vec![vec![""]], vec![vec!["d"]]] as [Vec<Vec<&str>>; 3]
        );
        assert_eq!((row.value(1), row.value(2), row.value(3), row.value(4)), ("a", "", "d", ""));
        let mut seen = Vec::new();
        row.each_element(|number, last, parts| {
            let texts: Vec<Vec<&str>> = parts.repetitions().map(|one| one.texts().collect()).collect();
            seen.push((number, last, parts.is_empty(), parts.repeats(), texts));
        });
        assert_eq!(seen[0], (1, false, false, true, vec![vec!["a", "b"], vec!["c", ""]]));
        assert_eq!(seen[1], (2, false, true, false, vec![vec![""]]));
        assert_eq!(seen[2], (3, true, false, false, vec![vec!["d"]]));
        row.start("SE");
        row.each_element(|_, _, _| panic!("it has no elements"));
    }
}
