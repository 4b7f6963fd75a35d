//! Header fields: found line by line, decoded by mailparse within bounds. What must hold: finding them is linear; nothing is decoded that is longer than
//! [`MAX_FIELD_BYTES`], no more than [`MAX_HEADER_BYTES`] of a mail are, and no line whose words would cost mailparse more than
//! [`MAX_WORK`] steps: its decoder takes cubic time.

use mail_parser::parsers::MessageStream;
use mailparse::MailHeader;

/// The longest field that is decoded whole, in bytes.
pub(super) const MAX_FIELD_BYTES: usize = 16 << 10;
/// How much of a mail's header is decoded, and as much again of its parts' headers.
pub(super) const MAX_HEADER_BYTES: usize = 256 << 10;
/// A line of a field is folded again where it is longer, since the cost grows with the line (RFC 5322 §2.1.1).
const MAX_LINE_BYTES: usize = 998;
/// The number of `=?` × that of `?=` × its bytes, for one line.
const MAX_WORK: usize = 4_000_000;

/// A header field as it stands in the mail, folded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    /// Before the colon.
    pub(super) name: &'a [u8],
    /// With its name; without the last line's end.
    raw: &'a [u8],
}

impl Field<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value in one line, its encoded words decoded (RFC 2047), with nothing that moves a cursor or ends a line; and whether it is whole.
    pub(super) fn value(&self) -> (String, bool) {
        let mut whole = true;
        let decoded = self.with_header(&mut whole, |header| {
            let first = header.get_value();
            if first.contains(char::REPLACEMENT_CHARACTER) {
                better(header.get_value_raw(), first)
            } else {
                first
            }
        });
        (one_line(decoded.trim()), whole)
    }

    /// The value as a header of mailparse, within the bounds. Where its words cannot be decoded in time they stay as they are.
    pub(super) fn with_header<T>(&self, whole: &mut bool, read: impl FnOnce(&MailHeader<'_>) -> T) -> T
    where
        T: Default,
    {
        *whole = self.raw.len() <= MAX_FIELD_BYTES;
        let folded = fold(self.raw.get(..self.raw.len().min(MAX_FIELD_BYTES)).unwrap_or_default());
        mailparse::parse_header(&folded).map(|(header, _)| read(&header)).unwrap_or_default()
    }
}

/// Lines that are not too long, whose encoded words are few enough; others lose the mark of an encoded word.
fn fold(raw: &[u8]) -> Vec<u8> {
    let mut folded = Vec::with_capacity(raw.len() + 16);
    for line in raw.split_inclusive(|b| *b == b'\n') {
        let mut rest = line;
        while rest.len() > MAX_LINE_BYTES
            && let Some(blank) = rest.iter().skip(1).take(MAX_LINE_BYTES).rposition(|b| *b == b' ')
        {
            let (head, tail) = rest.split_at(blank + 1);
            // A field is ended by a line that does not begin with white space.
            if head.iter().all(u8::is_ascii_whitespace) {
                break;
            }
            push(&mut folded, head);
            folded.extend_from_slice(b"\r\n");
            rest = tail;
        }
        push(&mut folded, rest);
    }
    folded
}

fn push(folded: &mut Vec<u8>, line: &[u8]) {
    let count = |mark: &[u8]| line.windows(2).filter(|pair| *pair == mark).count();
    if count(b"=?").saturating_mul(count(b"?=") + 1).saturating_mul(line.len()) <= MAX_WORK {
        folded.extend_from_slice(line);
        return;
    }
    for (n, byte) in line.iter().enumerate() {
        folded.push(*byte);
        if *byte == b'=' && line.get(n + 1) == Some(&b'?') {
            folded.push(b' ');
        }
    }
}

/// mail-parser's reading, where it has fewer characters that could not be decoded.
fn better(raw: &[u8], first: String) -> String {
    let lost = |text: &str| text.matches(char::REPLACEMENT_CHARACTER).count();
    let mut ended = raw.to_vec();
    ended.push(b'\n');
    let mut stream = MessageStream::new(&ended);
    match stream.parse_unstructured().into_text() {
        Some(other) if lost(&other) < lost(&first) => other.into_owned(),
        _ => first,
    }
}

/// Without control characters: an encoded word can hold a line's end, and what is copied into another header must not bring one along.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The header of a mail or a part.
#[derive(Debug, Default)]
pub(super) struct Head<'a> {
    /// The fields within the bound, in the order they came.
    pub(super) fields: Vec<Field<'a>>,
    /// Where the body begins.
    pub(super) body: usize,
    /// How many `Received` fields there are, those beyond the bound too.
    pub(super) received: usize,
    /// Whether there are more fields than those.
    pub(super) is_cut: bool,
    /// Whether it ended at a line that is no field, instead of an empty one.
    pub(super) is_broken: bool,
}

impl Head<'_> {
    /// The first field of this name.
    pub(super) fn first(&self, name: &str) -> Option<&Field<'_>> {
        self.fields.iter().find(|field| field.is(name))
    }
}

/// The header that begins at `start`. It ends after an empty line, before a line that `ends` says is a boundary, and before one that is no field.
pub(super) fn head<'a>(
    raw: &'a [u8],
    start: usize,
    budget: &mut usize,
    ends: impl Fn(&[u8]) -> bool,
) -> Head<'a> {
    let mut head = Head { body: raw.len(), ..Head::default() };
    // The field that is being read: where it began.
    let mut open = None;
    let mut at = start;
    while at < raw.len() {
        let next = line_end(raw, at);
        let line = raw.get(at..next).unwrap_or_default();
        let blank = matches!(line.first(), Some(b' ' | b'\t'));
        if blank && !line.iter().all(|b| b.is_ascii_whitespace()) && open.is_some() {
            at = next;
            continue;
        }
        head.close(raw, open.take(), at, budget);
        if line.iter().all(|b| matches!(b, b'\r' | b'\n')) {
            head.body = next;
            return head;
        }
        if ends(line) {
            head.body = at;
            return head;
        }
        if is_field(line) {
            open = Some(at);
        } else if !(line.starts_with(b"From ") || line.starts_with(b">From ") || blank) {
            head.body = at;
            head.is_broken = true;
            return head;
        }
        at = next;
    }
    head.close(raw, open, raw.len(), budget);
    head
}

impl<'a> Head<'a> {
    fn close(&mut self, raw: &'a [u8], open: Option<usize>, end: usize, budget: &mut usize) {
        let Some(text) = open.and_then(|start| raw.get(start..end)) else { return };
        let raw = text.trim_ascii_end();
        let name = raw.split(|b| *b == b':').next().unwrap_or_default().trim_ascii_end();
        if name.eq_ignore_ascii_case(b"received") {
            self.received += 1;
        }
        let cost = raw.len().min(MAX_FIELD_BYTES);
        match budget.checked_sub(cost) {
            Some(left) => {
                *budget = left;
                self.fields.push(Field { name, raw });
            }
            None => self.is_cut = true,
        }
    }
}

/// The place after the line that holds `at`.
pub(super) fn line_end(raw: &[u8], at: usize) -> usize {
    let rest = raw.get(at..).unwrap_or_default();
    rest.iter().position(|b| *b == b'\n').map_or(raw.len(), |n| at + n + 1)
}

/// RFC 5322 §2.2: printable ASCII without a colon, then a colon; white space before that is allowed as of old.
fn is_field(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|b| *b == b':') else { return false };
    let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}
