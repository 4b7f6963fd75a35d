//! EDIFACT's envelopes: `UNB`, `UNG`, `UNH` and their trailers (ISO 9735, versions 1 to 4), and what stands between them. What must hold: every
//! finding has the code of data element 0085 by which CONTRL names it; UNZ counts groups where there are groups, else messages.

use crate::charset::Charset;
use crate::finding::{Code, Finding, Severity};
use crate::interchange::{Interchange, Party, Set};
use crate::open::{self, Open, component, count, element, is_date, is_time};
use crate::place::Place;
use crate::segment::Segment;

/// Data element 0085, syntax error, coded: those used here.
mod code {
    use crate::finding::Code;

    pub(super) const VERSION: Code = Code::Un0085(2);
    pub(super) const INVALID: Code = Code::Un0085(12);
    pub(super) const MISSING: Code = Code::Un0085(13);
    pub(super) const POSITION: Code = Code::Un0085(15);
    pub(super) const TOO_MANY: Code = Code::Un0085(16);
    pub(super) const CHARACTERS: Code = Code::Un0085(21);
    pub(super) const DUPLICATE: Code = Code::Un0085(26);
    pub(super) const REFERENCES: Code = Code::Un0085(28);
    pub(super) const COUNT: Code = Code::Un0085(29);
    pub(super) const MIXED: Code = Code::Un0085(30);
    pub(super) const TYPES: Code = Code::Un0085(31);
    pub(super) const OUTSIDE: Code = Code::Un0085(33);
    pub(super) const NESTING: Code = Code::Un0085(34);
    pub(super) const TOO_LONG: Code = Code::Un0085(39);
    pub(super) const TOO_SHORT: Code = Code::Un0085(40);
    pub(super) const ENVELOPE: Code = Code::Un0085(47);
}

/// An interchange from its `UNB`, or from whatever begins one that has none.
pub(crate) fn begin(segment: &Segment<'_>, begins: u64) -> Interchange {
    if !segment.is("UNB") {
        return open::blank(segment, begins);
    }
    let party = |number: usize| Party {
        id: component(segment, number, 1),
        qualifier: component(segment, number, 2),
        routing: component(segment, number, 3),
    };
    let (identifier, version) = (component(segment, 1, 1), component(segment, 1, 2));
    Interchange {
        sender: party(2),
        receiver: party(3),
        date: component(segment, 4, 1),
        time: component(segment, 4, 2),
        control: element(segment, 5),
        application: element(segment, 7),
        acknowledgement_requested: matches!(segment.get(9), b"1" | b"2"),
        agreement: element(segment, 10),
        test: matches!(segment.get(11), b"1" | b"2" | b"3" | b"4"),
        version: if version.is_empty() { identifier } else { format!("{identifier}:{version}") },
        ..open::blank(segment, begins)
    }
}

/// What is wrong with the `UNB` itself.
pub(crate) fn check_header(open: &mut Open, segment: &Segment<'_>) -> Place {
    if !segment.is("UNB") {
        let found = open::text(segment.tag());
        let finding = open.segment(
            segment,
            code::MISSING,
            format!("UNB is missing: {found} stands outside an interchange"),
        );
        open.blame(finding);
        return take(open, segment).0;
    }
    let mut wrong = |number: u16, part: Option<u16>, good: bool, code: Code, message: &str| {
        if !good {
            let finding = open.element(segment, (number, part), code, message);
            open.blame(finding);
        }
    };
    let identifier = component(segment, 1, 1);
    let known = Charset::named(&identifier).is_some();
    wrong(
        1,
        Some(1),
        identifier.len() == 4 && identifier.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        code::INVALID,
        "0001, the syntax identifier, has four letters, such as UNOA",
    );
    if !known && identifier.len() == 4 {
        let mut finding = open.element(
            segment,
            (1, Some(1)),
            code::VERSION,
            format!("the syntax identifier `{identifier}` is none of UNOA to UNOK, UNOW, UNOX and UNOY: the text is read as ISO 8859-1, or UTF-8 where it is"),
        );
        finding.severity = Severity::Note;
        open.blame(finding);
    }
    let mut wrong = |number: u16, part: Option<u16>, good: bool, code: Code, message: &str| {
        if !good {
            let finding = open.element(segment, (number, part), code, message);
            open.blame(finding);
        }
    };
    let version = component(segment, 1, 2);
    wrong(1, Some(2), !version.is_empty(), code::MISSING, "0002, the syntax version, is missing");
    wrong(
        1,
        Some(2),
        version.is_empty() || matches!(version.as_str(), "1" | "2" | "3" | "4"),
        code::VERSION,
        "0002, the syntax version, is 1, 2, 3 or 4",
    );
    for (number, what) in [(2, "0004, the sender,"), (3, "0010, the recipient,")] {
        let id = component(segment, usize::from(number), 1);
        wrong(number, Some(1), !id.is_empty(), code::MISSING, &format!("{what} is missing"));
        wrong(number, Some(1), id.len() <= 35, code::TOO_LONG, &format!("{what} has at most 35 characters"));
        wrong(
            number,
            Some(2),
            component(segment, usize::from(number), 2).len() <= 4,
            code::TOO_LONG,
            &format!("{what} has a qualifier of at most four characters"),
        );
    }
    let (date, time) = (component(segment, 4, 1), component(segment, 4, 2));
    wrong(
        4,
        Some(1),
        is_date(&date),
        code::INVALID,
        &format!("0017, the date, is `{date}`: expected YYMMDD (version 4: YYYYMMDD)"),
    );
    wrong(
        4,
        Some(2),
        is_time(&time) && time.len() == 4,
        code::INVALID,
        &format!("0019, the time, is `{time}`: expected HHMM"),
    );
    let control = element(segment, 5);
    wrong(5, None, !control.is_empty(), code::MISSING, "0020, the interchange control reference, is missing");
    wrong(
        5,
        None,
        control.len() <= 14,
        code::TOO_LONG,
        "0020, the interchange control reference, has at most 14 characters",
    );
    wrong(
        11,
        None,
        matches!(segment.get(11), b"" | b"1" | b"2" | b"3" | b"4"),
        code::INVALID,
        "0035, the test indicator, is 1 (2, 3, 4 in version 4)",
    );
    wrong(
        9,
        None,
        matches!(segment.get(9), b"" | b"0" | b"1" | b"2"),
        code::INVALID,
        "0031, the acknowledgement request, is 0, 1 or 2",
    );
    wrong(12, None, segment.element(12).is_none(), code::TOO_MANY, "UNB has at most 11 elements");
    Place::InterchangeBegins
}

/// Takes one segment after the `UNB`; the message that ended with it, if one did.
pub(crate) fn take(open: &mut Open, segment: &Segment<'_>) -> (Place, Option<Set>) {
    match segment.tag() {
        b"UNH" => (Place::SetBegins, begin_set(open, segment)),
        b"UNT" => end_set(open, segment),
        b"UNG" => (Place::GroupBegins, begin_group(open, segment)),
        b"UNE" => (Place::GroupEnds, end_group(open, segment)),
        b"UNZ" => (Place::InterchangeEnds, end(open, segment)),
        _ if open.set.is_some() => {
            body(open, segment);
            (Place::Set, None)
        }
        tag @ (b"UNO" | b"UNP" | b"USH" | b"UST" | b"USA" | b"USC" | b"USR") => {
            let message = format!("{}: packages and security segments are not read", open::text(tag));
            let finding = open.segment(segment, code::ENVELOPE, message);
            open.blame_group(finding);
            (Place::Interchange, None)
        }
        tag => {
            let message = format!(
                "segment {} stands outside a message: UNH is missing before it",
                crate::error::printable(tag)
            );
            let finding = open.segment(segment, code::OUTSIDE, message);
            open.blame_group(finding);
            (if open.group.is_some() { Place::Group } else { Place::Interchange }, None)
        }
    }
}

fn begin_group(open: &mut Open, segment: &Segment<'_>) -> Option<Set> {
    let ended = missing_set_trailer(open, segment);
    if open.group.as_ref().is_some_and(|group| !group.explicit) {
        let finding = open.segment(
            segment,
            code::MIXED,
            "UNG begins a group, and messages without one stand before it",
        );
        open.blame(finding);
        open.put_group_away();
    }
    missing_group_trailer(open, segment);
    let party = |number: usize| Party {
        id: component(segment, number, 1),
        qualifier: component(segment, number, 2),
        routing: String::new(),
    };
    let mut group = open::blank_group(segment, true);
    group.functional = element(segment, 1);
    group.sender = party(2);
    group.receiver = party(3);
    group.date = component(segment, 4, 1);
    group.time = component(segment, 4, 2);
    group.control = element(segment, 5);
    group.agency = element(segment, 6);
    group.version = joined(segment, 7, 1);
    let control = group.control.clone();
    open.group = Some(group);
    if control.is_empty() {
        let finding =
            open.element(segment, (5, None), code::MISSING, "0048, the group reference, is missing");
        open.blame_group(finding);
    } else if !open.groups_seen.insert(&control) {
        let message = format!("0048 is `{control}`: another group of this interchange has this reference");
        let finding = open.element(segment, (5, None), code::DUPLICATE, message);
        open.blame_group(finding);
    }
    if control.len() > 14 {
        let finding = open.element(
            segment,
            (5, None),
            code::TOO_LONG,
            "0048, the group reference, has at most 14 characters",
        );
        open.blame_group(finding);
    }
    ended
}

fn begin_set(open: &mut Open, segment: &Segment<'_>) -> Option<Set> {
    let ended = missing_set_trailer(open, segment);
    if open.group.is_none() {
        let mixed = open.interchange.groups.iter().any(|group| group.explicit);
        open.group = Some(open::blank_group(segment, false));
        if mixed {
            let finding = open.segment(
                segment,
                code::MIXED,
                "a message stands outside a group, and groups stand before it",
            );
            open.blame(finding);
        }
    }
    open.messages += 1;
    let set = Set {
        range: segment.range(),
        id: component(segment, 2, 1),
        control: element(segment, 1),
        version: joined(segment, 2, 2),
        segments: 1,
        findings: Vec::new(),
    };
    let (id, control) = (set.id.clone(), set.control.clone());
    open.set = Some(set);
    let mut wrong = |number: u16, part: Option<u16>, good: bool, code: Code, message: &str| {
        if !good {
            let finding = open.element(segment, (number, part), code, message);
            open.blame_set(finding);
        }
    };
    wrong(1, None, !control.is_empty(), code::MISSING, "0062, the message reference, is missing");
    wrong(
        1,
        None,
        control.len() <= 14,
        code::TOO_LONG,
        "0062, the message reference, has at most 14 characters",
    );
    wrong(2, Some(1), !id.is_empty(), code::MISSING, "0065, the message type, is missing");
    wrong(2, Some(1), id.len() <= 6, code::TOO_LONG, "0065, the message type, has at most 6 characters");
    wrong(
        2,
        Some(2),
        !component(segment, 2, 2).is_empty(),
        code::MISSING,
        "0052, the version of the message, is missing",
    );
    wrong(
        2,
        Some(3),
        !component(segment, 2, 3).is_empty(),
        code::MISSING,
        "0054, the release of the message, is missing",
    );
    wrong(
        2,
        Some(4),
        !component(segment, 2, 4).is_empty(),
        code::MISSING,
        "0051, the controlling agency, is missing",
    );
    if !control.is_empty() && !open.sets_seen.insert(&control) {
        let message = format!("0062 is `{control}`: another message of this interchange has this reference");
        let finding = open.element(segment, (1, None), code::DUPLICATE, message);
        open.blame_set(finding);
    }
    let of_group = open.group.as_ref().filter(|group| group.explicit).map(|group| group.functional.clone());
    if let Some(functional) = of_group
        .filter(|functional| !id.is_empty() && *functional != id && !open.interchange.version.ends_with(":4"))
    {
        let message = format!("the group is of `{functional}`, and the message is `{id}`");
        let mut finding = open.element(segment, (2, Some(1)), code::TYPES, message);
        finding.severity = Severity::Note;
        open.blame_set(finding);
    }
    ended
}

fn end_set(open: &mut Open, segment: &Segment<'_>) -> (Place, Option<Set>) {
    let Some(set) = &mut open.set else {
        let finding = open.segment(segment, code::OUTSIDE, "UNT ends no message: UNH is missing");
        open.blame_group(finding);
        return (Place::Group, None);
    };
    set.segments += 1;
    set.range.end = segment.range().end;
    let (segments, control) = (set.segments, set.control.clone());
    let said = element(segment, 1);
    if count(&said) != Some(segments) {
        let message = format!("UNT says `{said}` segments (0074), the message has {segments}");
        let finding = open.element(segment, (1, None), code::COUNT, message);
        open.blame_set(finding);
    }
    let said = element(segment, 2);
    if said != control {
        let message = format!("UNT names the message `{said}` (0062), and UNH `{control}`");
        let finding = open.element(segment, (2, None), code::REFERENCES, message);
        open.blame_set(finding);
    }
    (Place::SetEnds, open.put_set_away())
}

fn end_group(open: &mut Open, segment: &Segment<'_>) -> Option<Set> {
    let ended = missing_set_trailer(open, segment);
    if !open.group.as_ref().is_some_and(|group| group.explicit) {
        let finding = open.segment(segment, code::OUTSIDE, "UNE ends no group: UNG is missing");
        open.blame(finding);
        return ended;
    }
    let said = element(segment, 1);
    let (mut received, mut control) = (0, String::new());
    if let Some(group) = &mut open.group {
        group.range.end = segment.range().end;
        group.declared = count(&said);
        received = group.received;
        control.clone_from(&group.control);
    }
    if count(&said) != Some(received) {
        let message = format!("UNE says `{said}` messages (0060), the group has {received}");
        let finding = open.element(segment, (1, None), code::COUNT, message);
        open.blame_group(finding);
    }
    let said = element(segment, 2);
    if said != control {
        let message = format!("UNE names the group `{said}` (0048), and UNG `{control}`");
        let finding = open.element(segment, (2, None), code::REFERENCES, message);
        open.blame_group(finding);
    }
    open.put_group_away();
    ended
}

fn end(open: &mut Open, segment: &Segment<'_>) -> Option<Set> {
    let ended = missing_set_trailer(open, segment);
    missing_group_trailer(open, segment);
    open.interchange.closed = true;
    let groups = open.interchange.groups.iter().filter(|group| group.explicit).count() as u64;
    let (number, what) = if groups > 0 { (groups, "groups") } else { (open.messages, "messages") };
    let said = element(segment, 1);
    if count(&said) != Some(number) {
        let message = format!("UNZ says `{said}` {what} (0036), the interchange has {number}");
        let finding = open.element(segment, (1, None), code::COUNT, message);
        open.blame(finding);
    }
    let said = element(segment, 2);
    if said != open.interchange.control {
        let message =
            format!("UNZ names the interchange `{said}` (0020), and UNB `{}`", open.interchange.control);
        let finding = open.element(segment, (2, None), code::REFERENCES, message);
        open.blame(finding);
    }
    ended
}

/// Ends what is open where the stream, or the interchange, ends without a trailer. `at` is where.
pub(crate) fn abandon(open: &mut Open, at: u64, another: bool) -> Option<Set> {
    let finding = |tag: &str, message: String| Finding {
        offset: at,
        tag: tag.to_owned(),
        segment: 0,
        element: None,
        component: None,
        repetition: None,
        code: code::MISSING,
        message,
        reference: None,
        value: None,
        severity: Severity::Error,
    };
    let before = if another { "another interchange begins" } else { "the input ends" };
    let mut ended = None;
    if open.set.is_some() {
        open.blame_set(finding("UNT", format!("{before} within a message: UNT is missing")));
        ended = open.put_set_away();
    }
    if open.group.as_ref().is_some_and(|group| group.explicit) {
        open.blame_group(finding("UNE", format!("{before} within a group: UNE is missing")));
    }
    open.put_group_away();
    open.blame(finding("UNZ", format!("{before} before this interchange does: UNZ is missing")));
    ended
}

fn missing_set_trailer(open: &mut Open, segment: &Segment<'_>) -> Option<Set> {
    open.set.as_ref()?;
    let message = format!("UNT is missing before {}", open::text(segment.tag()));
    let finding = open.segment(segment, code::MISSING, message);
    open.blame_set(finding);
    open.put_set_away()
}

fn missing_group_trailer(open: &mut Open, segment: &Segment<'_>) {
    if open.group.as_ref().is_some_and(|group| group.explicit) {
        let message = format!("UNE is missing before {}", open::text(segment.tag()));
        let finding = open.segment(segment, code::MISSING, message);
        open.blame_group(finding);
    }
    open.put_group_away();
}

/// Checks that hold in every message, whatever its type.
fn body(open: &mut Open, segment: &Segment<'_>) {
    if let Some(set) = &mut open.set {
        set.segments += 1;
        set.range.end = segment.range().end;
    }
    let tag = segment.tag();
    if tag.len() != 3 || !tag.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
        let message = format!("`{}` is no segment tag: three letters", crate::error::printable(tag));
        let code = if tag.len() > 3 {
            code::TOO_LONG
        } else if tag.is_empty() {
            code::MISSING
        } else {
            code::TOO_SHORT
        };
        let finding = open.segment(segment, code, message);
        open.blame_set(finding);
    } else if matches!(tag, b"UNA" | b"UNB" | b"UIB" | b"UIH") {
        let finding =
            open.segment(segment, code::POSITION, format!("{} stands within a message", open::text(tag)));
        open.blame_set(finding);
    } else if segment.text().get(3) == Some(&segment.syntax().component)
        && open.interchange.version.ends_with(":4")
    {
        let finding =
            open.segment(segment, code::NESTING, "explicit nesting belongs to syntax versions 1 to 3");
        open.blame_set(finding);
    }
    characters(open, segment);
}

/// The repertoire of UNOA and UNOB, and control characters: told, not rejected, since practice has long gone beyond it.
fn characters(open: &mut Open, segment: &Segment<'_>) {
    let control = |byte: u8| byte < 0x20 || byte == 0x7F;
    if !segment.text().iter().fold(false, |any, &byte| any | control(byte)) {
        return;
    }
    let syntax = *segment.syntax();
    for (index, field) in segment.elements().enumerate() {
        if let Some(&byte) = field.raw().iter().find(|&&byte| control(byte) && !syntax.delimits(byte)) {
            let message = format!("a control character (0x{byte:02X}) stands in data");
            let mut finding = open.element(segment, (index as u16 + 1, None), code::CHARACTERS, message);
            finding.severity =
                if matches!(byte, b'\r' | b'\n' | b'\t') { Severity::Note } else { Severity::Error };
            open.blame_set(finding);
            return;
        }
    }
}

/// The components of an element from `first` on, joined with colons, without empty ones at the end.
fn joined(segment: &Segment<'_>, number: usize, first: usize) -> String {
    let Some(field) = segment.element(number) else { return String::new() };
    let parts: Vec<String> =
        field.components().skip(first - 1).take(8).map(|part| open::text(&part.value())).collect();
    parts.join(":").trim_end_matches(':').to_owned()
}
