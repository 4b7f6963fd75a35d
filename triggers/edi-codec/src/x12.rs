//! X12's envelopes: `ISA`, `GS`, `ST` and their trailers, and what stands between them. What must hold: every check names the code of the level that
//! acknowledges it (TA1, AK9, AK5, AK3, AK4); what is wrong with one set says nothing of another.

use crate::detect::ISA_WIDTHS;
use crate::finding::{Code, Finding, Severity};
use crate::interchange::{Interchange, Party, Set, Ta1};
use crate::open::{self, Open, count, element, is_date, is_time};
use crate::place::Place;
use crate::segment::Segment;

/// TA105 of ISA01 to ISA16: data element I18.
const ISA_CODES: [u16; 16] = [10, 11, 12, 13, 5, 6, 7, 8, 14, 15, 16, 17, 18, 19, 20, 27];

/// An interchange from its `ISA`.
pub(crate) fn begin(segment: &Segment<'_>, begins: u64) -> Interchange {
    let field = |number: usize| open::text(segment.get(number)).trim_end().to_owned();
    let party = |qualifier: usize| Party {
        qualifier: field(qualifier),
        id: field(qualifier + 1).trim_start().to_owned(),
        routing: String::new(),
    };
    Interchange {
        sender: party(5),
        receiver: party(7),
        control: field(13),
        date: field(9),
        time: field(10),
        version: field(12),
        test: segment.get(15) != b"P",
        acknowledgement_requested: segment.get(14) == b"1",
        ..open::blank(segment, begins)
    }
}

/// What is wrong with the `ISA` itself.
pub(crate) fn check_header(open: &mut Open, segment: &Segment<'_>) {
    let mut findings = Vec::new();
    for (index, (&width, &code)) in ISA_WIDTHS.iter().zip(&ISA_CODES).enumerate() {
        let number = index + 1;
        let value = segment.get(number);
        let text = open::text(value);
        let wrong = if value.len() == width {
            isa_value(number, &text).map(|expected| format!("ISA{number:02} is `{text}`: {expected}"))
        } else {
            Some(format!("ISA{number:02} has {} characters and must have {width}", value.len()))
        };
        if let Some(message) = wrong {
            findings.push(open.element(segment, (number as u16, None), Code::Ta105(code), message));
        }
    }
    let elements = segment.elements().count();
    if elements > ISA_WIDTHS.len() {
        findings.push(open.segment(
            segment,
            Code::Ta105(22),
            format!("ISA has 16 elements, found {elements}"),
        ));
    }
    for finding in findings {
        open.blame(finding);
    }
}

/// What an element of ISA must be, where it is not.
fn isa_value(number: usize, text: &str) -> Option<&'static str> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let blank = text.trim().is_empty();
    match number {
        1 => (!matches!(text, "00" | "01" | "02" | "03" | "04" | "05" | "06")).then_some("expected 00 to 06"),
        3 => (!matches!(text, "00" | "01")).then_some("expected 00 or 01"),
        5 | 7 => (!text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            .then_some("expected two letters or digits"),
        6 | 8 => blank.then_some("an id is needed"),
        9 => (!is_date(text)).then_some("expected a date, YYMMDD"),
        10 => (!is_time(text)).then_some("expected a time, HHMM"),
        11 => (text != "U" && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b' '))
            .then_some("expected `U` or the repetition separator"),
        12 | 13 => (!digits).then_some("expected digits"),
        14 => (!matches!(text, "0" | "1")).then_some("expected 0 or 1"),
        15 => (!matches!(text, "P" | "T" | "I")).then_some("expected P, T or I"),
        _ => None,
    }
}

/// Takes one segment after the `ISA`; the set that ended with it, if one did.
pub(crate) fn take(open: &mut Open, segment: &Segment<'_>) -> (Place, Option<Set>) {
    match segment.tag() {
        b"ST" => (Place::SetBegins, begin_set(open, segment)),
        b"SE" => end_set(open, segment),
        b"GS" => (Place::GroupBegins, begin_group(open, segment)),
        b"GE" => (Place::GroupEnds, end_group(open, segment)),
        b"IEA" => (Place::InterchangeEnds, end(open, segment)),
        b"TA1" if open.set.is_none() => {
            ta1(open, segment);
            (Place::Interchange, None)
        }
        _ if open.set.is_some() => {
            body(open, segment);
            (Place::Set, None)
        }
        // Deferred delivery and security, X12.6 §3.4 and X12.58.
        b"ISB" | b"ISE" if open.group.is_none() => (Place::Interchange, None),
        b"S1S" | b"S1E" | b"S1A" | b"S3S" | b"S3E" | b"S3A" | b"SVA" if open.group.is_some() => {
            (Place::Group, None)
        }
        tag => {
            let what =
                if open.group.is_some() { "outside a transaction set" } else { "outside a functional group" };
            let message = format!("segment {} stands {what}", open::text(&tag[..tag.len().min(16)]));
            let finding = open.segment(segment, Code::Ta105(22), message);
            open.blame_group(finding);
            (if open.group.is_some() { Place::Group } else { Place::Interchange }, None)
        }
    }
}

fn begin_group(open: &mut Open, segment: &Segment<'_>) -> Option<Set> {
    let ended = missing_set_trailer(open, segment);
    missing_group_trailer(open, segment);
    let party =
        |number: usize| Party { id: element(segment, number).trim_end().to_owned(), ..Party::default() };
    let mut group = open::blank_group(segment, true);
    group.functional = element(segment, 1);
    group.sender = party(2);
    group.receiver = party(3);
    group.date = element(segment, 4);
    group.time = element(segment, 5);
    group.control = element(segment, 6);
    group.agency = element(segment, 7);
    group.version = element(segment, 8);
    open.sets_seen.clear();
    let unique = open.groups_seen.insert(group.control.trim_start_matches('0'));
    let control = group.control.clone();
    open.group = Some(group);
    let mut wrong = |number: u16, good: bool, code: u16, message: &str| {
        if !good {
            let value = element(segment, usize::from(number));
            let code = if number == 6 { Code::Ak905(code) } else { Code::Ta105(code) };
            let finding =
                open.element(segment, (number, None), code, format!("GS{number:02} is `{value}`: {message}"));
            open.blame_group(finding);
        }
    };
    let size = |number: usize, least: usize, most: usize| {
        let length = segment.get(number).len();
        (least..=most).contains(&length)
    };
    wrong(1, size(1, 2, 2), 24, "expected the two letters of a functional identifier");
    wrong(2, size(2, 2, 15), 24, "the sender's code has 2 to 15 characters");
    wrong(3, size(3, 2, 15), 24, "the receiver's code has 2 to 15 characters");
    wrong(4, is_date(&element(segment, 4)), 24, "expected a date, CCYYMMDD (or YYMMDD before 004010)");
    wrong(5, is_time(&element(segment, 5)), 24, "expected a time, HHMM or HHMMSS");
    wrong(6, size(6, 1, 9) && count(&control).is_some(), 6, "expected 1 to 9 digits");
    wrong(6, unique, 19, "another group of this interchange has this control number");
    wrong(7, matches!(segment.get(7), b"X" | b"T"), 24, "expected X or T");
    wrong(8, size(8, 1, 12), 24, "the version has 1 to 12 characters");
    ended
}

fn begin_set(open: &mut Open, segment: &Segment<'_>) -> Option<Set> {
    let ended = missing_set_trailer(open, segment);
    if open.group.is_none() {
        let finding = open.segment(
            segment,
            Code::Ta105(22),
            "a transaction set stands outside a functional group: GS is missing",
        );
        open.blame(finding);
        open.group = Some(open::blank_group(segment, false));
    }
    let version = open.group.as_ref().map(|group| group.version.clone()).unwrap_or_default();
    let set = Set {
        range: segment.range(),
        id: element(segment, 1),
        control: element(segment, 2),
        version: Some(element(segment, 3)).filter(|version| !version.is_empty()).unwrap_or(version),
        segments: 1,
        findings: Vec::new(),
    };
    let (id, control) = (set.id.clone(), set.control.clone());
    open.messages += 1;
    open.set = Some(set);
    if id.len() != 3 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let finding = open.element(
            segment,
            (1, None),
            Code::Ak502(6),
            format!("ST01 is `{id}`: expected three digits"),
        );
        open.blame_set(finding);
    }
    if !(4..=9).contains(&control.len()) {
        let message = format!("ST02 is `{control}`: a control number has 4 to 9 characters");
        let finding = open.element(segment, (2, None), Code::Ak502(7), message);
        open.blame_set(finding);
    }
    if !open.sets_seen.insert(&control) {
        let message = format!("ST02 is `{control}`: another set of this group has this control number");
        let finding = open.element(segment, (2, None), Code::Ak502(23), message);
        open.blame_set(finding);
    }
    ended
}

fn end_set(open: &mut Open, segment: &Segment<'_>) -> (Place, Option<Set>) {
    let Some(set) = &mut open.set else {
        let finding = open.segment(segment, Code::Ta105(22), "SE ends no transaction set: ST is missing");
        open.blame_group(finding);
        return (Place::Group, None);
    };
    set.segments += 1;
    set.range.end = segment.range().end;
    let (segments, control) = (set.segments, set.control.clone());
    let said = element(segment, 1);
    if count(&said) != Some(segments) {
        let message = format!("SE01 says `{said}` segments, the set has {segments}");
        let finding = open.element(segment, (1, None), Code::Ak502(4), message);
        open.blame_set(finding);
    }
    let said = element(segment, 2);
    if said != control {
        let message = format!("SE02 is `{said}`, and ST02 is `{control}`");
        let finding = open.element(segment, (2, None), Code::Ak502(3), message);
        open.blame_set(finding);
    }
    (Place::SetEnds, open.put_set_away())
}

fn end_group(open: &mut Open, segment: &Segment<'_>) -> Option<Set> {
    let ended = missing_set_trailer(open, segment);
    let Some(group) = &mut open.group else {
        let finding = open.segment(segment, Code::Ta105(22), "GE ends no functional group: GS is missing");
        open.blame(finding);
        return ended;
    };
    group.range.end = segment.range().end;
    let said = element(segment, 1);
    group.declared = count(&said);
    let (received, control) = (group.received, group.control.clone());
    if group.declared != Some(received) {
        let message = format!("GE01 says `{said}` transaction sets, the group has {received}");
        let finding = open.element(segment, (1, None), Code::Ak905(5), message);
        open.blame_group(finding);
    }
    let said = element(segment, 2);
    let same = said == control || count(&said).is_some_and(|number| Some(number) == count(&control));
    if !same {
        let message = format!("GE02 is `{said}`, and GS06 is `{control}`");
        let finding = open.element(segment, (2, None), Code::Ak905(4), message);
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
    let said = element(segment, 1);
    if count(&said) != Some(groups) {
        let message = format!("IEA01 says `{said}` functional groups, the interchange has {groups}");
        let mut finding = open.element(segment, (1, None), Code::Ta105(21), message);
        // An interchange of TA1 alone has no group, and is often said to have one.
        if groups == 0 && !open.interchange.acknowledged.is_empty() {
            finding.severity = Severity::Note;
        }
        open.blame(finding);
    }
    let said = element(segment, 2);
    if said != open.interchange.control {
        let message = format!("IEA02 is `{said}`, and ISA13 is `{}`", open.interchange.control);
        let finding = open.element(segment, (2, None), Code::Ta105(1), message);
        open.blame(finding);
    }
    ended
}

/// Ends what is open where the stream, or the interchange, ends without a trailer. `at` is where.
pub(crate) fn abandon(open: &mut Open, at: u64, another: bool) -> Option<Set> {
    let finding = |tag: &str, code: Code, message: &str| Finding {
        offset: at,
        tag: tag.to_owned(),
        segment: 0,
        element: None,
        component: None,
        repetition: None,
        code,
        message: message.to_owned(),
        reference: None,
        value: None,
        severity: Severity::Error,
    };
    let mut ended = None;
    if open.set.is_some() {
        open.blame_set(finding(
            "SE",
            Code::Ak502(2),
            "the input ends within a transaction set: SE is missing",
        ));
        ended = open.put_set_away();
    }
    if open.group.is_some() {
        open.blame_group(finding(
            "GE",
            Code::Ak905(3),
            "the input ends within a functional group: GE is missing",
        ));
        open.put_group_away();
    }
    open.blame(if another {
        finding("IEA", Code::Ta105(22), "another interchange begins before this one ends: IEA is missing")
    } else {
        finding("IEA", Code::Ta105(23), "the input ends before the interchange does: IEA is missing")
    });
    ended
}

fn missing_set_trailer(open: &mut Open, segment: &Segment<'_>) -> Option<Set> {
    open.set.as_ref()?;
    let message = format!("SE is missing before {}", open::text(segment.tag()));
    let finding = open.segment(segment, Code::Ak502(2), message);
    open.blame_set(finding);
    open.put_set_away()
}

fn missing_group_trailer(open: &mut Open, segment: &Segment<'_>) {
    if open.group.as_ref().is_some_and(|group| group.explicit) {
        let message = format!("GE is missing before {}", open::text(segment.tag()));
        let finding = open.segment(segment, Code::Ak905(3), message);
        open.blame_group(finding);
    }
    open.put_group_away();
}

fn ta1(open: &mut Open, segment: &Segment<'_>) {
    let field = |number: usize| element(segment, number);
    let ta1 = Ta1 {
        control: field(1),
        date: field(2),
        time: field(3),
        status: field(4),
        note: field(5),
        offset: segment.offset(),
    };
    let wrong = if count(&ta1.control).is_none() || ta1.control.len() != 9 {
        Some((1, "a control number has 9 digits"))
    } else if ta1.date.len() != 6 {
        // It repeats the date and time of the interchange that it is about, which may be what is wrong with that.
        Some((2, "expected a date, YYMMDD"))
    } else if ta1.time.len() != 4 {
        Some((3, "expected a time, HHMM"))
    } else if !matches!(ta1.status.as_str(), "A" | "E" | "R") {
        Some((4, "expected A, E or R"))
    } else if count(&ta1.note).is_none() || ta1.note.len() != 3 {
        Some((5, "expected three digits"))
    } else {
        None
    };
    if let Some((number, message)) = wrong {
        let message = format!("TA1{number:02} is `{}`: {message}", field(usize::from(number)));
        let finding = open.element(segment, (number, None), Code::Ta105(24), message);
        open.blame(finding);
    }
    open.interchange.acknowledged.push(ta1);
}

/// Checks that hold in every transaction set, whatever its type.
fn body(open: &mut Open, segment: &Segment<'_>) {
    if let Some(set) = &mut open.set {
        set.segments += 1;
        set.range.end = segment.range().end;
    }
    let tag = segment.tag();
    if !(2..=3).contains(&tag.len())
        || !tag[0].is_ascii_uppercase()
        || !tag.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    {
        let message = format!(
            "`{}` is no segment identifier: two or three letters and digits",
            crate::error::printable(tag)
        );
        let finding = open.segment(segment, Code::Ak304(1), message);
        open.blame_set(finding);
        return;
    }
    match tag {
        b"LS" => {
            let id = element(segment, 1);
            let message = format!("LS opens the loop `{id}`, and no LE closes it");
            let unclosed = open.segment(segment, Code::Ak304(3), message);
            if open.loops.len() < MAX_LOOPS {
                open.loops.push((id, unclosed));
            } else {
                let finding = open.segment(
                    segment,
                    Code::Ak304(4),
                    format!("loops are nested deeper than {MAX_LOOPS}"),
                );
                open.blame_set(finding);
            }
        }
        b"LE" => {
            let id = element(segment, 1);
            match open.loops.pop() {
                Some((opened, _)) if opened == id => {}
                Some((opened, _)) => {
                    let message =
                        format!("LE closes the loop `{id}`, and the loop that is open is `{opened}`");
                    let finding = open.element(segment, (1, None), Code::Ak403(7), message);
                    open.blame_set(finding);
                }
                None => {
                    let finding = open.segment(
                        segment,
                        Code::Ak304(2),
                        format!("LE closes the loop `{id}`, and none is open"),
                    );
                    open.blame_set(finding);
                }
            }
        }
        b"HL" => level(open, segment),
        b"BIN" | b"BDS" => binary(open, segment),
        _ => {}
    }
    characters(open, segment);
}

/// How deep LS may nest.
pub const MAX_LOOPS: usize = 64;

/// HL01 names a level once; HL02 names one that came before.
fn level(open: &mut Open, segment: &Segment<'_>) {
    let (id, parent) = (element(segment, 1), element(segment, 2));
    if id.is_empty() {
        let finding =
            open.element(segment, (1, None), Code::Ak403(1), "HL01, the number of the level, is missing");
        open.blame_set(finding);
    } else if !open.levels.insert(&id) {
        let message = format!("HL01 is `{id}`: another level of this set has this number");
        let finding = open.element(segment, (1, None), Code::Ak403(7), message);
        open.blame_set(finding);
    }
    if !parent.is_empty() && (parent == id || !open.levels.contains(&parent)) {
        let message = format!("HL02 is `{parent}`: no level before this one has this number");
        let finding = open.element(segment, (2, None), Code::Ak403(7), message);
        open.blame_set(finding);
    }
}

/// BIN01 and BDS02 must say how long the data after them is.
fn binary(open: &mut Open, segment: &Segment<'_>) {
    if segment.binary.is_some() {
        return;
    }
    let number = if segment.is("BIN") { 1 } else { 2 };
    let said = element(segment, number);
    let (element, code, message) = match count(&said) {
        None => (number, 6, format!("the length of the data is `{said}`: expected digits")),
        Some(length) => {
            let from = segment.element(number + 1).map_or(segment.range().end, |data| data.offset());
            let found = (segment.range().end
                - u64::from(segment.terminated()) * segment.syntax().terminator.width() as u64)
                .saturating_sub(from);
            let code = if length > found { 4 } else { 5 };
            (
                number + 1,
                code,
                format!(
                    "the data has {found} bytes up to the next terminator, and its length is said to be {length}"
                ),
            )
        }
    };
    let finding = open.element(segment, (element as u16, None), Code::Ak403(code), message);
    open.blame_set(finding);
}

/// No control characters in data: X12.6 §3.3.
fn characters(open: &mut Open, segment: &Segment<'_>) {
    let text = segment.text();
    let control = |byte: u8| byte < 0x20 || byte == 0x7F;
    if !text.iter().fold(false, |any, &byte| any | control(byte)) {
        return;
    }
    let syntax = *segment.syntax();
    for (index, field) in segment.elements().enumerate() {
        if field.binary() {
            continue;
        }
        if let Some(byte) = field.raw().iter().find(|&&byte| control(byte) && !syntax.delimits(byte)) {
            let message = format!("a control character (0x{byte:02X}) stands in data");
            let finding = open.element(segment, (index as u16 + 1, None), Code::Ak403(6), message);
            open.blame_set(finding);
            return;
        }
    }
}
