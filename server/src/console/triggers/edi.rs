//! An EDI trigger on its pages, in words.

use super::edit::Options;
use super::form::Typed;
use crate::console::plugins::grouped;

pub(super) fn per() -> Options {
    &[
        ("set", "for each document (transaction set, message)"),
        ("interchange", "for all of its documents of an interchange together"),
    ]
}

pub(super) fn usages() -> Options {
    &[
        ("any", "start it too; a document says that it is a test"),
        ("production", "start nothing here"),
        ("test", "alone start it"),
    ]
}

/// In a list: whose documents, and which.
pub(super) fn what(typed: &Typed) -> String {
    let sets = typed.lines("sets").replace('\n', ", ");
    let sets = if sets.is_empty() { "every document".to_owned() } else { sets };
    match typed.get("partner") {
        "*" => format!("{sets} of every partner"),
        name => format!("{sets} of {name}"),
    }
}

/// What is set, in words.
pub(super) fn facts(typed: &Typed) -> Vec<(&'static str, String)> {
    let or = |text: String, none: &str| if text.is_empty() { none.to_owned() } else { text };
    let word = |options: Options, name: &str| {
        let chosen = typed.get(name);
        options.iter().find(|(word, _)| *word == chosen).map_or("", |(_, words)| words).to_owned()
    };
    let partner = match typed.get("partner") {
        "*" => "every partner".to_owned(),
        name => name.to_owned(),
    };
    vec![
        ("Partner", partner),
        ("Document types", or(typed.lines("sets").replace('\n', ", "), "every type")),
        ("It starts a run", word(per(), "per")),
        ("Versions", or(typed.lines("versions").replace('\n', ", "), "every version")),
        ("Test documents", word(usages(), "usage")),
        (
            "Largest delivery",
            format!("{} bytes", typed.get("max_body_bytes").parse().map(grouped).unwrap_or_default()),
        ),
    ]
}
