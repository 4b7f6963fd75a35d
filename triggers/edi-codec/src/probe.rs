//! Everything that this crate does with bytes from outside, and what must hold whatever they are: for fuzzing and property tests.

use crate::acknowledge::{Kind, Numbers, Request, acknowledge};
use crate::charset::Charset;
use crate::document;
use crate::interchange::Interchange;
use crate::interchanges::{Interchanges, Keep, Options, read_all};
use crate::reader::segments;
use crate::stamp::Stamp;

/// Reads, checks and acknowledges `bytes`. Panics where a law of this crate is broken: what was read up to an error is the bytes themselves; every place
/// lies within them; every acknowledgement is a whole interchange; the document of every set is that set again; a stream finds what a slice finds.
pub fn probe(bytes: &[u8]) {
    let end = bytes.len() as u64;
    let mut read = 0;
    for segment in segments(bytes) {
        let Ok(segment) = segment else { break };
        assert!(bytes[read..].starts_with(segment.raw()), "byte {read} is written back as another");
        read += segment.raw().len();
        let mut parts = segment.parts();
        for (number, element) in segment.elements().enumerate() {
            assert!(element.offset() <= end, "an element stands beyond the end");
            for (at, repetition) in element.repetitions().enumerate() {
                for (index, component) in repetition.components().enumerate() {
                    let part = parts.next();
                    assert_eq!(
                        part.map(|part| (
                            part.raw,
                            part.value(),
                            part.element,
                            part.repetition,
                            part.component
                        )),
                        Some((
                            component.raw(),
                            component.value(),
                            number as u32 + 1,
                            at as u32 + 1,
                            index as u32 + 1
                        )),
                        "one pass gives something else"
                    );
                }
            }
        }
        assert_eq!(parts.next(), None, "one pass gives more");
    }
    let (mut interchanges, error) = read_all(bytes);
    assert!(error.is_none_or(|error| error.offset() <= end), "an error stands beyond the end");
    let mut stream = Interchanges::with(
        bytes,
        Options { keep: Keep::Failed, limit: bytes.len() + 1, ..Options::default() },
    );
    for interchange in &mut interchanges {
        let streamed = loop {
            // What is told after an error is what was read before it.
            if let Ok(next) = stream.next() {
                break next;
            }
        };
        assert_eq!(
            streamed.map(|streamed| (streamed.digest, streamed.range)),
            Some((interchange.digest, interchange.range.clone())),
            "a stream finds something else"
        );
        places(interchange, end);
        let charset = Charset::of(interchange);
        for (_, set) in interchange.sets() {
            let own = &bytes[set.range.start as usize..set.range.end as usize];
            document::probe(own, &interchange.syntax, set.range.start, &set.version, charset);
        }
        document::check(interchange, bytes);
        places(interchange, end);
        answer(interchange);
    }
}

fn places(interchange: &Interchange, end: u64) {
    assert!(
        interchange.range.start < interchange.range.end && interchange.range.end <= end,
        "a range beyond the end"
    );
    for finding in interchange.all_findings() {
        assert!(finding.offset <= end, "a finding stands beyond the end: {finding}");
    }
    for (_, set) in interchange.sets() {
        let within = interchange.range.start <= set.range.start && set.range.end <= interchange.range.end;
        assert!(within, "a set beyond its interchange");
    }
}

fn answer(interchange: &Interchange) {
    for kind in [Kind::Ta1, Kind::Functional, Kind::Functional997, Kind::Implementation999, Kind::Contrl] {
        let request =
            Request { kind, numbers: Numbers { interchange: 1, group: 1, set: 1 }, now: Stamp::from_unix(0) };
        // What no envelope can carry is refused; what is made is whole.
        let Ok(Some(bytes)) = acknowledge(interchange, &request) else { continue };
        let (back, error) = read_all(&bytes);
        let whole = error.is_none() && back.len() == 1 && back[0].closed;
        assert!(whole, "an acknowledgement is not whole: {}", String::from_utf8_lossy(&bytes));
        assert!(
            matches!(acknowledge(&back[0], &request), Ok(None)),
            "an acknowledgement is acknowledged: {}",
            String::from_utf8_lossy(&bytes)
        );
    }
}
