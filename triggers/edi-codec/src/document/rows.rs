//! A document's segments, from its JSON. What must hold: what [`crate::document::Reader`] made of segments gives just those again; what a workflow
//! wrote is put in the order of the grammar, whatever the order of its keys; anything else is an error that says where.

use serde_json::{Map, Value};

use crate::document::grammar::{Grammar, Place};
use crate::document::row::Row;
use crate::document::write::{ORDER, SEGMENTS, UNEXPECTED, prefix};

/// How deep loops may nest in a document that is written.
const MAX_DEPTH: usize = 64;
/// How many elements a segment may have, components a composite: numbers beyond are refused rather than filled up to.
pub(super) const MAX_PARTS: usize = 9_999;

/// Why a document is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {problem}")]
pub struct DocumentError {
    /// Where: `loop_PO1[0].PO1.PO102`.
    pub at: String,
    /// What is wrong there, and what is expected.
    pub problem: String,
}

/// Calls `each` for every segment of a document of this grammar (none: of a set that has none), in the order in which they are sent.
pub fn rows(
    document: &Value,
    grammar: Option<&Grammar>,
    each: &mut dyn FnMut(&Row),
) -> Result<(), DocumentError> {
    let mut walk = Walk { grammar, each, row: Row::default(), path: Vec::new() };
    // A set without places may come for one that has a grammar: then it is written as it stands.
    match grammar {
        Some(grammar) if document.get(SEGMENTS).is_none() => walk.places(document, &grammar.at(0).places),
        _ => walk.free(document),
    }
}

struct Walk<'w> {
    grammar: Option<&'w Grammar>,
    each: &'w mut dyn FnMut(&Row),
    row: Row,
    path: Vec<String>,
}

type Done = Result<(), DocumentError>;
/// How the first part of a repetition is added.
type Add = for<'r> fn(&'r mut Row, &str) -> &'r mut Row;

impl Walk<'_> {
    fn fail<T>(&self, problem: impl Into<String>) -> Result<T, DocumentError> {
        let at = if self.path.is_empty() { "document".to_owned() } else { self.path.join(".") };
        Err(DocumentError { at, problem: problem.into() })
    }

    fn within(&mut self, step: impl Into<String>, walk: impl FnOnce(&mut Self) -> Done) -> Done {
        if self.path.len() >= MAX_DEPTH * 2 {
            return self.fail("nests too deep");
        }
        self.path.push(step.into());
        let done = walk(self);
        self.path.pop();
        done
    }

    fn object<'v>(&self, value: &'v Value) -> Result<&'v Map<String, Value>, DocumentError> {
        match value.as_object() {
            Some(object) => Ok(object),
            None => self.fail("is not an object"),
        }
    }

    /// A loop of the grammar, or the set itself.
    fn places(&mut self, value: &Value, places: &[Place]) -> Done {
        let object = self.object(value)?;
        if let Some(order) = object.get(ORDER) {
            return self.ordered(object, order, places);
        }
        for key in object.keys() {
            if key == UNEXPECTED {
                return self.fail("has `unexpected` without `order`: nothing says where it stands");
            }
            if !places.iter().any(|place| place.key == *key) {
                let known: Vec<&str> = places.iter().map(|place| place.key.as_str()).collect();
                return self.fail(format!(
                    "has `{key}`, which does not stand here; here can stand {}",
                    known.join(", ")
                ));
            }
        }
        for place in places {
            match object.get(&place.key) {
                None | Some(Value::Null) => {}
                Some(Value::Array(items)) => {
                    for (index, item) in items.iter().enumerate() {
                        self.within(format!("{}[{index}]", place.key), |walk| walk.one(item, place))?;
                    }
                }
                Some(item) => self.within(place.key.as_str(), |walk| walk.one(item, place))?,
            }
        }
        Ok(())
    }

    fn one(&mut self, value: &Value, place: &Place) -> Done {
        match (place.opens, self.grammar) {
            (Some(kind), Some(grammar)) => self.places(value, &grammar.at(kind).places),
            _ => self.segment(&place.tag, value),
        }
    }

    /// A loop that says itself in which order its parts stand.
    fn ordered(&mut self, object: &Map<String, Value>, order: &Value, places: &[Place]) -> Done {
        let Some(order) = order.as_array() else {
            return self.fail("has an `order` that is no list of keys");
        };
        let mut used: Map<String, Value> = Map::new();
        for (number, key) in order.iter().enumerate() {
            let Some(key) = key.as_str() else {
                return self.fail(format!("has an `order` whose entry {number} is no key"));
            };
            let count = used.get(key).and_then(Value::as_u64).unwrap_or(0);
            let index = usize::try_from(count).unwrap_or(usize::MAX);
            used.insert(key.to_owned(), (count + 1).into());
            let item = match object.get(key) {
                Some(Value::Array(items)) => items.get(index),
                Some(item) if index == 0 => Some(item),
                _ => None,
            };
            let Some(item) = item else {
                return self
                    .fail(format!("has an `order` that names `{key}` {} times: there are fewer", count + 1));
            };
            let place = places.iter().find(|place| place.key == key);
            self.within(format!("{key}[{index}]"), |walk| match place {
                Some(place) => walk.one(item, place),
                None if key == UNEXPECTED => walk.entry(item, places),
                None => walk.fail("does not stand here"),
            })?;
        }
        for (key, value) in object {
            let there = value.as_array().map_or(1, Vec::len) as u64;
            let named = used.get(key).and_then(Value::as_u64).unwrap_or(0);
            if key != ORDER && !value.is_null() && named < there {
                return self.fail(format!(
                    "has {there} of `{key}`, and an `order` that names {named}: name all, or leave `order` out"
                ));
            }
        }
        Ok(())
    }

    /// A loop, or set, without grammar.
    fn free(&mut self, value: &Value) -> Done {
        let object = self.object(value)?;
        let Some(items) = object.get(SEGMENTS).and_then(Value::as_array) else {
            return self.fail("has no list `segments`, as a set without a grammar must");
        };
        if let Some(key) = object.keys().find(|key| *key != SEGMENTS) {
            return self.fail(format!("has `{key}` beside `segments`"));
        }
        for (index, item) in items.iter().enumerate() {
            self.within(format!("{SEGMENTS}[{index}]"), |walk| walk.entry(item, &[]))?;
        }
        Ok(())
    }

    /// A segment or loop as an object with one key.
    fn entry(&mut self, value: &Value, places: &[Place]) -> Done {
        let object = self.object(value)?;
        let (Some((key, inner)), 1) = (object.iter().next(), object.len()) else {
            return self.fail("is not an object with one key, the tag of a segment or the name of a loop");
        };
        // A segment has elements, or nothing; a loop has a segment at least.
        let has_elements = |object: &Map<String, Value>| {
            object
                .keys()
                .all(|own| own.strip_prefix(prefix(key)).is_some_and(|digits| number(digits).is_some()))
        };
        let is_loop = inner.as_object().is_some_and(|object| !has_elements(object));
        let place = places.iter().find(|place| is_loop && place.key == *key && place.opens.is_some());
        self.within(key.as_str(), |walk| match place {
            _ if inner.get(SEGMENTS).is_some() => walk.free(inner),
            Some(place) => walk.one(inner, place),
            None => walk.segment(key, inner),
        })
    }

    fn segment(&mut self, tag: &str, value: &Value) -> Done {
        let object = self.object(value)?;
        let mut elements: Vec<(usize, &Value)> = Vec::with_capacity(object.len());
        for (key, value) in object {
            let number = key.strip_prefix(prefix(tag)).filter(|digits| digits.len() >= 2).and_then(number);
            match number {
                _ if value.is_null() => {}
                Some(number) => elements.push((number, value)),
                None => {
                    return self.fail(format!("has `{key}`: its elements are named `{tag}01`, `{tag}02`, …"));
                }
            }
        }
        elements.sort_unstable_by_key(|(number, _)| *number);
        let mut row = std::mem::take(&mut self.row);
        row.start(tag);
        let mut done = 0;
        for (number, value) in elements {
            for _ in done + 1..number {
                row.element("");
            }
            done = number;
            self.within(format!("{tag}{number:02}"), |walk| walk.element(&mut row, value))?;
        }
        (self.each)(&row);
        self.row = row;
        Ok(())
    }

    fn element(&mut self, row: &mut Row, value: &Value) -> Done {
        let Some(repetitions) = value.as_array() else { return self.repetition(row, value, Row::element) };
        let mut add: Add = Row::element;
        if repetitions.is_empty() {
            row.element("");
        }
        for (index, value) in repetitions.iter().enumerate() {
            self.within(format!("[{index}]"), |walk| walk.repetition(row, value, add))?;
            add = Row::repetition;
        }
        Ok(())
    }

    fn repetition(&mut self, row: &mut Row, value: &Value, add: Add) -> Done {
        let Some(components) = value.as_object() else {
            return self.text(value, |text| {
                add(row, text);
            });
        };
        let mut numbered: Vec<(usize, &Value)> = Vec::with_capacity(components.len());
        for (key, value) in components {
            match number(key) {
                _ if value.is_null() => {}
                Some(number) => numbered.push((number, value)),
                None => {
                    return self
                        .fail(format!("has `{key}`: the components of a composite are named `1`, `2`, …"));
                }
            }
        }
        numbered.sort_unstable_by_key(|(number, _)| *number);
        let (mut add, mut done): (Add, usize) = (add, 0);
        for (number, value) in numbered {
            for _ in done + 1..number {
                add(row, "");
                add = Row::component;
            }
            done = number;
            self.text(value, |text| {
                add(row, text);
            })?;
            add = Row::component;
        }
        if done == 0 {
            add(row, "");
        }
        Ok(())
    }

    fn text(&self, value: &Value, take: impl FnOnce(&str)) -> Done {
        match value {
            Value::String(text) => take(text),
            Value::Number(number) => take(&number.to_string()),
            Value::Null => take(""),
            _ => return self.fail("is neither text nor a number"),
        }
        Ok(())
    }
}

fn number(digits: &str) -> Option<usize> {
    let number = digits.parse().ok().filter(|number| (1..=MAX_PARTS).contains(number))?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::document::table;

    const TABLE: &str = "BEG M 1\nREF O >1\nloop PO1 O >1\n  PO1 M 1\n  DTM O 2\nSE M 1\n";

    fn text(document: &Value) -> Result<String, DocumentError> {
        let grammar = table::read("850", "850", "004010", TABLE).unwrap();
        let mut text = String::new();
        rows(document, Some(&grammar), &mut |row| {
            text.push_str(row.tag());
            for element in row.elements() {
                text.push('*');
                text.push_str(&element.iter().map(|one| one.join(":")).collect::<Vec<_>>().join("^"));
            }
            text.push('~');
        })?;
        Ok(text)
    }

    #[test]
    fn keys_come_in_the_order_of_the_grammar() {
        let document = json!({
            "SE": {}, "loop_PO1": [{"PO1": {"PO102": 10, "PO101": "1"}}, {"DTM": {"DTM02": "20260101"}, "PO1": {}}],
            "REF": {"REF01": "DP", "REF04": {"3": "c", "1": "a"}}, "BEG": {"BEG03": "A", "BEG04": null},
        });
        assert_eq!(text(&document).unwrap(), "BEG***A~REF*DP***a::c~PO1*1*10~PO1~DTM**20260101~SE~");
        let document = json!({
            "BEG": {}, "REF": [{"REF01": ["a", {"2": "b"}, ""]}, {"REF02": []}],
            "unexpected": [{"ZZ": {"ZZ01": "x"}}], "order": ["REF", "unexpected", "BEG", "REF"],
        });
        assert_eq!(text(&document).unwrap(), "REF*a^:b^~ZZ*x~BEG~REF**~");
        let document = json!({"segments": [{"ST": {"ST01": "850"}}, {"loop_HL": {"segments": [{"HL": {"HL01": "1"}}]}}]});
        assert_eq!(text(&document).unwrap(), "ST*850~HL*1~");
    }

    #[test]
    fn what_is_no_document_says_where() {
        for (document, at, problem) in [
            (json!([]), "document", "not an object"),
            (json!({"XYZ": {}}), "document", "here can stand BEG, REF, loop_PO1, SE"),
            (json!({"loop_PO1": [{}, {"CUR": {}}]}), "loop_PO1[1]", "has `CUR`"),
            (json!({"BEG": {"BEG1": "x"}}), "BEG", "named `BEG01`"),
            (json!({"BEG": {"BEG00": "x"}}), "BEG", "named `BEG01`"),
            (json!({"BEG": {"BEG+1": "x"}}), "BEG", "named `BEG01`"),
            (json!({"BEG": {"BEG01": true}}), "BEG.BEG01", "neither text"),
            (json!({"BEG": {"BEG01": [["x"]]}}), "BEG.BEG01.[0]", "neither text"),
            (json!({"BEG": {"BEG01": {"x": "y"}}}), "BEG.BEG01", "named `1`"),
            (json!({"BEG": {}, "unexpected": []}), "document", "without `order`"),
            (json!({"BEG": {}, "REF": [{}], "order": ["BEG"]}), "document", "name all"),
            (json!({"BEG": {}, "order": ["BEG", "BEG"]}), "document", "there are fewer"),
            (json!({"BEG": {}, "order": "BEG"}), "document", "no list"),
            (json!({"segments": [{"A": {}, "B": {}}]}), "segments[0]", "one key"),
            (json!({"segments": [], "BEG": {}}), "document", "beside"),
        ] {
            let error = text(&document).unwrap_err();
            assert!(error.at == at && error.problem.contains(problem), "{document}: {error}");
        }
    }
}
