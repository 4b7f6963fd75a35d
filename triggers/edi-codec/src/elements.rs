//! Elements of segments that are the same in all sets: whether they are there, how long they are, what they are made of. What must hold: only what the
//! standard itself says of every version, so that nothing is rejected that some directory allows.

use crate::finding::{Code, Finding, Severity};
use crate::segment::{Field, Segment};
use crate::syntax::Standard;

/// What an element, or a component, is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Anything.
    Text,
    /// X12 `N0`: digits, with a sign before.
    Number,
    /// EDIFACT `n`: digits, a sign, a decimal mark.
    Decimal,
    /// One of these codes, each of one letter.
    Codes(&'static str),
}

/// One rule: of which element, which component of it (0: it has none), how long, and whether it must be there.
struct Rule {
    element: u16,
    component: u16,
    kind: Kind,
    sizes: (usize, usize),
    needed: bool,
    /// The number in the directory.
    reference: u16,
}

const fn must(element: u16, component: u16, kind: Kind, sizes: (usize, usize), reference: u16) -> Rule {
    Rule { element, component, kind, sizes, needed: true, reference }
}

const fn may(element: u16, component: u16, kind: Kind, sizes: (usize, usize), reference: u16) -> Rule {
    Rule { element, component, kind, sizes, needed: false, reference }
}

const STATUS: Kind = Kind::Codes("AEMRWX");
const GROUP_STATUS: Kind = Kind::Codes("AEMPRWX");

const NM1: &[Rule] = &[must(1, 0, Kind::Text, (2, 3), 98), must(2, 0, Kind::Text, (1, 1), 1065)];
const AK1: &[Rule] = &[must(1, 0, Kind::Text, (2, 2), 479), must(2, 0, Kind::Number, (1, 9), 28)];
const AK2: &[Rule] = &[must(1, 0, Kind::Text, (3, 3), 143), must(2, 0, Kind::Text, (4, 9), 329)];
const AK3: &[Rule] = &[
    must(1, 0, Kind::Text, (2, 3), 721),
    must(2, 0, Kind::Number, (1, 10), 719),
    may(3, 0, Kind::Text, (1, 6), 447),
    may(4, 0, Kind::Text, (1, 3), 720),
];
const AK4: &[Rule] = &[
    must(1, 1, Kind::Number, (1, 2), 722),
    may(2, 0, Kind::Number, (1, 4), 725),
    must(3, 0, Kind::Text, (1, 3), 723),
    may(4, 0, Kind::Text, (1, 99), 724),
];
const AK5: &[Rule] = &[must(1, 0, STATUS, (1, 1), 717), may(2, 0, Kind::Text, (1, 3), 718)];
const AK9: &[Rule] = &[
    must(1, 0, GROUP_STATUS, (1, 1), 715),
    must(2, 0, Kind::Number, (1, 6), 97),
    must(3, 0, Kind::Number, (1, 6), 123),
    must(4, 0, Kind::Number, (1, 6), 2),
];
/// What the guides for claims (X096 to X098, X222 to X224) want besides.
const CLM: &[Rule] = &[must(1, 0, Kind::Text, (1, 38), 1028), must(5, 1, Kind::Text, (1, 2), 1331)];

const NAD: &[Rule] = &[must(1, 0, Kind::Text, (1, 3), 3035)];
const DTM: &[Rule] = &[must(1, 1, Kind::Text, (1, 3), 2005), may(1, 3, Kind::Text, (1, 3), 2379)];
const QTY: &[Rule] = &[must(1, 1, Kind::Text, (1, 3), 6063), may(1, 2, Kind::Decimal, (1, 35), 6060)];
const MOA: &[Rule] = &[must(1, 1, Kind::Text, (1, 3), 5025), may(1, 2, Kind::Decimal, (1, 38), 5004)];
const PRI: &[Rule] = &[may(1, 1, Kind::Text, (1, 3), 5125), may(1, 2, Kind::Decimal, (1, 18), 5118)];

/// The rules of a segment in a set of this version.
fn rules(standard: Standard, tag: &[u8], version: &str) -> &'static [Rule] {
    // Quantities became texts with D.00B.
    let old = version.starts_with("D:9");
    let claims = ["X096", "X097", "X098", "X222", "X223", "X224"].iter().any(|guide| version.contains(guide));
    match (standard, tag) {
        (Standard::X12, b"NM1") => NM1,
        (Standard::X12, b"AK1") => AK1,
        (Standard::X12, b"AK2") => AK2,
        (Standard::X12, b"AK3" | b"IK3") => AK3,
        (Standard::X12, b"AK4" | b"IK4") => AK4,
        (Standard::X12, b"AK5" | b"IK5") => AK5,
        (Standard::X12, b"AK9") => AK9,
        (Standard::X12, b"CLM") if claims => CLM,
        (Standard::Edifact, b"NAD") => NAD,
        (Standard::Edifact, b"DTM") => DTM,
        (Standard::Edifact, b"QTY") if old => QTY,
        (Standard::Edifact, b"MOA") => MOA,
        (Standard::Edifact, b"PRI") => PRI,
        _ => &[],
    }
}

/// What is wrong with the elements of a segment, which stands at this position of a set of this version.
pub(crate) fn check(segment: &Segment<'_>, position: u64, version: &str) -> Vec<Finding> {
    let syntax = segment.syntax();
    let mut findings = Vec::new();
    for rule in rules(syntax.standard, segment.tag(), version) {
        let mut blame = |field: Option<Field<'_>>, fault: Fault, message: &str| {
            findings.push(Finding {
                offset: field.map_or_else(|| segment.offset_at(segment.text().len()), |field| field.offset()),
                tag: String::from_utf8_lossy(segment.tag()).into_owned(),
                segment: position,
                element: Some(rule.element),
                component: (rule.component > 0).then_some(rule.component),
                repetition: None,
                code: fault.code(syntax.standard),
                message: message.to_owned(),
                reference: Some(rule.reference),
                value: field
                    .filter(|field| (1..=99).contains(&field.raw().len()))
                    .map(|field| String::from_utf8_lossy(field.raw()).into_owned()),
                severity: Severity::Error,
            });
        };
        let element = segment.element(usize::from(rule.element));
        if let Some(element) = element
            .filter(|element| syntax.standard == Standard::X12 && element.repetitions().nth(1).is_some())
        {
            blame(Some(element), Fault::Repeated, "it stands once, and is repeated");
            continue;
        }
        if let Some(element) =
            element.filter(|element| rule.component == 0 && element.components().nth(1).is_some())
        {
            blame(Some(element), Fault::Components, "it has no components");
            continue;
        }
        let field = element.and_then(|element| element.component(usize::from(rule.component.max(1))));
        let value = field.map(|field| field.value()).unwrap_or_default();
        let (least, most) = rule.sizes;
        let found = value.len();
        if value.is_empty() {
            if rule.needed {
                blame(field, Fault::Missing, "it is missing, and must be there");
            }
        } else if found > most {
            blame(field, Fault::Long, &format!("it has {found} characters, and has at most {most}"));
        } else if found < least {
            blame(field, Fault::Short, &format!("it has {found} characters, and has at least {least}"));
        } else if !made_of(rule.kind, &value) {
            let (fault, message) = match rule.kind {
                Kind::Codes(codes) => (Fault::Code, format!("expected one of {codes}")),
                _ => (Fault::Characters, "expected a number".to_owned()),
            };
            blame(field, fault, &message);
        }
    }
    findings
}

fn made_of(kind: Kind, value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    match kind {
        Kind::Text => true,
        Kind::Codes(codes) => value.iter().all(|byte| codes.as_bytes().contains(byte)),
        Kind::Number => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        // ISO 9735 §10: either mark may stand there; a sign may follow too, by old usage.
        Kind::Decimal => {
            let digits = digits.strip_suffix(b"-").unwrap_or(digits);
            let marks = digits.iter().filter(|byte| matches!(byte, b'.' | b',')).count();
            marks <= 1
                && digits.len() > marks
                && digits.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    Missing,
    Long,
    Short,
    Characters,
    Code,
    Repeated,
    Components,
}

impl Fault {
    fn code(self, standard: Standard) -> Code {
        let (x12, edifact) = match self {
            Self::Missing => (1, 13),
            Self::Long => (5, 39),
            Self::Short => (4, 40),
            Self::Characters => (6, 37),
            Self::Code => (7, 12),
            Self::Repeated => (12, 35),
            Self::Components => (13, 16),
        };
        match standard {
            Standard::X12 => Code::Ak403(x12),
            Standard::Edifact => Code::Un0085(edifact),
            Standard::Tradacoms => Code::None,
        }
    }
}
