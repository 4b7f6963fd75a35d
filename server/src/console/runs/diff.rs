//! What differs between two JSON values, path by path (RFC 6901). What must hold: the list is bounded, and says when it is cut; every text is shown,
//! none obeyed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::row::cut;
use crate::view::harmless;

/// How many differences are listed.
pub const MAX_DIFFERENCES: usize = 100;
/// How much of a value is shown, in characters.
const MAX_VALUE_CHARS: usize = 200;
/// How much of a path is shown, in characters.
const MAX_PATH_CHARS: usize = 200;

/// A difference.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where: `/items/3/name`.
    pub path: String,
    /// What is there in the first; none if nothing is.
    pub a: Option<String>,
    /// What is there in the second.
    pub b: Option<String>,
}

/// The differences, at most [`MAX_DIFFERENCES`] and one more, so that it is seen when there are more.
pub fn diff(a: &Value, b: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(&mut found, String::new(), a, b);
    found
}

fn walk(found: &mut Vec<Difference>, path: String, a: &Value, b: &Value) {
    if found.len() > MAX_DIFFERENCES || a == b {
        return;
    }
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let keys: BTreeSet<&String> = x.keys().chain(y.keys()).collect();
            for key in keys {
                let below = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                either(found, below, x.get(key), y.get(key));
            }
        }
        (Value::Array(x), Value::Array(y)) => {
            for at in 0..x.len().max(y.len()) {
                if found.len() > MAX_DIFFERENCES {
                    return;
                }
                either(found, format!("{path}/{at}"), x.get(at), y.get(at));
            }
        }
        _ => note(found, &path, Some(a), Some(b)),
    }
}

fn either(found: &mut Vec<Difference>, path: String, a: Option<&Value>, b: Option<&Value>) {
    match (a, b) {
        (Some(a), Some(b)) => walk(found, path, a, b),
        _ => note(found, &path, a, b),
    }
}

fn note(found: &mut Vec<Difference>, path: &str, a: Option<&Value>, b: Option<&Value>) {
    if found.len() <= MAX_DIFFERENCES {
        let path = if path.is_empty() { "the whole".to_owned() } else { cut(path, MAX_PATH_CHARS) };
        found.push(Difference { path, a: a.map(value), b: b.map(value) });
    }
}

fn value(value: &Value) -> String {
    match value {
        // Not written out as a whole to be cut then: it may have megabytes.
        Value::Array(items) if items.len() > MAX_VALUE_CHARS => format!("a list of {}", items.len()),
        Value::Object(fields) if fields.len() > MAX_VALUE_CHARS => format!("an object of {}", fields.len()),
        other => cut(&harmless::json(other), MAX_VALUE_CHARS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_difference_has_its_path() {
        let a = json!({"same": 1, "n": {"x/y": [1, 2]}, "gone": null, "t": "a"});
        let b = json!({"same": 1, "n": {"x/y": [1, 3, 4]}, "t": ["a"]});
        let one = |path: &str, a: Option<&str>, b: Option<&str>| Difference {
            path: path.into(),
            a: a.map(Into::into),
            b: b.map(Into::into),
        };
        let expected = [
            one("/gone", Some("null"), None),
            one("/n/x~1y/1", Some("2"), Some("3")),
            one("/n/x~1y/2", None, Some("4")),
            one("/t", Some("\"a\""), Some("[\"a\"]")),
        ];
        assert_eq!(diff(&a, &b), expected);
        assert_eq!(diff(&a, &a), []);
        assert_eq!(diff(&json!(1), &json!(2)), [one("the whole", Some("1"), Some("2"))]);
    }

    #[test]
    fn many_differences_are_cut() {
        let (a, b) = (json!(vec![0; 5_000]), json!(vec![1; 5_000]));
        assert_eq!(diff(&a, &b).len(), MAX_DIFFERENCES + 1);
        assert_eq!(diff(&json!(null), &b)[0].b.as_deref(), Some("a list of 5000"));
    }
}
