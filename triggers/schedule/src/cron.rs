//! Cron expressions as wall clock patterns, without a time zone: five, six or seven fields, or a name such as `@daily`.
//! What must hold: an expression that can never match is refused when it is read, and every refusal names the field.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use factotum_model::trigger::Dialect;
use jiff::civil::DateTime;

use crate::field::FIELDS;
use crate::plain::Plain;

/// The longest expression taken, in bytes.
pub const MAX_EXPRESSION_BYTES: usize = 512;

/// The names that stand for an expression.
const NAMES: [(&str, &str); 9] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
    ("@every_minute", "* * * * *"),
    ("@every_second", "* * * * * *"),
];

/// Why a text is not a cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Nothing, or more than [`MAX_EXPRESSION_BYTES`].
    #[error("a cron expression has 1 to {MAX_EXPRESSION_BYTES} bytes, this one has {0}")]
    Length(usize),
    /// Not a number of fields that means anything.
    #[error("a cron expression has 5, 6 (seconds first) or 7 fields (year last), this one has {0}")]
    FieldCount(usize),
    /// `@reboot` and its like.
    #[error(
        "`{0}` is not a name of a schedule; the names are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @every_minute, @every_second"
    )]
    Name(String),
    /// One field is wrong.
    #[error("{field} `{text}` is not understood ({problem}); allowed are {allowed}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What stands there.
        text: String,
        /// What is wrong with it.
        problem: String,
        /// What may stand there.
        allowed: String,
    },
    /// What the crate `cron` says of an expression in its dialect.
    #[error(
        "the dialect `cron` does not understand `{text}` ({problem}); it has 6 (seconds first) or 7 fields (year last), or a name such as @daily"
    )]
    Plain {
        /// What stands there.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Every field is right, but no day is ever like that: 30 February.
    #[error("`{0}` never matches: no such date exists")]
    Impossible(String),
}

/// How a schedule behaves where the wall clock is set forward or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nature {
    /// Seconds, minutes or hours are given by `*`, a range or a step: it goes on through a repeated hour.
    pub interval: bool,
    /// Every hour: what a missing hour leaves out, the next hour brings anyway.
    pub every_hour: bool,
}

/// A wall clock pattern.
#[derive(Clone)]
pub struct Expression {
    pattern: Pattern,
    pub(crate) nature: Nature,
}

#[derive(Clone)]
enum Pattern {
    Croner(Box<Cron>),
    Plain(Box<Plain>),
}

impl Expression {
    /// Reads an expression in the given dialect.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, CronError> {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_EXPRESSION_BYTES {
            return Err(CronError::Length(text.len()));
        }
        let (pattern, nature) = match dialect {
            Dialect::Croner => Self::croner(text)?,
            Dialect::Cron => Self::plain(text)?,
        };
        let expression = Self { pattern, nature };
        match expression.next(DateTime::constant(1970, 1, 1, 0, 0, 0, 0), true) {
            Some(_) => Ok(expression),
            None => Err(CronError::Impossible(shown(text))),
        }
    }

    fn plain(text: &str) -> Result<(Pattern, Nature), CronError> {
        let plain = Plain::parse(text)
            .map_err(|problem| CronError::Plain { text: shown(text), problem: first_line(&problem) })?;
        let hourly = text.eq_ignore_ascii_case("@hourly");
        let interval = hourly || text.split_ascii_whitespace().take(3).any(runs_through);
        let nature = Nature { interval, every_hour: plain.every_hour() };
        Ok((Pattern::Plain(Box::new(plain)), nature))
    }

    fn croner(text: &str) -> Result<(Pattern, Nature), CronError> {
        let written = expand_name(text)?;
        let mut fields: Vec<&str> = written.split_ascii_whitespace().collect();
        match fields.len() {
            5 => {
                fields.insert(0, "0");
                fields.push("*");
            }
            6 => fields.push("*"),
            7 => {}
            n => return Err(CronError::FieldCount(n)),
        }
        let rewritten = rewrite(&fields)?;
        let cron = parser()
            .parse(&rewritten.join(" "))
            .map_err(|e| fault(&fields, &rewritten).unwrap_or_else(|| refuse(0, text, &e.to_string())))?;
        let nature = Nature {
            interval: fields[..3].iter().any(|f| runs_through(f)),
            every_hour: cron.pattern.hours.count_set_values(1) == 24,
        };
        Ok((Pattern::Croner(Box::new(cron)), nature))
    }

    /// The first wall clock second that matches, from `from` on or, unless `inclusive`, after it; `None` if there is
    /// none before the year 5000.
    pub fn next(&self, from: DateTime, inclusive: bool) -> Option<DateTime> {
        match &self.pattern {
            Pattern::Croner(cron) => cron.find_next_occurrence(&from, inclusive).ok(),
            Pattern::Plain(plain) => plain.next(from, inclusive),
        }
    }
}

impl std::fmt::Debug for Expression {
    /// The pattern alone: croner's own form prints a number for each year up to 5000.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.pattern {
            Pattern::Croner(cron) => f.debug_tuple("Expression").field(&cron.as_str()).finish(),
            Pattern::Plain(plain) => plain.fmt(f),
        }
    }
}

/// Whether a field is an interval rather than a list of fixed values.
fn runs_through(field: &str) -> bool {
    field.contains(['*', '-', '/'])
}

/// The crate's message shows the expression with a mark below it: the first line says what there is to say.
fn first_line(message: &str) -> String {
    message
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .map_or_else(|| "it is malformed".to_owned(), shown)
}

/// Croner's parser as this dialect wants it: `10/5` means from 10 on, every 5.
fn parser() -> CronParser {
    CronParser::builder().seconds(Seconds::Required).year(Year::Required).sloppy_ranges(true).build()
}

fn expand_name(text: &str) -> Result<&str, CronError> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    NAMES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))
        .map(|(_, expression)| *expression)
        .ok_or_else(|| CronError::Name(shown(text)))
}

/// Rewrites each field as croner takes it.
fn rewrite(fields: &[&str]) -> Result<Vec<String>, CronError> {
    let rewritten = fields.iter().zip(&FIELDS).enumerate().map(|(at, (text, field))| {
        let plain = field.rewrite(text).map_err(|problem| refuse(at, text, problem))?;
        if plain.starts_with('/') { Err(refuse(at, text, "write `*/n`")) } else { Ok(plain) }
    });
    rewritten.collect()
}

/// Which field croner stumbled over: it doesn't say, so each is tried alone, with `*` for the others.
fn fault(fields: &[&str], rewritten: &[String]) -> Option<CronError> {
    rewritten.iter().enumerate().find_map(|(at, plain)| {
        let mut alone = ["*"; 7];
        alone[at] = plain;
        let error = parser().parse(&alone.join(" ")).err()?;
        Some(refuse(at, fields[at], &reason(&error.to_string())))
    })
}

fn refuse(at: usize, text: &str, problem: &str) -> CronError {
    let field = &FIELDS[at];
    CronError::Field {
        field: field.name,
        text: shown(text),
        problem: problem.to_owned(),
        allowed: field.allowed(),
    }
}

/// Croner's words, without the name of its error class and the full stop.
fn reason(message: &str) -> String {
    let text = message.split_once(": ").map_or(message, |(_, text)| text);
    text.trim_end_matches('.').to_owned()
}

/// At most 64 characters of what the user wrote: an error stays readable.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(64).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(expression: &str, from: &str) -> String {
        let from: DateTime = from.parse().unwrap();
        Expression::parse(expression, Dialect::Croner).unwrap().next(from, false).unwrap().to_string()
    }

    #[test]
    fn five_six_and_seven_fields_and_names() {
        for (expression, expected) in [
            ("*/5 * * * *", "2026-11-22T10:05:00"),
            ("30 */5 * * * *", "2026-11-22T10:00:30"),
            ("0 0 0 1 1 * 2030", "2030-01-01T00:00:00"),
            ("@daily", "2026-11-23T00:00:00"),
            ("@Hourly", "2026-11-22T11:00:00"),
            ("@weekly", "2026-11-29T00:00:00"),
            ("0 9 L * *", "2026-11-30T09:00:00"),
            ("0 9 LW * *", "2026-11-30T09:00:00"),
            ("0 9 15W * *", "2026-12-15T09:00:00"),
            ("0 9 * * FRI#2", "2026-12-11T09:00:00"),
            ("0 9 * * 5L", "2026-11-27T09:00:00"),
            ("0 9 * * 0", "2026-11-29T09:00:00"),
            ("0 9 * * 7", "2026-11-29T09:00:00"),
            ("0 22-2 * * *", "2026-11-22T22:00:00"),
            ("0 0 29 2 *", "2028-02-29T00:00:00"),
            ("0 0 13 * FRI", "2026-11-27T00:00:00"),
            ("0 0 13 * +FRI", "2027-08-13T00:00:00"),
            ("0 0 13 * +FRI-SUN", "2026-12-13T00:00:00"),
        ] {
            assert_eq!(next(expression, "2026-11-22T10:00:00"), expected, "{expression}");
        }
    }

    #[test]
    fn a_refusal_names_the_field() {
        for (expression, words) in [
            ("61 * * * *", "minute `61`"),
            ("* 24 * * *", "hour `24`"),
            ("* * 0 * *", "day of month `0`"),
            ("* * * 13 *", "month `13`"),
            ("* * * FOO *", "month `FOO`"),
            ("* * * * 8", "day of week `8`"),
            ("* * * * MON#6", "day of week `MON#6`"),
            ("60 * * * * *", "second `60`"),
            ("0 0 0 1 1 * x", "year `x`"),
            ("/5 * * * *", "minute `/5`"),
            ("*/0 * * * *", "minute `*/0`"),
            ("1,,2 * * * *", "minute `1,,2`"),
            ("é * * * *", "minute `é`"),
            ("* * * *", "has 4"),
            ("* * * * * * * *", "has 8"),
            ("", "has 0"),
            ("@reboot", "`@reboot` is not a name"),
        ] {
            let error = Expression::parse(expression, Dialect::Croner).unwrap_err().to_string();
            assert!(error.contains(words), "{expression}: {error}");
        }
        assert!(matches!(
            Expression::parse(&"1,".repeat(1000), Dialect::Croner),
            Err(CronError::Length(2000))
        ));
    }

    #[test]
    fn dates_that_never_come_are_refused() {
        for impossible in ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 0 29 2 * 2027", "0 0 0 1 1 +3 2030"] {
            let error = Expression::parse(impossible, Dialect::Croner).unwrap_err();
            assert_eq!(error, CronError::Impossible(impossible.into()));
        }
    }

    #[test]
    fn hours_decide_what_a_missing_hour_means() {
        let nature = |text| Expression::parse(text, Dialect::Croner).unwrap().nature;
        assert_eq!(nature("30 2 * * *"), Nature { interval: false, every_hour: false });
        assert_eq!(nature("0,30 2,14 * * *"), Nature { interval: false, every_hour: false });
        assert_eq!(nature("*/5 * * * *"), Nature { interval: true, every_hour: true });
        assert_eq!(nature("30 */2 * * *"), Nature { interval: true, every_hour: false });
        assert_eq!(nature("30 0-23 * * *"), Nature { interval: true, every_hour: true });
    }
}
