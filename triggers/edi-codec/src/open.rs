//! The interchange that is being read: what is open, what was counted, what was found. What must hold: its size depends on how many groups and sets are
//! kept and on nothing else of the stream.

use crate::error::printable;
use crate::finding::{Code, Finding, Severity};
use crate::interchange::{Group, Interchange, Party, Set};
use crate::seen::Seen;
use crate::segment::{Field, Segment};

/// How many findings one interchange, one group, or one set keeps; more are counted.
pub const MAX_FINDINGS: usize = 100;
/// How many rejected sets are kept where only those are asked for ([`Keep::Failed`](crate::Keep)); more are counted.
pub const MAX_FAILED_SETS: usize = 10_000;

/// An interchange whose trailer has not come yet.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) interchange: Interchange,
    pub(crate) group: Option<Group>,
    pub(crate) set: Option<Set>,
    /// The control numbers of groups, and of the sets of this group (EDIFACT: of this interchange).
    pub(crate) groups_seen: Seen,
    pub(crate) sets_seen: Seen,
    /// Of this set: the loops that LS opened, with the place of each, and the HL01 of its hierarchy.
    pub(crate) loops: Vec<(String, Finding)>,
    pub(crate) levels: Seen,
    /// How many messages the interchange has, in groups or not: what UNZ and END count.
    pub(crate) messages: u64,
    pub(crate) keep_all: bool,
    failed_sets: usize,
}

impl Open {
    pub(crate) fn new(interchange: Interchange, keep_all: bool) -> Self {
        Self {
            interchange,
            group: None,
            set: None,
            groups_seen: Seen::default(),
            sets_seen: Seen::default(),
            loops: Vec::new(),
            levels: Seen::default(),
            messages: 0,
            keep_all,
            failed_sets: 0,
        }
    }

    /// The position that a finding in `segment` names: within the set, else within the interchange.
    pub(crate) fn position(&self, segment: &Segment<'_>) -> u64 {
        self.set.as_ref().map_or(segment.number(), |set| set.segments)
    }

    /// A finding about a whole segment.
    pub(crate) fn segment(&self, segment: &Segment<'_>, code: Code, message: impl Into<String>) -> Finding {
        Finding {
            offset: segment.offset(),
            tag: text(&segment.tag()[..segment.tag().len().min(16)]),
            segment: self.position(segment),
            element: None,
            component: None,
            repetition: None,
            code,
            message: message.into(),
            reference: None,
            value: None,
            severity: Severity::Error,
        }
    }

    /// A finding about an element, or a component of it.
    pub(crate) fn element(
        &self,
        segment: &Segment<'_>,
        (element, component): (u16, Option<u16>),
        code: Code,
        message: impl Into<String>,
    ) -> Finding {
        let field = segment.element(usize::from(element));
        let part = match (field, component) {
            (Some(field), Some(component)) => field.component(usize::from(component)).or(Some(field)),
            (field, _) => field,
        };
        Finding {
            offset: part.map_or_else(|| segment.offset_at(segment.text().len()), |part| part.offset()),
            element: Some(element),
            component,
            value: part.filter(|part| !part.is_empty()).map(shown),
            ..self.segment(segment, code, message)
        }
    }

    /// Notes what is wrong with the interchange itself.
    pub(crate) fn blame(&mut self, finding: Finding) {
        keep(&mut self.interchange.findings, finding, &mut self.interchange.left_out);
    }

    /// Notes what is wrong with the group that is open, or else with the interchange.
    pub(crate) fn blame_group(&mut self, finding: Finding) {
        match &mut self.group {
            Some(group) => keep(&mut group.findings, finding, &mut self.interchange.left_out),
            None => self.blame(finding),
        }
    }

    /// Notes what is wrong with the set that is open, or else with its group.
    pub(crate) fn blame_set(&mut self, finding: Finding) {
        match &mut self.set {
            Some(set) => keep(&mut set.findings, finding, &mut self.interchange.left_out),
            None => self.blame_group(finding),
        }
    }

    /// Puts the set that is open away, at its end.
    pub(crate) fn put_set_away(&mut self) -> Option<Set> {
        for (_, finding) in std::mem::take(&mut self.loops) {
            self.blame_set(finding);
        }
        self.levels.clear();
        let set = self.set.take()?;
        let group = self.group.as_mut()?;
        group.received += 1;
        let accepted = set.accepted();
        group.accepted += u64::from(accepted);
        group.range.end = group.range.end.max(set.range.end);
        if !accepted {
            self.failed_sets += 1;
        }
        if self.keep_all || (!accepted && self.failed_sets <= MAX_FAILED_SETS) {
            group.sets.push(set.clone());
        } else if !accepted {
            self.interchange.left_out += 1;
        }
        Some(set)
    }

    /// Puts the group that is open away, at its end.
    pub(crate) fn put_group_away(&mut self) {
        if let Some(group) = self.group.take() {
            self.interchange.groups.push(group);
        }
    }
}

/// An interchange of which nothing is known yet.
pub(crate) fn blank(segment: &Segment<'_>, begins: u64) -> Interchange {
    Interchange {
        syntax: *segment.syntax(),
        range: begins..segment.range().end,
        digest: [0; 32],
        sender: Party::default(),
        receiver: Party::default(),
        control: String::new(),
        date: String::new(),
        time: String::new(),
        version: String::new(),
        test: false,
        acknowledgement_requested: false,
        application: String::new(),
        agreement: String::new(),
        segments: 0,
        groups: Vec::new(),
        acknowledged: Vec::new(),
        findings: Vec::new(),
        left_out: 0,
        closed: false,
    }
}

/// A group of which nothing is known yet.
pub(crate) fn blank_group(segment: &Segment<'_>, explicit: bool) -> Group {
    Group {
        explicit,
        range: segment.range(),
        functional: String::new(),
        sender: Party::default(),
        receiver: Party::default(),
        date: String::new(),
        time: String::new(),
        control: String::new(),
        agency: String::new(),
        version: String::new(),
        sets: Vec::new(),
        received: 0,
        accepted: 0,
        declared: None,
        findings: Vec::new(),
    }
}

fn keep(findings: &mut Vec<Finding>, finding: Finding, left_out: &mut u64) {
    let errors =
        finding.severity == Severity::Error && findings.iter().all(|kept| kept.severity != Severity::Error);
    if findings.len() < MAX_FINDINGS || errors {
        findings.push(finding);
    } else {
        *left_out += 1;
    }
}

/// Bytes as text, for an identifier or a message: UTF-8 where it is, else ISO 8859-1; cut where no standard allows more.
pub(crate) fn text(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(512)];
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| byte as char).collect(),
    }
}

/// An element as text, releases undone.
pub(crate) fn element(segment: &Segment<'_>, number: usize) -> String {
    segment.element(number).map_or_else(String::new, |field| text(&field.value()))
}

/// A component as text, releases undone.
pub(crate) fn component(segment: &Segment<'_>, number: usize, component: usize) -> String {
    text(&segment.value(number, component))
}

/// A number as X12's `N0` and EDIFACT's counts are written.
pub(crate) fn count(text: &str) -> Option<u64> {
    (!text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

/// What stands in a field, for a finding.
fn shown(field: Field<'_>) -> String {
    let raw = field.raw();
    if raw.len() > 99 { printable(raw) } else { text(raw) }
}

/// Whether `text` is a date: `YYMMDD` or `YYYYMMDD`.
pub(crate) fn is_date(text: &str) -> bool {
    let digits = text.as_bytes();
    if !matches!(digits.len(), 6 | 8) || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let two = |at: usize| u32::from(digits[at] - b'0') * 10 + u32::from(digits[at + 1] - b'0');
    let at = digits.len() - 4;
    let year = two(at - 2);
    let leap = if digits.len() == 8 && year == 0 { two(0) % 4 == 0 } else { year % 4 == 0 };
    let days = match two(at) {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&two(at + 2))
}

/// Whether `text` is a time: `HHMM`, `HHMMSS`, or that with a tenth or hundredth of a second.
pub(crate) fn is_time(text: &str) -> bool {
    let digits = text.as_bytes();
    let two = |at: usize| u32::from(digits[at] - b'0') * 10 + u32::from(digits[at + 1] - b'0');
    matches!(digits.len(), 4 | 6 | 7 | 8)
        && digits.iter().all(u8::is_ascii_digit)
        && two(0) < 24
        && two(2) < 60
        && (digits.len() < 6 || two(4) < 60)
}
