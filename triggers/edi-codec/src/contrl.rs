//! CONTRL, EDIFACT's syntax and service report message. What must hold: UCI tells of the interchange, UCF and UCM of each group and message that is
//! rejected, UCS and UCD where and why; what it does not name is acknowledged with the level above (0083 = 7).

use crate::acknowledge::{Request, back};
use crate::compose::SetHeader;
use crate::finding::{Code, Finding, Severity};
use crate::interchange::{Interchange, Party, Set, Status};
use crate::writer::{Element, WriteError, Writer};

/// How many UCS one UCM has at the most, and how many UCD one UCS: the message has room for 999 and 99.
const MAX_SEGMENTS: usize = 999;
const MAX_ELEMENTS: usize = 99;

/// Of an EDIFACT interchange.
pub(crate) fn acknowledge(
    interchange: &Interchange,
    request: &Request,
) -> Result<Option<Vec<u8>>, WriteError> {
    if interchange.control.is_empty() && interchange.envelope_accepted() {
        return Ok(None);
    }
    let mut composer = back(interchange, request)?;
    let header = SetHeader {
        id: "CONTRL".to_owned(),
        control: request.numbers.set,
        version: if interchange.version.ends_with(":4") { "4:1:UN" } else { "D:3:UN" }.to_owned(),
    };
    composer.set_with(&header, |writer| write(writer, interchange))?;
    composer.finish().map(Some)
}

fn write(writer: &mut Writer<Vec<u8>>, interchange: &Interchange) -> Result<(), WriteError> {
    let blame = first_error(&interchange.findings);
    let (sender, receiver) = (side(&interchange.sender), side(&interchange.receiver));
    let control: String = interchange.control.chars().take(14).collect();
    level(
        writer,
        "UCI",
        &[
            Element::Simple(&control),
            Element::Composite(&[&sender[0], &sender[1]]),
            Element::Composite(&[&receiver[0], &receiver[1]]),
        ],
        blame,
        true,
    )?;
    // A rejected interchange is rejected with all that is in it.
    if blame.is_some() {
        return Ok(());
    }
    for group in &interchange.groups {
        let blame = first_error(&group.findings);
        if group.explicit && (blame.is_some() || group.status() != Status::Accepted) {
            let (sender, receiver) = (side(&group.sender), side(&group.receiver));
            let head = [
                Element::Simple(&group.control),
                Element::Composite(&[&sender[0], &sender[1]]),
                Element::Composite(&[&receiver[0], &receiver[1]]),
            ];
            level(writer, "UCF", &head, blame, true)?;
        }
        if group.explicit && blame.is_some() {
            continue;
        }
        for set in group.sets.iter().filter(|set| !set.accepted() && !set.acknowledges()) {
            message(writer, set)?;
        }
    }
    Ok(())
}

fn message(writer: &mut Writer<Vec<u8>>, set: &Set) -> Result<(), WriteError> {
    let mut kind = vec![set.id.as_str()];
    kind.extend(set.version.split(':'));
    let errors: Vec<&Finding> =
        set.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    // What is wrong with UNH and UNT is told by UCM itself, the first of it; the rest by UCS and UCD.
    let service = |finding: &&&Finding| matches!(finding.tag.as_str(), "UNH" | "UNT");
    let own = errors.iter().find(service).copied();
    level(writer, "UCM", &[Element::Simple(&set.control), Element::Composite(&kind)], own, false)?;
    let mut places: Vec<u64> =
        errors.iter().filter(|finding| !service(finding)).map(|finding| finding.segment).collect();
    places.sort_unstable();
    places.dedup();
    for position in places.into_iter().take(MAX_SEGMENTS) {
        let here = || errors.iter().filter(move |finding| finding.segment == position && !service(finding));
        let whole = here()
            .find(|finding| finding.element.is_none())
            .map(|finding| finding.code.value())
            .unwrap_or_default();
        writer.segment("UCS", &[Element::Simple(&position.to_string()), Element::Simple(&whole)])?;
        for finding in here().filter(|finding| finding.element.is_some()).take(MAX_ELEMENTS) {
            let place = place(finding);
            let code = finding.code.value();
            writer.segment("UCD", &[Element::Simple(&code), Element::Composite(&[&place[0], &place[1]])])?;
        }
    }
    Ok(())
}

/// UCI, UCF, UCM: what it is about, the action (0083), and why.
fn level(
    writer: &mut Writer<Vec<u8>>,
    tag: &str,
    head: &[Element<'_>],
    blame: Option<&Finding>,
    acknowledged: bool,
) -> Result<(), WriteError> {
    let action = if blame.is_none() && acknowledged { "7" } else { "4" };
    let (mut code, mut segment, mut position) = (String::new(), String::new(), [const { String::new() }; 2]);
    if let Some(finding) = blame {
        code = match finding.code {
            Code::Un0085(_) => finding.code.value(),
            _ => "18".to_owned(),
        };
        if finding.tag.len() == 3 {
            segment.clone_from(&finding.tag);
            if finding.element.is_some() {
                position = place(finding);
            }
        }
    }
    let mut elements = head.to_vec();
    elements.push(Element::Simple(action));
    elements.push(Element::Simple(&code));
    elements.push(Element::Simple(&segment));
    let place = [position[0].as_str(), position[1].as_str()];
    elements.push(Element::Composite(&place));
    writer.segment(tag, &elements)
}

/// S011: the tag of a segment has position 1 in it (0098), a component counts from 1 (0104).
fn place(finding: &Finding) -> [String; 2] {
    [
        finding.element.map(|number| (number + 1).to_string()).unwrap_or_default(),
        finding.component.map(|number| number.to_string()).unwrap_or_default(),
    ]
}

fn side(party: &Party) -> [String; 2] {
    [party.id.clone(), party.qualifier.clone()]
}

fn first_error(findings: &[Finding]) -> Option<&Finding> {
    findings.iter().find(|finding| finding.severity == Severity::Error)
}
