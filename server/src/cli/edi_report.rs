//! How `factotum edi` shows what it read. What must hold: what stands in a file cannot move the cursor; every place can be found again in the file.

use std::fmt::Write as _;

use factotum_edi_codec::{Finding, Group, Interchange, Party, Place, Segment, Severity, Standard, Status};
use serde_json::{Value, json};

use super::output::harmless;

/// One interchange, its groups, its sets, and what is wrong with each.
pub fn interchange(interchange: &Interchange) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} {}{}: {} to {}, {} segments, bytes {} to {}, {}",
        interchange.standard(),
        harmless(or(&interchange.control, "without control number")),
        if interchange.test { " (test)" } else { "" },
        party(&interchange.sender),
        party(&interchange.receiver),
        interchange.segments,
        interchange.range.start,
        interchange.range.end,
        verdict_of(interchange),
    );
    for ta1 in &interchange.acknowledged {
        let _ = writeln!(
            text,
            "  TA1: interchange {} is {}, {}",
            harmless(&ta1.control),
            harmless(&ta1.status),
            harmless(&ta1.note)
        );
    }
    findings(&mut text, "  ", &interchange.findings);
    for of in &interchange.groups {
        let indent = if of.explicit { "    " } else { "  " };
        if of.explicit {
            let _ = writeln!(text, "  {}", group(of, interchange.standard()));
            findings(&mut text, "    ", &of.findings);
        }
        for set in &of.sets {
            let _ = writeln!(
                text,
                "{indent}{} {} ({}): {} segments, bytes {} to {}, {}",
                harmless(or(&set.id, "?")),
                harmless(or(&set.control, "without control number")),
                harmless(or(&set.version, "no version")),
                set.segments,
                set.range.start,
                set.range.end,
                if set.accepted() { "accepted" } else { "rejected" },
            );
            findings(&mut text, &format!("{indent}  "), &set.findings);
        }
    }
    text
}

fn group(group: &Group, standard: Standard) -> String {
    format!(
        "{} {} {} ({}): {} to {}, {} sets, {}",
        if standard == Standard::X12 { "group" } else { "UNG" },
        harmless(or(&group.functional, "?")),
        harmless(or(&group.control, "without control number")),
        harmless(or(&group.version, "no version")),
        party(&group.sender),
        party(&group.receiver),
        group.received,
        match group.status() {
            Status::Accepted => "accepted",
            Status::Partial => "partly accepted",
            Status::Rejected => "rejected",
        }
    )
}

/// What became of an interchange, in one line.
pub fn verdict(interchange: &Interchange) -> String {
    let (sets, accepted) = interchange
        .groups
        .iter()
        .fold((0, 0), |(sets, accepted), group| (sets + group.received, accepted + group.accepted));
    format!(
        "{} {}: {}, {accepted} of {sets} sets without error",
        interchange.standard(),
        harmless(or(&interchange.control, "without control number")),
        verdict_of(interchange)
    )
}

fn verdict_of(interchange: &Interchange) -> &'static str {
    if interchange.accepted() {
        "accepted"
    } else if !interchange.envelope_accepted() {
        "rejected"
    } else {
        "accepted in part"
    }
}

/// One finding, with the file it is in.
pub fn finding(file: &str, finding: &Finding) -> String {
    let note = if finding.severity == Severity::Note { "note: " } else { "" };
    format!("{}: {note}{}", harmless(file), harmless(&finding.to_string()))
}

fn findings(text: &mut String, indent: &str, findings: &[Finding]) {
    for finding in findings {
        let note = if finding.severity == Severity::Note { "note: " } else { "error: " };
        let _ = writeln!(text, "{indent}{note}{}", harmless(&finding.to_string()));
    }
}

fn party(party: &Party) -> String {
    let id = harmless(or(&party.id, "nobody"));
    if party.qualifier.is_empty() { id } else { format!("{}:{id}", harmless(&party.qualifier)) }
}

/// One segment for people: its place, and what stands there.
pub fn segment_line(segment: &Segment<'_>, place: Place) -> String {
    let depth = match place {
        Place::InterchangeBegins | Place::InterchangeEnds => 0,
        Place::Interchange | Place::GroupBegins | Place::GroupEnds => 1,
        Place::Group | Place::SetBegins | Place::SetEnds => 2,
        Place::Set => 3,
    };
    let text = segment.text();
    let shown = String::from_utf8_lossy(&text[..text.len().min(400)]);
    let more = if text.len() > 400 { "…" } else { "" };
    format!(
        "{:>10} {:>6} {}{}{more}",
        segment.offset(),
        segment.number(),
        "  ".repeat(depth),
        harmless(&shown)
    )
}

/// One segment for programs: its place, its tag, and its elements as lists of repetitions of components.
pub fn segment(segment: &Segment<'_>) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let elements: Vec<Value> = segment
        .elements()
        .map(|element| {
            let repetitions = element.repetitions();
            repetitions
                .map(|repetition| {
                    repetition.components().map(|part| Value::String(text(&part.value()))).collect::<Value>()
                })
                .collect()
        })
        .collect();
    json!({"offset": segment.offset(), "number": segment.number(), "tag": text(segment.tag()), "elements": elements})
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}
