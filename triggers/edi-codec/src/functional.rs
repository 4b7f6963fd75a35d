//! TA1, 997 and 999. What must hold: a set is accepted or rejected for itself (AK5), a group by its sets (AK9 `P` where some fail); each error stands
//! where it was found (AK3, AK4), as far as the acknowledgement has room for it.

use crate::acknowledge::{Kind, Request, acknowledges, back};
use crate::compose::{GroupHeader, SetHeader};
use crate::finding::{Code, Finding, Severity};
use crate::interchange::{Group, Interchange, Party, Set, Status};
use crate::open::count;
use crate::writer::{Element, WriteError, Writer};

/// How many AK3 one set has at the most, and how many AK4 one AK3: 997 has room for 999999 and 99.
const MAX_SEGMENTS: usize = 1000;
const MAX_ELEMENTS: usize = 99;
/// AK5, AK9: how many codes each has room for.
const MAX_CODES: usize = 5;

/// Of an X12 interchange.
pub(crate) fn acknowledge(
    interchange: &Interchange,
    request: &Request,
) -> Result<Option<Vec<u8>>, WriteError> {
    let accepted = interchange.envelope_accepted();
    let wanted = request.kind == Kind::Ta1 || interchange.acknowledgement_requested || !accepted;
    let due: Vec<&Group> = interchange
        .groups
        .iter()
        .filter(|group| accepted && request.kind != Kind::Ta1 && group.explicit && !acknowledges(group))
        .collect();
    if !wanted && due.is_empty() {
        return Ok(None);
    }
    let mut composer = back(interchange, request)?;
    if wanted {
        let (status, note) = verdict(interchange);
        let control = count(&interchange.control)
            .map_or_else(|| "000000000".to_owned(), |number| format!("{number:09}"));
        composer.segment(
            "TA1",
            &[
                Element::Simple(&control),
                Element::Simple(&interchange.date),
                Element::Simple(&interchange.time),
                Element::Simple(status),
                Element::Simple(&format!("{note:03}")),
            ],
        )?;
    }
    let (guides, plain): (Vec<&Group>, Vec<&Group>) = due.into_iter().partition(|group| match request.kind {
        Kind::Implementation999 => true,
        Kind::Functional997 => false,
        _ => names_guide(&group.version),
    });
    let mut number = request.numbers.group;
    for (groups, implementation) in [(plain, false), (guides, true)] {
        let Some(first) = groups.first() else { continue };
        let base: String = first.version.chars().take(6).collect();
        let base = if base.len() == 6 && base.bytes().all(|byte| byte.is_ascii_digit()) {
            base
        } else {
            "004010".into()
        };
        composer.group(GroupHeader {
            functional: "FA".to_owned(),
            sender: side(&first.receiver, &interchange.receiver),
            receiver: side(&first.sender, &interchange.sender),
            control: number,
            version: if implementation { "005010X231A1".to_owned() } else { base },
        })?;
        number += 1;
        for (index, group) in groups.into_iter().enumerate() {
            let header = SetHeader {
                id: if implementation { "999" } else { "997" }.to_owned(),
                control: request.numbers.set + index as u32,
                version: if implementation { "005010X231A1".to_owned() } else { String::new() },
            };
            composer.set_with(&header, |writer| Answer { implementation, group }.write(writer))?;
        }
    }
    composer.finish().map(Some)
}

/// Whether GS08 names an implementation guide that is acknowledged by 999: those of 005010 on.
pub(crate) fn names_guide(version: &str) -> bool {
    version.len() > 6
        && version.is_char_boundary(6)
        && version[6..].starts_with('X')
        && &version[..6] >= "005010"
}

/// TA104 and TA105.
fn verdict(interchange: &Interchange) -> (&'static str, u16) {
    let note = |findings: &[Finding]| {
        findings.iter().filter(|finding| finding.severity == Severity::Error).find_map(
            |finding| match finding.code {
                Code::Ta105(code) => Some(code),
                _ => None,
            },
        )
    };
    if let Some(code) = note(&interchange.findings) {
        return ("R", code);
    }
    interchange.groups.iter().find_map(|group| note(&group.findings)).map_or(("A", 0), |code| ("E", code))
}

/// GS02 and GS03 are needed; where the group named none, the interchange's id stands for it.
fn side(group: &Party, interchange: &Party) -> Party {
    let id = if (2..=15).contains(&group.id.len()) { &group.id } else { &interchange.id };
    Party { id: format!("{:<2}", id.chars().take(15).collect::<String>()), ..Party::default() }
}

struct Answer<'a> {
    implementation: bool,
    group: &'a Group,
}

impl Answer<'_> {
    fn write(&self, writer: &mut Writer<Vec<u8>>) -> Result<(), WriteError> {
        let group = self.group;
        // AK103 and AK203 came with 005010.
        let version =
            if self.implementation || group.version.as_str() >= "005" { group.version.as_str() } else { "" };
        writer.segment(
            "AK1",
            &[Element::Simple(&group.functional), Element::Simple(&group.control), Element::Simple(version)],
        )?;
        // Of a group that is rejected for itself, only what else is wrong is told: nothing in it is accepted.
        let whole = group.findings.iter().all(|finding| finding.severity != Severity::Error);
        for set in group.sets.iter().filter(|set| whole || !set.accepted()) {
            self.set(writer, set)?;
        }
        let mut codes: Vec<String> = group
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .filter_map(|finding| match finding.code {
                Code::Ak905(code) => Some(code.to_string()),
                _ => None,
            })
            .collect();
        codes.dedup();
        codes.truncate(MAX_CODES);
        let (status, accepted) = match group.status() {
            Status::Accepted => ("A", group.accepted),
            Status::Partial => ("P", group.accepted),
            // What is rejected as a whole has nothing accepted in it.
            Status::Rejected => ("R", 0),
        };
        let declared = group.declared.unwrap_or(group.received).min(999_999).to_string();
        let (received, accepted) =
            (group.received.min(999_999).to_string(), accepted.min(999_999).to_string());
        let mut elements = vec![
            Element::Simple(status),
            Element::Simple(&declared),
            Element::Simple(&received),
            Element::Simple(&accepted),
        ];
        elements.extend(codes.iter().map(Element::from));
        writer.segment("AK9", &elements)
    }

    fn set(&self, writer: &mut Writer<Vec<u8>>, set: &Set) -> Result<(), WriteError> {
        let guide =
            if set.version != self.group.version || self.implementation { set.version.as_str() } else { "" };
        writer.segment(
            "AK2",
            &[Element::Simple(&set.id), Element::Simple(&set.control), Element::Simple(guide)],
        )?;
        let errors: Vec<&Finding> =
            set.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
        let mut codes: Vec<String> = errors
            .iter()
            .filter_map(|finding| match finding.code {
                Code::Ak502(code) => Some(code.to_string()),
                _ => None,
            })
            .collect();
        let mut places: Vec<(u64, &str)> = errors
            .iter()
            .filter(|finding| segment_code(finding.code, self.implementation).is_some())
            .map(|finding| (finding.segment, finding.tag.as_str()))
            .collect();
        places.sort_unstable();
        places.dedup();
        if !places.is_empty() {
            codes.push("5".to_owned());
        }
        for (position, tag) in places.into_iter().take(MAX_SEGMENTS) {
            let here =
                || errors.iter().filter(move |finding| finding.segment == position && finding.tag == tag);
            let whole = here().find(|finding| finding.element.is_none());
            let code = whole
                .and_then(|finding| segment_code(finding.code, self.implementation))
                .unwrap_or_else(|| "8".to_owned());
            let shown = if (1..=3).contains(&tag.len()) && plain(tag, writer) { tag } else { "???" };
            writer.segment(
                if self.implementation { "IK3" } else { "AK3" },
                &[
                    Element::Simple(shown),
                    Element::Simple(&position.to_string()),
                    Element::Simple(""),
                    Element::Simple(&code),
                ],
            )?;
            for finding in here().filter(|finding| finding.element.is_some()).take(MAX_ELEMENTS) {
                self.element(writer, finding)?;
            }
        }
        codes.dedup();
        codes.truncate(MAX_CODES);
        let mut elements = vec![Element::Simple(if set.accepted() { "A" } else { "R" })];
        elements.extend(codes.iter().map(Element::from));
        writer.segment(if self.implementation { "IK5" } else { "AK5" }, &elements)
    }

    fn element(&self, writer: &mut Writer<Vec<u8>>, finding: &Finding) -> Result<(), WriteError> {
        let Some(code) = element_code(finding.code, self.implementation) else { return Ok(()) };
        let number = finding.element.unwrap_or_default().to_string();
        let component = finding.component.map(|number| number.to_string()).unwrap_or_default();
        let repetition = finding
            .repetition
            .filter(|&number| number > 1)
            .map(|number| number.to_string())
            .unwrap_or_default();
        let reference = finding.reference.map(|number| number.to_string()).unwrap_or_default();
        let value = finding
            .value
            .as_deref()
            .filter(|value| value.len() <= 99 && plain(value, writer))
            .unwrap_or_default();
        writer.segment(
            if self.implementation { "IK4" } else { "AK4" },
            &[
                Element::Composite(&[&number, &component, &repetition]),
                Element::Simple(&reference),
                Element::Simple(&code),
                Element::Simple(value),
            ],
        )
    }
}

/// Whether `text` can stand in an acknowledgement as it is.
fn plain(text: &str, writer: &Writer<Vec<u8>>) -> bool {
    text.bytes().all(|byte| (byte.is_ascii_graphic() || byte == b' ') && !writer.syntax().delimits(byte))
}

/// AK304 or IK304. A 997 knows no codes of implementation guides: each has one that comes near.
fn segment_code(code: Code, implementation: bool) -> Option<String> {
    match code {
        Code::Ak304(code) => Some(code.to_string()),
        Code::Ik304(code) if implementation => Some(format!("I{code}")),
        Code::Ik304(4 | 9) => Some("2".to_owned()),
        Code::Ik304(_) => Some("3".to_owned()),
        Code::Ak403(_) | Code::Ik403(_) => Some("8".to_owned()),
        _ => None,
    }
}

/// AK403 or IK403.
fn element_code(code: Code, implementation: bool) -> Option<String> {
    match code {
        Code::Ak403(code) => Some(code.to_string()),
        Code::Ik403(code) if implementation => Some(format!("I{code}")),
        Code::Ik403(9) => Some("2".to_owned()),
        Code::Ik403(10 | 13) => Some("10".to_owned()),
        Code::Ik403(_) => Some("7".to_owned()),
        _ => None,
    }
}
