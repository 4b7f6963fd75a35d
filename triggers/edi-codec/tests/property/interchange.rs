//! Interchanges of any legal delimiters, with the data that was put into them.

use factotum_edi_codec::{
    Composer, GroupHeader, Header, Party, SetHeader, Stamp, Standard, Syntax, Terminator, Writer,
};
use proptest::prelude::*;

/// A segment as parts: the tag, then elements, repetitions, components.
pub type Parts = Vec<Vec<Vec<Vec<u8>>>>;

/// A segment as texts: its tag and its elements.
type Texts = (String, Vec<Vec<Vec<String>>>);

/// One interchange.
#[derive(Debug, Clone)]
pub struct Sample {
    pub bytes: Vec<u8>,
    pub syntax: Syntax,
    /// Per set, what stands between its header and trailer.
    pub data: Vec<Vec<Parts>>,
}

/// What may delimit: no letter, digit or blank, nor what ids and dates in these envelopes are made of.
const DELIMITERS: &[u8] = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\x07\x1C\x1D\x1E\x1F\x85\xA7";

fn syntax(standard: Standard) -> impl Strategy<Value = Syntax> {
    let picked = proptest::sample::subsequence(DELIMITERS.to_vec(), 5).prop_shuffle();
    (picked, any::<(bool, bool)>()).prop_map(move |(picked, (repeats, releases))| Syntax {
        standard,
        tag: picked[0],
        element: picked[0],
        component: picked[1],
        repetition: repeats.then_some(picked[2]),
        release: (standard == Standard::Edifact && releases).then_some(picked[3]),
        decimal: b'.',
        terminator: Terminator::byte(picked[4]),
        wrapped: false,
    })
}

fn text() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[ -~]{1,12}").expect("a regex")
}

fn segment() -> impl Strategy<Value = Texts> {
    let component = prop_oneof![3 => text(), 1 => Just(String::new())];
    let repetition = proptest::collection::vec(component, 1..4);
    let element = proptest::collection::vec(repetition, 1..3);
    ("[A-Z][A-Z][A-Z0-9]", proptest::collection::vec(element, 1..6))
}

fn sets() -> impl Strategy<Value = Vec<Vec<Texts>>> {
    proptest::collection::vec(proptest::collection::vec(segment(), 1..6), 1..4)
}

/// Any interchange.
pub fn sample() -> impl Strategy<Value = Sample> {
    let standard = prop_oneof![Just(Standard::X12), Just(Standard::Edifact)];
    let breaks = prop_oneof![Just(""), Just("\n"), Just("\r\n")];
    (standard.prop_flat_map(syntax), sets(), breaks)
        .prop_map(|(syntax, sets, breaks)| compose(syntax, sets, breaks))
}

fn compose(syntax: Syntax, sets: Vec<Vec<Texts>>, breaks: &str) -> Sample {
    let x12 = syntax.standard == Standard::X12;
    let party = |id: &str| Party {
        qualifier: if x12 { "ZZ" } else { "14" }.into(),
        id: id.into(),
        routing: String::new(),
    };
    let mut composer = Composer::new(Header {
        syntax,
        version: if x12 { "00501" } else { "UNOC:4" }.into(),
        sender: party("THEM"),
        receiver: party("US"),
        control: 42,
        test: false,
        acknowledgement_requested: true,
        application: String::new(),
        now: Stamp::from_unix(1_780_000_000),
    })
    .expect("an envelope");
    if x12 {
        let group = GroupHeader {
            functional: "PO".into(),
            sender: party("THEM"),
            receiver: party("US"),
            control: 7,
            version: "005010".into(),
        };
        composer.group(group).expect("a group");
    }
    let mut data = Vec::new();
    for (index, set) in sets.into_iter().enumerate() {
        let header = SetHeader {
            id: if x12 { "850" } else { "ORDERS" }.into(),
            control: index as u32 + 1,
            version: if x12 { String::new() } else { "D03BUN".into() },
        };
        let header = if x12 { header } else { SetHeader { version: "D:03B:UN".into(), ..header } };
        let mut kept = Vec::new();
        composer
            .set_with(&header, |writer| {
                for (tag, elements) in set {
                    let (line, parts) = line(&tag, &elements, &syntax);
                    writer.raw(&line)?;
                    kept.push(parts);
                }
                Ok(())
            })
            .expect("a set");
        data.push(kept);
    }
    let bytes = composer.finish().expect("an interchange");
    Sample { bytes: recount(&bytes, syntax, breaks), syntax, data }
}

/// A segment by the delimiters of `syntax`, from data without what they cannot say, and what it says.
fn line(tag: &str, elements: &[Vec<Vec<String>>], syntax: &Syntax) -> (Vec<u8>, Parts) {
    let tag = match tag {
        // What has a meaning of its own.
        "ISA" | "IEA" | "GS0" | "UNA" | "UNB" | "UNH" | "UNT" | "UNZ" | "UNG" | "UNE" | "UIB" | "UIH"
        | "BIN" | "BDS" | "TA1" => "ZZZ",
        other => other,
    };
    let mut bytes = tag.as_bytes().to_vec();
    let mut parts = vec![vec![vec![tag.as_bytes().to_vec()]]];
    for element in elements {
        bytes.push(syntax.element);
        let mut repetitions = Vec::new();
        for (at, repetition) in
            element.iter().enumerate().take(if syntax.repetition.is_some() { 9 } else { 1 })
        {
            if at > 0 {
                bytes.push(syntax.repetition.expect("taken only where there is one"));
            }
            let mut components = Vec::new();
            for (at, component) in repetition.iter().enumerate() {
                if at > 0 {
                    bytes.push(syntax.component);
                }
                let mut value = Vec::new();
                for byte in component.bytes() {
                    match syntax.release {
                        Some(release) if syntax.delimits(byte) => bytes.extend([release, byte]),
                        None if syntax.delimits(byte) => continue,
                        _ => bytes.push(byte),
                    }
                    value.push(byte);
                }
                components.push(value);
            }
            repetitions.push(components);
        }
        parts.push(repetitions);
    }
    bytes.extend_from_slice(syntax.terminator.as_bytes());
    (bytes, parts)
}

/// Corrects the counts of trailers, since the segments between were written raw, and puts line breaks between segments.
fn recount(bytes: &[u8], syntax: Syntax, breaks: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut count = 0;
    for segment in factotum_edi_codec::segments(bytes) {
        let segment = segment.expect("readable");
        count = if segment.is("ST") || segment.is("UNH") { 1 } else { count + 1 };
        if segment.is("SE") || segment.is("UNT") {
            let mut writer = Writer::new(Vec::new(), syntax);
            let tag = String::from_utf8_lossy(segment.tag()).into_owned();
            let control = String::from_utf8_lossy(segment.get(2)).into_owned();
            writer.segment(&tag, &[(&count.to_string()).into(), (&control).into()]).expect("a trailer");
            out.extend(writer.into_inner());
        } else {
            out.extend_from_slice(segment.raw());
        }
        // A line break that delimits, or that would follow a terminator which is one, stays out.
        if !breaks.bytes().any(|byte| syntax.delimits(byte)) {
            out.extend_from_slice(breaks.as_bytes());
        }
    }
    out
}
