//! TRADACOMS' envelopes: `STX=`, `BAT=`, `MHD=` and their trailers. What must hold: it is read, counted and written back like the others; it knows no
//! acknowledgement, so its findings have no code.

use crate::finding::{Code, Finding, Severity};
use crate::interchange::{Interchange, Party, Set};
use crate::open::{self, Open, component, count, element};
use crate::place::Place;
use crate::segment::Segment;

/// An interchange from its `STX`.
pub(crate) fn begin(segment: &Segment<'_>, begins: u64) -> Interchange {
    let party = |number: usize| Party { id: component(segment, number, 1), ..Party::default() };
    Interchange {
        version: format!("{}:{}", component(segment, 1, 1), component(segment, 1, 2)),
        sender: party(2),
        receiver: party(3),
        date: component(segment, 4, 1),
        time: component(segment, 4, 2),
        control: element(segment, 5),
        application: element(segment, 7),
        ..open::blank(segment, begins)
    }
}

/// Takes one segment after the `STX`; the message that ended with it, if one did.
pub(crate) fn take(open: &mut Open, segment: &Segment<'_>) -> (Place, Option<Set>) {
    match segment.tag() {
        b"MHD" => {
            let ended = missing_trailer(open, segment);
            if open.group.is_none() {
                open.group = Some(open::blank_group(segment, false));
            }
            open.messages += 1;
            let expected = open.messages;
            let control = element(segment, 1);
            let counted = count(&control) == Some(expected);
            open.set = Some(Set {
                range: segment.range(),
                id: component(segment, 2, 1),
                control,
                version: component(segment, 2, 2),
                segments: 1,
                findings: Vec::new(),
            });
            if !counted {
                let finding = open.element(
                    segment,
                    (1, None),
                    Code::None,
                    format!("MHD counts messages: expected {expected}"),
                );
                open.blame_set(finding);
            }
            (Place::SetBegins, ended)
        }
        b"MTR" if open.set.is_some() => {
            let segments = open.set.as_mut().map_or(0, |set| {
                set.segments += 1;
                set.range.end = segment.range().end;
                set.segments
            });
            let said = element(segment, 1);
            if count(&said) != Some(segments) {
                let message = format!("MTR says `{said}` segments, the message has {segments}");
                let finding = open.element(segment, (1, None), Code::None, message);
                open.blame_set(finding);
            }
            (Place::SetEnds, open.put_set_away())
        }
        b"BAT" => {
            let ended = missing_trailer(open, segment);
            open.put_group_away();
            let mut group = open::blank_group(segment, true);
            group.control = element(segment, 1);
            open.group = Some(group);
            (Place::GroupBegins, ended)
        }
        b"EOB" => {
            let ended = missing_trailer(open, segment);
            let said = element(segment, 1);
            let received = open.group.as_mut().map_or(0, |group| {
                group.range.end = segment.range().end;
                group.received
            });
            if count(&said) != Some(received) {
                let message = format!("EOB says `{said}` messages, the batch has {received}");
                let finding = open.element(segment, (1, None), Code::None, message);
                open.blame_group(finding);
            }
            open.put_group_away();
            (Place::GroupEnds, ended)
        }
        b"END" => {
            let ended = missing_trailer(open, segment);
            open.put_group_away();
            open.interchange.closed = true;
            let said = element(segment, 1);
            if count(&said) != Some(open.messages) {
                let message = format!("END says `{said}` messages, the interchange has {}", open.messages);
                let finding = open.element(segment, (1, None), Code::None, message);
                open.blame(finding);
            }
            (Place::InterchangeEnds, ended)
        }
        _ if open.set.is_some() => {
            if let Some(set) = &mut open.set {
                set.segments += 1;
                set.range.end = segment.range().end;
            }
            if segment.tag().len() != 3 || !segment.tag().iter().all(u8::is_ascii_uppercase) {
                let message =
                    format!("`{}` is no segment code: three letters", crate::error::printable(segment.tag()));
                let finding = open.segment(segment, Code::None, message);
                open.blame_set(finding);
            }
            (Place::Set, None)
        }
        tag => {
            let message = format!("segment {} stands outside a message", crate::error::printable(tag));
            let finding = open.segment(segment, Code::None, message);
            open.blame(finding);
            (Place::Interchange, None)
        }
    }
}

/// Ends what is open where the stream, or the interchange, ends without a trailer. `at` is where.
pub(crate) fn abandon(open: &mut Open, at: u64) -> Option<Set> {
    let finding = |tag: &str| Finding {
        offset: at,
        tag: tag.to_owned(),
        segment: 0,
        element: None,
        component: None,
        repetition: None,
        code: Code::None,
        message: format!("the interchange ends without {tag}"),
        reference: None,
        value: None,
        severity: Severity::Error,
    };
    let mut ended = None;
    if open.set.is_some() {
        open.blame_set(finding("MTR"));
        ended = open.put_set_away();
    }
    open.put_group_away();
    open.blame(finding("END"));
    ended
}

fn missing_trailer(open: &mut Open, segment: &Segment<'_>) -> Option<Set> {
    open.set.as_ref()?;
    let message = format!("MTR is missing before {}", open::text(segment.tag()));
    let finding = open.segment(segment, Code::None, message);
    open.blame_set(finding);
    open.put_set_away()
}
