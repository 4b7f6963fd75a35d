//! Our dialect against the rows of Cronos's own tests. What must hold: each row either agrees or belongs to a class that
//! docs/schedule-dialect.md lists with its reason, and a row of a class differs just as its reason says.

#![expect(clippy::print_stderr, reason = "a skipped corpus and an unexplained row must be seen")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use factotum_model::Timestamp;
use factotum_model::trigger::ScheduleConfig;
use factotum_schedule::Schedule;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// Rows per class, as docs/schedule-dialect.md says.
const EXPECTED: [(&str, usize); 7] = [
    ("same", 937),
    ("day of month or day of week", 20),
    ("every hour in a gap", 2),
    ("asked at the end of a gap", 2),
    ("refused: days before the last", 87),
    ("refused: hashed", 20),
    ("refused: question mark outside the days", 2),
];

#[derive(Clone)]
struct Row {
    zone: String,
    expression: String,
    from: Moment,
    expected: Moment,
    inclusive: bool,
    line: usize,
}

/// A time as the corpus writes it: maybe without date, maybe without offset.
#[derive(Clone, Copy)]
struct Moment {
    at: jiff::Timestamp,
    dated: bool,
}

fn moment(text: &str, zone: &TimeZone) -> Moment {
    let parts: Vec<&str> = text.split(' ').collect();
    let (date, rest) = match parts[0].parse::<Date>() {
        Ok(date) => (Some(date), &parts[1..]),
        Err(_) => (None, &parts[..]),
    };
    let time: Time = rest.first().map_or(Time::midnight(), |t| t.parse().expect("a time"));
    let local = DateTime::from_parts(date.unwrap_or(Date::constant(2016, 12, 9)), time);
    let at = match rest.get(1) {
        Some(offset) => format!("{local}{offset}").parse().expect("a time with offset"),
        None => zone.to_timestamp(local).expect("a time in the zone"),
    };
    Moment { at, dated: date.is_some() }
}

/// What our dialect makes of a row: the next time, `None` for never, or why it refuses.
fn ours(row: &Row, expression: &str) -> Result<Option<jiff::Timestamp>, String> {
    let config: ScheduleConfig =
        serde_json::from_value(serde_json::json!({"cron": expression, "timezone": row.zone}))
            .expect("a config");
    let schedule = Schedule::parse(&config).map_err(|e| e.to_string())?;
    let from = Timestamp::from_micros(row.from.at.as_microsecond());
    // The corpus counts in tenths of a microsecond, we in microseconds.
    let round = row.from.at.subsec_nanosecond() % 1000 == 0;
    let from = if row.inclusive && round { Timestamp::from_micros(from.as_micros() - 1) } else { from };
    Ok(schedule
        .next_after(from)
        .map(|at| jiff::Timestamp::from_microsecond(at.as_micros()).expect("in range")))
}

fn agrees(row: &Row, found: Option<jiff::Timestamp>) -> bool {
    let Some(found) = found else { return false };
    if row.expected.dated || found == row.expected.at {
        return found == row.expected.at;
    }
    // Without date and earlier than `from`: the day after.
    row.expected.at < row.from.at && found.duration_since(row.expected.at).as_hours() == 24
}

/// The row's class, its reason checked.
fn class(row: &Row) -> &'static str {
    let text = row.expression.to_uppercase();
    let found = match ours(row, &row.expression) {
        Ok(found) => found,
        Err(e) if text.contains("L-") && e.to_uppercase().contains("DAY OF MONTH `L-") => {
            return "refused: days before the last";
        }
        Err(e) if text.contains("H/") && e.contains("minute `H/") => return "refused: hashed",
        Err(e) if text.starts_with('?') && e.contains(" `?`") => {
            return "refused: question mark outside the days";
        }
        Err(e) => return row.unexplained(&e),
    };
    if agrees(row, found) {
        return "same";
    }
    // With croner's `+` the two day fields are joined as Cronos joins them.
    let mut fields: Vec<&str> = row.expression.split_ascii_whitespace().collect();
    let joined = format!("+{}", fields.pop().unwrap_or_default());
    let joined = fields.into_iter().chain([joined.as_str()]).collect::<Vec<_>>().join(" ");
    if ours(row, &joined).is_ok_and(|found| agrees(row, found)) {
        return "day of month or day of week";
    }
    // Cronos fires right after the gap; with every hour we go on with the next that the clock shows.
    let jump = row.expected.at.to_zoned(row.zone()).duration_since(&row.from.at.to_zoned(row.zone()));
    if text.split_ascii_whitespace().nth(2) == Some("*")
        && jump.as_mins() < 60
        && found > Some(row.expected.at)
    {
        return "every hour in a gap";
    }
    // Where `from` is the end of a gap, `inclusive` cannot say whether what the gap held was fired already.
    let exclusive = Row { inclusive: false, ..row.clone() };
    if found == Some(row.from.at) && ours(&exclusive, &row.expression).is_ok_and(|found| agrees(row, found)) {
        return "asked at the end of a gap";
    }
    row.unexplained(&format!("found {found:?}"))
}

impl Row {
    fn zone(&self) -> TimeZone {
        TimeZone::get(&self.zone).expect("a zone")
    }

    fn unexplained(&self, why: &str) -> &'static str {
        eprintln!("line {}: `{}` in {}: {why}", self.line, self.expression, self.zone);
        "unexplained"
    }
}

fn rows() -> Option<Vec<Row>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/cron/cronos-next.tsv");
    let text = std::fs::read_to_string(path).ok()?;
    let rows = text.lines().enumerate().skip(1).map(|(at, line)| {
        let fields: Vec<&str> = line.split('\t').collect();
        let zone = TimeZone::get(fields[0]).expect("a zone");
        Row {
            zone: fields[0].to_owned(),
            expression: fields[1].to_owned(),
            from: moment(fields[2], &zone),
            expected: moment(fields[3], &zone),
            inclusive: fields[4] == "true",
            line: at + 1,
        }
    });
    Some(rows.collect())
}

#[test]
fn every_row_agrees_or_differs_for_a_known_reason() {
    let Some(rows) = rows() else {
        eprintln!("skipped: the corpus ../shared/corpora/cron/cronos-next.tsv is not here");
        return;
    };
    let mut classes = BTreeMap::<&str, usize>::new();
    for row in &rows {
        *classes.entry(class(row)).or_default() += 1;
    }
    assert_eq!(classes, EXPECTED.into_iter().collect());
}
