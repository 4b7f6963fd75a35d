//! From bytes to interchanges. What must hold: each is read by itself, so that what is said of a byte is said of the bytes that are kept; nothing is taken of a
//! delivery of which an envelope cannot be read.

use std::collections::HashMap;
use std::ops::Range;

use factotum_edi_codec::document::read_set;
use factotum_edi_codec::{Charset, Finding, Interchange, ReadError, Severity, Standard};
use factotum_model::edi;
use factotum_model::{Digest, edi::party};
use serde_json::Value;

/// An interchange with its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) interchange: Interchange,
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Digest,
    /// The sets that can be read as JSON, by group and place, with what is wrong by their grammar.
    pub(crate) documents: HashMap<(usize, usize), (Value, Vec<Finding>)>,
}

/// A delivery that is no EDI, from this byte on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) offset: u64,
    pub(crate) words: String,
}

impl From<ReadError> for Unreadable {
    fn from(error: ReadError) -> Self {
        Self { offset: error.offset(), words: error.to_string() }
    }
}

/// Reads a delivery.
pub(crate) fn all(bytes: Vec<u8>) -> Result<Vec<Read>, (Vec<u8>, Unreadable)> {
    match interchanges(&bytes) {
        Ok(found) => Ok(found),
        Err(unreadable) => Err((bytes, unreadable)),
    }
}

fn interchanges(bytes: &[u8]) -> Result<Vec<Read>, Unreadable> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        let words = "byte 0: there is nothing; send an interchange, from `ISA`, `UNA` or `UNB` on".to_owned();
        return Err(Unreadable { offset: 0, words });
    }
    let mut found = Vec::new();
    for interchange in factotum_edi_codec::read(bytes)? {
        let own = part(bytes, &interchange.range).to_vec();
        // Its places are to be places within its own bytes.
        let interchange = if interchange.range.start == 0 {
            Some(interchange)
        } else {
            factotum_edi_codec::read(&own)?.into_iter().next()
        };
        if let Some(interchange) = interchange {
            let documents = documents(&interchange, &own);
            found.push(Read { digest: Digest::of(&own), interchange, bytes: own, documents });
        }
    }
    Ok(found)
}

fn documents(interchange: &Interchange, bytes: &[u8]) -> HashMap<(usize, usize), (Value, Vec<Finding>)> {
    let (mut documents, charset) = (HashMap::new(), Charset::of(interchange));
    for (at, group) in interchange.groups.iter().enumerate() {
        let sound = group.sets.iter().enumerate().filter(|(_, set)| set.accepted());
        for (place, set) in sound {
            let own = part(bytes, &set.range);
            // What cannot be read of it was found before, and such a set is refused.
            let Ok((document, mut findings)) =
                read_set(own, &interchange.syntax, set.range.start, &set.version, charset)
            else {
                continue;
            };
            // Whether it is refused for them is a matter of what was agreed.
            findings.retain(|found| found.severity == Severity::Error);
            let json = serde_json::from_str(&document.to_json()).unwrap_or_default();
            documents.insert((at, place), (json, findings));
        }
    }
    documents
}

/// The bytes of a part.
pub(crate) fn part<'a>(bytes: &'a [u8], range: &Range<u64>) -> &'a [u8] {
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(at(range.start)..at(range.end)).unwrap_or_default()
}

impl Read {
    /// Its standard, where it is one that partners have agreements in.
    pub(crate) fn standard(&self) -> Option<edi::Standard> {
        match self.interchange.standard() {
            Standard::X12 => Some(edi::Standard::X12),
            Standard::Edifact => Some(edi::Standard::Edifact),
            Standard::Tradacoms => None,
        }
    }

    /// Its sender, as partners' ids are written.
    pub(crate) fn sender(&self) -> String {
        self.party(&self.interchange.sender)
    }

    /// Its receiver.
    pub(crate) fn receiver(&self) -> String {
        self.party(&self.interchange.receiver)
    }

    fn party(&self, party: &factotum_edi_codec::Party) -> String {
        let (qualifier, id) = (party.qualifier.trim(), party.id.trim());
        let text = match (self.standard(), qualifier) {
            (Some(edi::Standard::X12), _) => format!("{qualifier}:{id}"),
            (_, "") => id.to_owned(),
            _ => format!("{id}:{qualifier}"),
        };
        // What can be nobody's id is shown as it stands there.
        self.standard().and_then(|standard| self::party(standard, &text).ok()).unwrap_or(text)
    }
}
