//! What holds for any interchange and any bytes: what was read is written back, a byte that changed is noticed or means something else, nothing
//! panics, and a stream says what a slice says.

#[path = "property/interchange.rs"]
mod interchange;

use std::io::Read;

use factotum_edi_codec::{
    Interchanges, Keep, Options, ReadError, Reader, Syntax, Writer, probe, read_all, segments,
};
use proptest::prelude::*;

use interchange::{Parts, Sample, sample};

/// All that an interchange says: delimiters, and each segment's tag, elements, repetitions and components as data.
fn meaning(bytes: &[u8]) -> Result<Vec<(Syntax, Parts)>, ReadError> {
    segments(bytes)
        .map(|segment| {
            let segment = segment?;
            let mut parts = vec![vec![vec![segment.tag().to_vec()]]];
            for element in segment.elements() {
                let repetitions = element.repetitions();
                parts.push(
                    repetitions.map(|r| r.components().map(|c| c.value().into_owned()).collect()).collect(),
                );
            }
            Ok((*segment.syntax(), parts))
        })
        .collect()
}

fn written_back(bytes: &[u8]) -> Result<Vec<u8>, ReadError> {
    let mut writer = Writer::new(Vec::new(), Syntax::X12);
    for segment in segments(bytes) {
        writer.copy(&segment?).expect("a Vec takes everything");
    }
    Ok(writer.into_inner())
}

/// A source that gives a few bytes at a time.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let size = self.1.min(into.len()).min(self.0.len());
        into[..size].copy_from_slice(&self.0[..size]);
        self.0 = &self.0[size..];
        Ok(size)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_composed_is_without_fault_and_written_back(Sample { bytes, syntax, data } in sample()) {
        let (interchanges, error) = read_all(&bytes);
        prop_assert!(error.is_none(), "{:?}", error);
        prop_assert_eq!(interchanges.len(), 1);
        let findings: Vec<String> = interchanges[0].all_findings().map(ToString::to_string).collect();
        prop_assert_eq!(findings, Vec::<String>::new());
        prop_assert_eq!(interchanges[0].syntax, syntax);
        prop_assert_eq!(written_back(&bytes).unwrap(), bytes.clone());
        // The data that was put in comes out.
        let found: Vec<_> = meaning(&bytes).unwrap().into_iter().map(|(_, parts)| parts).collect();
        for set in &data {
            for segment in set {
                prop_assert!(found.contains(segment), "{:?}", segment);
            }
        }
    }

    #[test]
    fn another_interchange_of_the_same_data_means_the_same(a in sample(), b in sample()) {
        // Written by the delimiters of another interchange of its standard, as far as those can say it.
        if a.syntax.standard == b.syntax.standard {
            for segment in segments(&a.bytes).skip(1) {
                let segment = segment.unwrap();
                let mut writer = Writer::new(Vec::new(), b.syntax);
                if writer.translate(&segment).is_ok() {
                    let bytes = writer.into_inner();
                    let again = factotum_edi_codec::segments_within(&bytes, &b.syntax, 0).next().unwrap().unwrap();
                    // What is empty at the end is left out.
                    let values = |segment: &factotum_edi_codec::Segment<'_>| {
                        let fields = segment.elements().flat_map(|element| element.repetitions());
                        let mut values: Vec<Vec<u8>> =
                            fields.flat_map(|field| field.components()).map(|part| part.value().into_owned()).collect();
                        while values.pop_if(|value| value.is_empty()).is_some() {}
                        values
                    };
                    prop_assert_eq!(values(&segment), values(&again));
                }
            }
        }
    }

    #[test]
    fn a_byte_that_changed_is_noticed_or_means_something_else(Sample { bytes, .. } in sample(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        let mut changed = bytes.clone();
        changed[at] = byte;
        probe(&changed);
        let (interchanges, error) = read_all(&changed);
        if error.is_some() || interchanges.iter().any(|interchange| interchange.all_findings().next().is_some()) {
            return Ok(());
        }
        prop_assert_eq!(written_back(&changed).unwrap(), changed.clone());
        // A blank between segments may be another blank.
        let between = segments(&bytes).any(|segment| {
            let segment = segment.unwrap();
            let (from, to) = (segment.range().start as usize, segment.range().end as usize);
            (from - segment.lead().len()..from).contains(&at) || (to..to + segment.trail().len()).contains(&at)
        });
        prop_assert!(between || meaning(&changed).unwrap() != meaning(&bytes).unwrap(), "byte {} became {:?}: {}", at, byte as char, String::from_utf8_lossy(&changed));
    }

    #[test]
    fn a_stream_says_what_a_slice_says(Sample { bytes, .. } in sample(), size in 1_usize..64) {
        let mut twice = bytes.clone();
        twice.extend_from_slice(&bytes);
        let mut reader = Reader::with_limit(Trickle(&twice, size), 4096);
        let mut slice = segments(&twice);
        while let Some(segment) = reader.next().unwrap() {
            let other = slice.next().unwrap().unwrap();
            prop_assert_eq!((segment.raw(), segment.text(), segment.offset(), segment.number()), (other.raw(), other.text(), other.offset(), other.number()));
        }
        prop_assert!(slice.next().is_none());
        let options = Options { keep: Keep::Failed, ..Options::default() };
        let mut stream = Interchanges::with(Trickle(&twice, size), options);
        let (whole, _) = read_all(&twice);
        for expected in whole {
            let found = stream.next().unwrap().unwrap();
            prop_assert_eq!((found.digest, found.range, found.groups.len()), (expected.digest, expected.range, expected.groups.len()));
            for (found, expected) in found.groups.iter().zip(&expected.groups) {
                prop_assert_eq!((found.received, found.accepted, found.sets.len()), (expected.received, expected.accepted, 0));
            }
        }
        prop_assert!(stream.next().unwrap().is_none());
    }

    #[test]
    fn no_bytes_at_all_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), head in 0_usize..5) {
        let heads: [&[u8]; 5] = [
            b"", b"ISA*00*          *00*          *ZZ*A              *ZZ*B              *260101*1200*^*00501*000000001*0*P*:~",
            b"UNA:+.? 'UNB+UNOA:3+A+B+260101:1200+1'", b"UNB+UNOB:4+", b"STX=ANA:1+1:A+2:B+260101:120000+1'",
        ];
        probe(&[heads[head], &bytes].concat());
    }
}
