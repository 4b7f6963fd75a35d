//! The fields of a cron expression: their names, bounds and written forms. What must hold: what leaves here is plain
//! numbers in the forms that croner knows, and what is refused names the field, the text and what would be allowed.

use std::fmt::Write as _;

/// A field's name, bounds and the words it knows.
#[derive(Debug)]
pub struct Field {
    /// What the user calls it.
    pub name: &'static str,
    min: u16,
    max: u16,
    words: &'static [&'static str],
    marks: &'static str,
}

const NO_WORDS: &[&str] = &[];

/// The seven fields, in the order in which they are written.
pub const FIELDS: [Field; 7] = [
    Field { name: "second", min: 0, max: 59, words: NO_WORDS, marks: "" },
    Field { name: "minute", min: 0, max: 59, words: NO_WORDS, marks: "" },
    Field { name: "hour", min: 0, max: 23, words: NO_WORDS, marks: "" },
    Field { name: "day of month", min: 1, max: 31, words: NO_WORDS, marks: ", `L`, `LW`, `15W`" },
    Field {
        name: "month",
        min: 1,
        max: 12,
        words: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
        marks: ", `JAN`–`DEC`",
    },
    Field {
        name: "day of week",
        min: 0,
        max: 6,
        words: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
        marks: " (0 and 7 are Sunday), `SUN`–`SAT`, `5L`, `5#2`, `+5` (only where the day of the month matches too)",
    },
    Field { name: "year", min: 1970, max: 5000, words: NO_WORDS, marks: "" },
];

/// Which field of [`FIELDS`] the day of week is: the one where 7 is 0.
const DAY_OF_WEEK: &str = "day of week";

impl Field {
    /// What may stand in the field, for people.
    pub fn allowed(&self) -> String {
        format!("{}–{}{}, `*`, lists `a,b`, ranges `a-b`, steps `*/n`", self.min, self.max, self.marks)
    }

    /// Rewrites a field so that croner takes it: names become numbers, and a range that runs past the end
    /// (`22-2`, `FRI-MON`) becomes a list. What it doesn't know it leaves for croner to refuse.
    ///
    /// # Errors
    /// An empty item of a list, which croner would pass over.
    pub fn rewrite(&self, text: &str) -> Result<String, &'static str> {
        let mut out = String::with_capacity(text.len());
        // `+FRI`: croner's mark for "and", instead of "or", the day of the month.
        let list = text.strip_prefix('+').filter(|_| self.name == DAY_OF_WEEK);
        if list.is_some() {
            out.push('+');
        }
        for (at, item) in list.unwrap_or(text).split(',').enumerate() {
            if item.is_empty() {
                return Err("an item of the list is empty");
            }
            if at > 0 {
                out.push(',');
            }
            self.rewrite_item(item, &mut out);
        }
        Ok(out)
    }

    fn rewrite_item(&self, item: &str, out: &mut String) {
        let (base, step) = item.split_once('/').map_or((item, None), |(base, step)| (base, Some(step)));
        if let Some((from, to)) =
            base.split_once('-').and_then(|(a, b)| Some((self.value(a)?, self.value(b)?)))
        {
            let every = step.map_or(Some(1), |s| s.parse::<u16>().ok().filter(|n| *n > 0));
            if let (true, Some(every)) = (self.wraps(from, to), every) {
                return self.write_wrapped(from, to, every, out);
            }
            let _ = write!(out, "{from}-{to}");
        } else if let Some(value) = self.value(base) {
            let _ = write!(out, "{value}");
        } else if let Some((value, mark)) = self.marked(base) {
            let _ = write!(out, "{value}{mark}");
        } else {
            out.push_str(base);
        }
        if let Some(step) = step {
            let _ = write!(out, "/{step}");
        }
    }

    /// `22-2` of the hours runs past midnight; a year doesn't come round again, and a bound out of range is an error.
    fn wraps(&self, from: u16, to: u16) -> bool {
        from > to && self.max < 100 && from <= self.max && to >= self.min
    }

    fn write_wrapped(&self, from: u16, to: u16, every: u16, out: &mut String) {
        let span = self.max - self.min + 1;
        let mut first = true;
        for value in (from..=to + span).step_by(usize::from(every)) {
            if !first {
                out.push(',');
            }
            first = false;
            let _ = write!(out, "{}", self.min + (value - self.min) % span);
        }
    }

    /// A number, or a name of this field.
    fn value(&self, text: &str) -> Option<u16> {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().ok();
        }
        let at = self.words.iter().position(|word| word.eq_ignore_ascii_case(text))?;
        u16::try_from(at).ok().map(|at| at + self.min)
    }

    /// A day of the week with what may stand behind it: `FRI#2`, `FRIL`.
    fn marked<'t>(&self, text: &'t str) -> Option<(u16, &'t str)> {
        if self.name != DAY_OF_WEEK {
            return None;
        }
        let at = text.find('#').or_else(|| text.ends_with(['l', 'L']).then(|| text.len() - 1))?;
        Some((self.value(&text[..at])?, &text[at..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ranges_past_the_end_become_numbers() {
        let [_, minute, hour, day, month, week, _] = &FIELDS;
        for (field, text, expected) in [
            (minute, "57-5/3", "57,0,3"),
            (hour, "22-2", "22,23,0,1,2"),
            (hour, "8-18/2,20", "8-18/2,20"),
            (day, "30-1", "30,31,1"),
            (day, "LW", "LW"),
            (month, "jul", "7"),
            (month, "NOV-FEB", "11,12,1,2"),
            (week, "FRI-MON", "5,6,0,1"),
            (week, "MON-7", "1-7"),
            (week, "sun#1", "0#1"),
            (week, "FRIL", "5L"),
            (week, "L", "L"),
            (week, "*/2", "*/2"),
            (week, "+FRI-SUN", "+5,6,0"),
        ] {
            assert_eq!(field.rewrite(text).as_deref(), Ok(expected), "{} {text}", field.name);
        }
        assert!(minute.rewrite("1,,2").is_err());
        assert!(minute.rewrite("").is_err());
    }

    #[test]
    fn a_day_of_the_week_may_end_in_any_character() {
        let week = &FIELDS[5];
        for text in ["0\u{7b3}", "\u{7b3}", "", "L\u{7b3}"] {
            assert_eq!(week.marked(text), None, "{text:?}");
        }
        assert_eq!(week.marked("5l"), Some((5, "l")));
    }
}
