//! Why a stream could not be read on. What must hold: whatever an acknowledgement could speak of is a finding, not an error; an error says at which
//! byte reading ended.

use std::io;

use crate::syntax::Standard;

/// Why reading ended before the stream did.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The source failed.
    #[error("the input could not be read after byte {offset}: {source}")]
    Io {
        /// How far it was read.
        offset: u64,
        /// What the source said.
        source: io::Error,
    },
    /// An interchange should begin here, and something else does.
    #[error("byte {offset}: expected an interchange (`ISA`, `UNA`, `UNB` or `STX=`), found {found}")]
    NotEdi {
        /// Where.
        offset: u64,
        /// The first bytes of what stands there, printable.
        found: String,
    },
    /// The stream ends, or a segment does, before its header names all delimiters.
    #[error("byte {offset}: {standard} header: {what}")]
    Header {
        /// Where.
        offset: u64,
        /// Of which standard.
        standard: Standard,
        /// Which element of the header, from 1, where it is one.
        element: Option<u16>,
        /// What is wrong.
        what: String,
    },
    /// A segment has no terminator within the limit.
    #[error(
        "byte {offset}: segment {tag} has no end within {limit} bytes: either its terminator is missing, or it is larger than is accepted here"
    )]
    TooLong {
        /// Where the segment begins.
        offset: u64,
        /// Its tag.
        tag: String,
        /// The limit, in bytes.
        limit: usize,
    },
}

impl ReadError {
    /// Where in the stream reading ended.
    pub fn offset(&self) -> u64 {
        match self {
            Self::Io { offset, .. }
            | Self::NotEdi { offset, .. }
            | Self::Header { offset, .. }
            | Self::TooLong { offset, .. } => *offset,
        }
    }
}

/// Bytes as text for a message: printable ASCII as it is, anything else as a dot, at most 40.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let mut text: String = bytes
        .iter()
        .take(40)
        .map(|&byte| if byte.is_ascii_graphic() || byte == b' ' { byte as char } else { '.' })
        .collect();
    if bytes.len() > 40 {
        text.push('…');
    }
    text
}
