//! What a component is, for people: its imports with what they are for, and what changed. What must hold: what is said of an import is what the host does
//! with it.

use factotum_model::{Action, capability, http_response};

use crate::operations::plugin::{Difference, Shape};

/// A component as a page shows it.
#[derive(Debug)]
pub struct ShapeView {
    /// Its world.
    pub world: String,
    /// What that means.
    pub world_words: &'static str,
    /// `65.3 kB (65 270 bytes)`
    pub size: String,
    /// `sha256:` and the digits.
    pub digest: String,
    /// What it exports.
    pub exports: Vec<String>,
    /// What it imports.
    pub imports: Vec<ImportView>,
    /// The grants that it may ask for.
    pub needs: Vec<String>,
    /// How it differs from the version before.
    pub difference: Option<DifferenceView>,
}

/// An import.
#[derive(Debug)]
pub struct ImportView {
    /// The interface, with its version.
    pub name: String,
    /// What it lets a component do.
    pub what: &'static str,
    /// The grants that it asks for.
    pub needs: Vec<String>,
    /// Whether the version before had it not.
    pub new: bool,
}

/// How it differs from the version before.
#[derive(Debug)]
pub struct DifferenceView {
    /// The version before.
    pub before: String,
    /// Whether the bytes are the same.
    pub same: bool,
    /// The world that it had, where that is another now.
    pub world: Option<String>,
    /// Grants asked for now, and no more.
    pub needs_added: Vec<String>,
    /// Those.
    pub needs_removed: Vec<String>,
    /// Imports that are new.
    pub imports_added: Vec<String>,
    /// Imports that are gone.
    pub imports_removed: Vec<String>,
    /// Exports that are new.
    pub exports_added: Vec<String>,
    /// Exports that are gone.
    pub exports_removed: Vec<String>,
    /// Whether only its inside changed.
    pub inside: bool,
    /// `1.2 kB larger`
    pub growth: String,
}

impl ShapeView {
    /// Of this shape, which differs so from the version before.
    pub fn of(shape: &Shape, difference: Option<Difference>) -> Self {
        let new = difference.as_ref().map(|d| d.imports_added.clone()).unwrap_or_default();
        let import = |name: &String| ImportView {
            name: name.clone(),
            what: what(name),
            needs: words(capability::needs(name)),
            new: new.contains(name),
        };
        Self {
            world_words: match shape.world.as_str() {
                "factotum:workflow" => "a workflow: called with an event, answers with an outcome",
                http_response::WORLD => {
                    "a handler of HTTP requests: called with a request, answers with a response"
                }
                _ => "a command: reads the event as JSON from its input, writes its answer to its output",
            },
            world: shape.world.clone(),
            size: format!("{} ({} bytes)", size(shape.size), grouped(shape.size)),
            digest: shape.digest.clone(),
            exports: shape.exports.clone(),
            imports: shape.imports.iter().map(import).collect(),
            needs: words(&shape.needs()),
            difference: difference.map(DifferenceView::from),
        }
    }
}

impl From<Difference> for DifferenceView {
    fn from(difference: Difference) -> Self {
        let inside = difference.is_inside_only();
        let by = size(difference.growth.unsigned_abs());
        Self {
            growth: match difference.growth {
                0 => "The same size.".to_owned(),
                1.. => format!("{by} larger."),
                ..0 => format!("{by} smaller."),
            },
            before: difference.before,
            same: difference.same,
            world: difference.world,
            needs_added: words(&difference.needs_added),
            needs_removed: words(&difference.needs_removed),
            imports_added: difference.imports_added,
            imports_removed: difference.imports_removed,
            exports_added: difference.exports_added,
            exports_removed: difference.exports_removed,
            inside,
        }
    }
}

fn words(actions: &[Action]) -> Vec<String> {
    actions.iter().map(ToString::to_string).collect()
}

/// What an interface lets a component do here.
fn what(import: &str) -> &'static str {
    let interface = import.split('@').next().unwrap_or_default();
    match interface {
        "factotum:workflow/kv" => "Reads and writes small durable stores",
        "factotum:workflow/workflows" => "Starts other workflows and waits for them",
        "factotum:workflow/log" | "wasi:cli/stderr" => "Writes to the run's log",
        "factotum:workflow/config" => "Reads the workflow's configuration",
        "factotum:workflow/run" => "Asks about its own run",
        "factotum:workflow/types" => "What events and outcomes look like",
        "wasi:http/outgoing-handler" => "Sends HTTP requests",
        "wasi:cli/stdin" => "Reads its input: the event",
        "wasi:cli/stdout" => "Writes its output: the answer",
        "wasi:cli/environment" => "Reads environment variables and arguments",
        _ => match interface.split('/').next().unwrap_or_default() {
            "wasi:http" => "What requests and answers look like",
            "wasi:filesystem" => "Files: no folder is open to it",
            "wasi:sockets" => "Network sockets: no address is open to it",
            "wasi:clocks" => "Asks what time it is",
            "wasi:random" => "Gets random numbers",
            "wasi:io" => "Moves bytes, and waits",
            "wasi:cli" => "What every command has",
            _ => "",
        },
    }
}

/// `65.3 kB`
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["bytes", "kB", "MB", "GB"];
    let mut unit = 0;
    let mut scale = 1_u64;
    while bytes / scale >= 1_000 && unit + 1 < UNITS.len() {
        scale *= 1_000;
        unit += 1;
    }
    if unit == 0 {
        return format!("{bytes} {}", UNITS[0]);
    }
    let tenths = bytes / (scale / 10);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// `65 270`
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_can_be_read() {
        let shown = [0, 999, 1_000, 65_270, 67_108_864].map(size);
        assert_eq!(shown, ["0 bytes", "999 bytes", "1.0 kB", "65.2 kB", "67.1 MB"]);
        assert_eq!([7, 1_000, 67_108_864].map(grouped), ["7", "1\u{a0}000", "67\u{a0}108\u{a0}864"]);
    }
}
