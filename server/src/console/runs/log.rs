//! What a run logged, line by line, and what it goes on to log. What must hold: a line is shown and never obeyed; a page has a bounded number of lines,
//! and says where the others are.

use askama::Template;
use axum::extract::{Path, RawQuery};
use http::StatusCode;
use serde_json::Value;

use super::HERE;
use super::row::{cut, duration};
use crate::api::routes::State;
use crate::console::Shown;
use crate::console::fields::Fields;
use crate::console::frame::Frame;
use crate::console::page::page;
use crate::console::refusal::Refusal;
use crate::console::viewer::Viewer;
use crate::operations::Services;
use crate::operations::run::{self, Line};

/// How many lines stand on the page of a run.
pub const LINES_OF_A_RUN: usize = 100;
/// How many stand on a page of the log alone.
const LINES_OF_A_PAGE: usize = 200;
/// How much of a line is shown, in characters.
const MAX_LINE_CHARS: usize = 1_000;
/// How many fields of a line, and how much of each.
const MAX_FIELDS: usize = 16;
const MAX_FIELD_CHARS: usize = 200;

/// Where a reader of a log is: an attempt, and how many of its lines were read.
pub type Place = (u32, usize);

/// A part of a log.
#[derive(Debug, Default)]
pub struct Log {
    /// The run.
    pub run: String,
    /// The lines.
    pub lines: Vec<ShownLine>,
    /// How many lines before them are left out.
    pub left_out: usize,
    /// Where the next part begins, `2.57`.
    pub place: String,
    /// Whether there are more lines now.
    pub more: bool,
    /// Whether more may come.
    pub goes_on: bool,
}

/// A line as it is shown.
#[derive(Debug)]
pub struct ShownLine {
    /// Its attempt.
    pub attempt: u32,
    /// Whether it is the first of its attempt.
    pub first: bool,
    /// When, since the attempt's beginning.
    pub at: String,
    /// trace, debug, info, warn or error.
    pub level: &'static str,
    /// The text.
    pub message: String,
    /// Named values beside it.
    pub fields: Vec<(String, String)>,
}

const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];

/// A line for people.
fn shown(line: &Line, first: bool) -> ShownLine {
    let own = &line.line;
    let level = own["level"].as_str().unwrap_or_default();
    let all = own["fields"].as_object();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let some = all.into_iter().flatten().take(MAX_FIELDS);
    let at = std::time::Duration::from_millis(own["at_ms"].as_u64().unwrap_or_default());
    ShownLine {
        attempt: line.attempt,
        first,
        at: duration(at),
        level: LEVELS.into_iter().find(|known| *known == level).unwrap_or("info"),
        message: cut(own["message"].as_str().unwrap_or_default(), MAX_LINE_CHARS),
        fields: some.map(|(name, value)| (cut(name, 60), cut(&text(value), MAX_FIELD_CHARS))).collect(),
    }
}

/// Which lines of those that were read.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    /// The last so many.
    Last(usize),
    /// The first so many.
    First(usize),
}

/// These lines as a part of the log of a run.
pub fn part(id: &str, mut lines: Vec<Line>, from: Place, which: Which, goes_on: bool) -> Log {
    let all = lines.len();
    let (mut left_out, mut more) = (0, false);
    match which {
        Which::Last(most) => {
            left_out = all.saturating_sub(most);
            lines.drain(..left_out);
        }
        Which::First(most) => {
            more = all > most;
            lines.truncate(most);
        }
    }
    let place = lines.last().map_or(from, |line| (line.attempt, line.number + 1));
    let lines = lines.iter().map(|line| shown(line, line.number == 0)).collect();
    let run = id.to_owned();
    Log { run, lines, left_out, place: format!("{}.{}", place.0, place.1), more, goes_on }
}

fn place(text: &str) -> Option<Place> {
    let (attempt, lines) = text.split_once('.')?;
    Some((attempt.parse().ok()?, lines.parse().ok()?))
}

#[derive(Template)]
#[template(path = "runs/log_page.html")]
struct LogPage {
    frame: Frame,
    id: String,
    log: Log,
}

/// The log alone, from a place on.
pub async fn show(
    services: State,
    viewer: Viewer,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Shown {
    let from = place(&Fields::of_query(query.as_deref()).text("after")).unwrap_or((0, 0));
    let log = read(&services, &viewer, &id, from).await?;
    let frame = viewer.frame("Log of a run", HERE);
    Ok(page(StatusCode::OK, &LogPage { frame, id, log }))
}

async fn read(services: &Services, viewer: &Viewer, id: &str, from: Place) -> Result<Log, Refusal> {
    // The state first: what is logged between the two is found by the next look.
    let goes_on = !run::get(services, &viewer.caller, id).await?.state.is_terminal();
    let lines = run::logs(services, &viewer.caller, id, from).await?;
    Ok(part(id, lines, from, Which::First(LINES_OF_A_PAGE), goes_on))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(n: usize) -> Vec<Line> {
        let line = |number| json!({"at_ms": 5, "level": "warn", "message": format!("{number}\u{1b}[2J"), "fields": {"a": "b\n"}});
        (0..n).map(|number| Line { attempt: 2, number, line: line(number) }).collect()
    }

    #[test]
    fn a_part_says_what_is_before_and_after_it() {
        let last = part("run_1", lines(10), (0, 0), Which::Last(3), true);
        assert_eq!((last.lines.len(), last.left_out, last.place.as_str(), last.more), (3, 7, "2.10", false));
        let first = part("run_1", lines(10), (2, 0), Which::First(4), false);
        assert_eq!(
            (first.lines.len(), first.left_out, first.place.as_str(), first.more),
            (4, 0, "2.4", true)
        );
        assert_eq!(part("run_1", Vec::new(), (2, 4), Which::First(4), true).place, "2.4");
        assert_eq!((place("2.4"), place(""), place("a.b")), (Some((2, 4)), None, None));
    }

    #[test]
    fn a_line_is_shown_not_obeyed() {
        let log = part("run_1", lines(1), (0, 0), Which::Last(3), false);
        let line = &log.lines[0];
        assert_eq!((line.message.as_str(), line.level, line.first), ("0\\u{1b}[2J", "warn", true));
        assert_eq!(line.fields, [("a".to_owned(), "b\\n".to_owned())]);
    }
}
