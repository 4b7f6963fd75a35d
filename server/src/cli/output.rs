//! What commands print: tables for people, JSON for programs. What must hold: what came from elsewhere cannot move the cursor or colour the
//! terminal, and a closed pipe ends the program quietly.

use std::io::Write as _;

use serde_json::Value;

use super::exit::CommandError;
use crate::view::harmless::{self, document, shown};

/// A column of a table: its head, and where its value is (a JSON pointer, RFC 6901).
pub type Column = (&'static str, &'static str);

/// Where and how a command prints.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// JSON instead of text.
    pub json: bool,
}

impl Output {
    /// One line as it is.
    pub fn line(self, text: &str) -> Result<(), CommandError> {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Bytes as they are.
    pub fn bytes(self, bytes: &[u8]) -> Result<(), CommandError> {
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            // `factotum run list | head`: nobody reads on.
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other?),
        }
    }

    /// One item of a list without end: a line of JSON, or of cells, each at least as wide as its column says. Whether anybody reads on.
    pub fn row(self, item: &Value, columns: &[Column], widths: &[usize]) -> Result<bool, CommandError> {
        let line = if self.json {
            harmless::json(item)
        } else {
            let cells = columns.iter().map(|(_, at)| item.pointer(at).map(cell).unwrap_or_default());
            let widths = widths.iter().copied().chain(std::iter::repeat(0));
            let padded: Vec<String> =
                cells.zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            padded.join("  ").trim_end().to_owned()
        };
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdout.flush()) {
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
            written => Ok(written.map(|()| true)?),
        }
    }

    /// A JSON document, indented.
    pub fn document(self, value: &Value) -> Result<(), CommandError> {
        self.line(&document(&serde_json::to_string_pretty(value).unwrap_or_default()))
    }

    /// A list: as `{"items": […], "next": …}`, or as a table.
    pub fn list(self, list: &Value, columns: &[Column]) -> Result<(), CommandError> {
        if self.json {
            return self.document(list);
        }
        let items = list["items"].as_array().map_or(&[][..], Vec::as_slice);
        let rows: Vec<Vec<String>> = items
            .iter()
            .map(|item| {
                columns.iter().map(|(_, at)| item.pointer(at).map(cell).unwrap_or_default()).collect()
            })
            .collect();
        self.bytes(table(&columns.iter().map(|(head, _)| *head).collect::<Vec<_>>(), &rows).as_bytes())
    }

    /// One thing: as JSON, or a line per field.
    pub fn thing(self, value: &Value) -> Result<(), CommandError> {
        if self.json {
            return self.document(value);
        }
        let Some(fields) = value.as_object() else { return self.line(&cell(value)) };
        let width = fields.keys().map(|k| k.chars().count()).max().unwrap_or(0);
        let set = fields.iter().filter(|(_, v)| !v.is_null());
        let lines: Vec<String> = set.map(|(k, v)| format!("{:width$}  {}\n", harmless(k), cell(v))).collect();
        self.bytes(lines.concat().as_bytes())
    }
}

/// A value on one line.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => harmless(text),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().map(cell).collect::<Vec<_>>().join(" ")
        }
        other => harmless(&other.to_string()),
    }
}

/// A text whose control characters are shown, not obeyed.
pub fn harmless(text: &str) -> String {
    shown(text).into_owned()
}

fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(i, head)| rows.iter().map(|r| r[i].chars().count()).chain([head.len()]).max().unwrap_or(0))
        .collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let head = line(heads.to_vec());
    rows.iter().fold(head, |text, row| text + &line(row.iter().map(String::as_str).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_cannot_be_moved_by_what_it_shows() {
        assert_eq!(harmless("a\u{1b}[31mb\r\nc\u{202e}d"), "a\\u{1b}[31mb\\r\\nc\\u{202e}d");
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["run_1".to_owned(), "x".to_owned()], vec!["r".to_owned(), "succeeded".to_owned()]];
        assert_eq!(table(&["ID", "STATE"], &rows), "ID     STATE\nrun_1  x\nr      succeeded\n");
    }
}
