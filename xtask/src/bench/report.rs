//! The figures: collected in order, shown as a table, written as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// One line of the table.
struct Line {
    group: String,
    name: String,
    figures: Value,
}

/// All of them.
#[derive(Default)]
pub struct Report {
    lines: Vec<Line>,
}

impl Report {
    /// Adds a line; `figures` is an object of numbers or texts.
    pub fn add(&mut self, group: &str, name: &str, figures: Value) {
        self.lines.push(Line { group: group.to_owned(), name: name.to_owned(), figures });
    }

    /// As text, for people.
    pub fn table(&self) -> String {
        let mut text = String::from("\n");
        for line in &self.lines {
            let cells: Vec<String> = line
                .figures
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| match value.as_f64() {
                    Some(number) => format!("{name} {}", short(number)),
                    None => format!("{name} {}", value.as_str().unwrap_or_default()),
                })
                .collect();
            let _ = writeln!(text, "{:<10} {:<44} {}", line.group, line.name, cells.join("  "));
        }
        text
    }

    /// As JSON, for programs.
    pub fn json(&self) -> String {
        let lines: Vec<Value> = self
            .lines
            .iter()
            .map(|line| json!({"group": line.group, "name": line.name, "figures": line.figures}))
            .collect();
        format!("{:#}\n", json!({ "lines": lines }))
    }
}

fn short(number: f64) -> String {
    if number.fract() == 0.0 || number.abs() >= 100.0 {
        format!("{number:.0}")
    } else {
        format!("{number:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_what_was_added_and_json_keeps_it() {
        let mut report = Report::default();
        report.add("machine", "fdatasync", json!({"per_second": 3012.4, "p50_us": 12.34, "none": null}));
        let table = report.table();
        assert!(
            table.contains("machine") && table.contains("per_second 3012") && table.contains("p50_us 12.3")
        );
        assert!(!table.contains("none"));
        let read: Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(read["lines"][0]["figures"]["per_second"], 3012.4);
    }
}
