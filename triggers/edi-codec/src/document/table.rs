//! The tables of `sets/`: a grammar as text. What must hold: a table that is wrong says at which line, and a test reads all that ship.
//!
//! ```text
//! # A remark.
//! BEG M 1                        a segment: its tag, required or optional, how often (>1: as often as one likes)
//! loop N1 O 200                  a loop; what stands in it is two blanks further in, and its first segment opens it
//!   N1[01=ST|BT] M 1             only where the first element is one of these
//!   REF O 12 from 005010         only from this version on; `before` only until
//! loop LIN O 9999 id=SG25        with an identifier that differs from its key
//! loop TAX O 10 as=TAX_summary   with a key that differs
//!                                loops that begin with the same tag, one after the other, may come in any order
//! loop PO1 M 100000 detail       a matter of its own: what stands wrong in it is not taken for a segment of what is around it
//! loop HL M 200000 tree          a loop of levels: each stands in the one that it names as its parent
//! part claim                     what stands in it is put in where `include claim` stands
//! ```

use std::collections::{BTreeMap, BTreeSet};

use crate::document::grammar::{Grammar, Loop, Place, UNBOUNDED};

/// What is wrong with a table.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct TableError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// How deep loops may stand in each other.
const MAX_NESTING: usize = 12;

struct Line<'t> {
    number: usize,
    depth: usize,
    words: Vec<&'t str>,
}

struct Reader<'t> {
    lines: Vec<Line<'t>>,
    parts: BTreeMap<&'t str, (usize, usize)>,
    version: &'t str,
    loops: Vec<Loop>,
}

/// Reads a table as it holds for `version`.
pub fn read(set: &str, table: &str, version: &str, text: &str) -> Result<Grammar, TableError> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let content = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = content.split_whitespace().collect();
        if words.is_empty() {
            continue;
        }
        let blanks = content.len() - content.trim_start_matches(' ').len();
        if blanks % 2 != 0 {
            return Err(wrong(index + 1, "is indented by an odd number of blanks"));
        }
        lines.push(Line { number: index + 1, depth: blanks / 2, words });
    }
    let mut reader = Reader { lines, parts: BTreeMap::new(), version, loops: Vec::new() };
    reader.find_parts()?;
    reader.loops.push(Loop { id: String::new(), places: Vec::new(), tree: false, detail: false });
    let mut places = Vec::new();
    let end = reader.lines.len();
    reader.places(0, end, 0, &mut places, 0)?;
    if places.is_empty() {
        return Err(wrong(1, "says nothing"));
    }
    finish(&mut places, 1)?;
    reader.loops[0].places = places;
    let tags: BTreeSet<String> =
        reader.loops.iter().flat_map(|one| &one.places).map(|place| place.tag.clone()).collect();
    Ok(Grammar {
        set: set.into(),
        table: table.into(),
        version: version.into(),
        loops: reader.loops,
        tags: tags.into_iter().collect(),
    })
}

fn wrong(line: usize, problem: &str) -> TableError {
    TableError { line, problem: problem.into() }
}

impl<'t> Reader<'t> {
    fn find_parts(&mut self) -> Result<(), TableError> {
        for at in 0..self.lines.len() {
            let line = &self.lines[at];
            if line.depth == 0 && line.words[0] == "part" {
                let [_, name] = line.words[..] else {
                    return Err(wrong(line.number, "a part is `part NAME`"));
                };
                let end = self.end_of(at);
                self.parts.insert(name, (at + 1, end));
            }
        }
        Ok(())
    }

    /// Where what stands under a line ends.
    fn end_of(&self, at: usize) -> usize {
        let depth = self.lines[at].depth;
        let under = self.lines[at + 1..].iter().position(|line| line.depth <= depth);
        under.map_or(self.lines.len(), |count| at + 1 + count)
    }

    /// Reads the lines from `at` to `end`, which stand at `depth`.
    fn places(
        &mut self,
        mut at: usize,
        end: usize,
        depth: usize,
        into: &mut Vec<Place>,
        nesting: usize,
    ) -> Result<(), TableError> {
        if nesting > MAX_NESTING {
            return Err(wrong(self.lines[at].number, "stands too deep, or includes itself"));
        }
        while at < end {
            let next = self.end_of(at).min(end);
            let number = self.lines[at].number;
            let words = self.lines[at].words.clone();
            if self.lines[at].depth != depth {
                return Err(wrong(number, "is further in than the line before allows"));
            }
            match words[..] {
                ["part", ..] => {}
                ["include", name] => {
                    let Some(&(from, to)) = self.parts.get(name) else {
                        return Err(wrong(number, "includes a part that there is not"));
                    };
                    self.places(from, to, 1, into, nesting + 1)?;
                }
                ["loop", id, required, max, ref rest @ ..] => {
                    if let Some(place) = self.a_loop(id, (required, max), rest, (at + 1, next), nesting)? {
                        into.push(place);
                    }
                }
                [tag, required, max, ref rest @ ..] => {
                    if next != at + 1 {
                        return Err(wrong(number, "is no loop: nothing can stand under it"));
                    }
                    let (only, tag) =
                        only(tag).ok_or_else(|| wrong(number, "has a condition like `[01=ST|BT]`"))?;
                    let (required, max) = usage(required, max).ok_or_else(|| wrong(number, USAGE))?;
                    let options = Options::read(rest, self.version).ok_or_else(|| wrong(number, OPTIONS))?;
                    if options.holds {
                        let key = options.key.unwrap_or(tag).to_owned();
                        into.push(Place {
                            key,
                            tag: tag.to_owned(),
                            only,
                            required,
                            max,
                            position: 0,
                            opens: None,
                        });
                    }
                }
                _ => return Err(wrong(number, "is neither a segment nor a loop")),
            }
            at = next;
        }
        Ok(())
    }

    fn a_loop(
        &mut self,
        id: &str,
        (required, max): (&str, &str),
        rest: &[&'t str],
        (from, to): (usize, usize),
        nesting: usize,
    ) -> Result<Option<Place>, TableError> {
        let number = self.lines[from - 1].number;
        let depth = self.lines[from - 1].depth + 1;
        let (required, max) = usage(required, max).ok_or_else(|| wrong(number, USAGE))?;
        let options = Options::read(rest, self.version).ok_or_else(|| wrong(number, OPTIONS))?;
        if !options.holds {
            return Ok(None);
        }
        let index = self.loops.len();
        let (tree, detail) = (options.tree, options.detail || options.tree);
        self.loops.push(Loop { id: options.id.unwrap_or(id).into(), places: Vec::new(), tree, detail });
        let mut places = Vec::new();
        self.places(from, to, depth, &mut places, nesting + 1)?;
        let key = format!("loop_{}", options.key.unwrap_or(id));
        let Some(first) = places.first().cloned() else { return Err(wrong(number, "is a loop of nothing")) };
        if first.opens.is_some() {
            return Err(wrong(number, "begins with a loop: a segment must open it"));
        }
        let place =
            Place { key, tag: first.tag, only: first.only, required, max, position: 0, opens: Some(index) };
        if options.tree {
            places.push(Place { required: false, max: UNBOUNDED, ..place.clone() });
        }
        finish(&mut places, number)?;
        self.loops[index].places = places;
        Ok(Some(place))
    }
}

/// Checks the keys of a loop, and counts its positions.
fn finish(places: &mut [Place], number: usize) -> Result<(), TableError> {
    let mut keys = BTreeSet::new();
    if let Some(twice) = places.iter().find(|place| !keys.insert(&place.key)) {
        return Err(wrong(number, &format!("has two places named {}: name one with `as=`", twice.key)));
    }
    let mut position = 0;
    for at in 1..places.len() {
        let (before, place) = (&places[at - 1], &places[at]);
        let free = before.opens.is_some() && place.opens.is_some() && before.tag == place.tag;
        position += usize::from(!free);
        places[at].position = position;
    }
    Ok(())
}

const USAGE: &str = "needs `M` or `O`, and a number or `>1`";
const OPTIONS: &str = "has a word that means nothing: it can be `as=…`, `id=…`, `detail`, `tree`, `from VERSION`, `before VERSION`";

fn usage(required: &str, max: &str) -> Option<(bool, u32)> {
    let required = match required {
        "M" => true,
        "O" => false,
        _ => return None,
    };
    let max = if max == ">1" { UNBOUNDED } else { max.parse().ok().filter(|&max| max > 0)? };
    Some((required, max))
}

type Only = Option<(usize, Vec<String>)>;

fn only(text: &str) -> Option<(Only, &str)> {
    let Some((tag, rest)) = text.split_once('[') else { return Some((None, text)) };
    let (element, values) = rest.strip_suffix(']')?.split_once('=')?;
    let values = values.split('|').map(ToOwned::to_owned).collect();
    Some((Some((element.parse().ok()?, values)), tag))
}

#[derive(Default)]
struct Options<'t> {
    key: Option<&'t str>,
    id: Option<&'t str>,
    tree: bool,
    detail: bool,
    holds: bool,
}

impl<'t> Options<'t> {
    fn read(words: &[&'t str], version: &str) -> Option<Self> {
        let mut options = Self { holds: true, ..Self::default() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match (*word, word.split_once('=')) {
                (_, Some(("as", key))) => options.key = Some(key),
                (_, Some(("id", id))) => options.id = Some(id),
                ("tree", None) => options.tree = true,
                ("detail", None) => options.detail = true,
                ("from", None) => options.holds &= version >= *words.next()?,
                ("before", None) => options.holds &= version < *words.next()?,
                _ => return None,
            }
        }
        Some(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Grammar, TableError> {
        read("850", "850", "005010", text)
    }

    #[test]
    fn a_table_becomes_a_grammar() {
        let grammar = table(
            "part name\n  N1[01=ST|BT] M 1\n  N3 O 2\n# remark\nBEG M 1\nloop N1 O 200 id=0100\n  include name\nREF O >1 before 005010\nREF O 9 from 005010 as=REF_late\nloop HL M 5 tree\n  HL M 1\n",
        )
        .unwrap();
        let root = &grammar.loops[0];
        let keys: Vec<_> =
            root.places.iter().map(|place| (place.key.as_str(), place.max, place.required)).collect();
        assert_eq!(
            keys,
            [("BEG", 1, true), ("loop_N1", 200, false), ("REF_late", 9, false), ("loop_HL", 5, true)]
        );
        assert_eq!(root.places[1].only, Some((1, vec!["ST".into(), "BT".into()])));
        assert_eq!(grammar.loops[1].id, "0100");
        let hl = &grammar.loops[root.places[3].opens.unwrap()];
        assert_eq!((hl.tree, hl.places[1].opens), (true, root.places[3].opens));
        assert_eq!(grammar.tags, ["BEG", "HL", "N1", "N3", "REF"]);
        assert!(grammar.knows("N3") && !grammar.knows("ZZZ"));
    }

    #[test]
    fn a_wrong_table_says_where() {
        for (text, line, what) in [
            ("BEG M 1\nREF X 1\n", 2, "needs `M`"),
            ("BEG M 0\n", 1, "needs `M`"),
            ("BEG M 1 soon\n", 1, "means nothing"),
            ("BEG M 1\n  REF O 1\n", 1, "no loop"),
            ("loop N1 O 1\n", 1, "of nothing"),
            ("loop N1 O 1\n  loop N2 O 1\n    N2 M 1\n", 1, "begins with a loop"),
            ("include x\n", 1, "there is not"),
            ("part x\n  A1 M 1\n  include x\ninclude x\n", 2, "too deep"),
            ("REF O 1\nREF O 1\n", 1, "two places named REF"),
            (" BEG M 1\n", 1, "odd number"),
            ("N1[x] M 1\n", 1, "condition"),
            ("BEG\n", 1, "neither"),
            ("# nothing\n", 1, "says nothing"),
        ] {
            let error = table(text).unwrap_err();
            assert!(error.line == line && error.problem.contains(what), "{text:?}: {error}");
        }
    }
}
