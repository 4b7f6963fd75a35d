//! A mail that came in, and its attachments as streams. What must hold: an attachment is never in memory unless the workflow asks for all of it; what a stranger
//! wrote is data, and what is proven of its sender stands in [`Verdicts`] alone.
//!
//! ```no_run
//! use factotum_sdk::{Event, Failure, Outcome};
//!
//! fn handle(event: Event) -> Result<Outcome, Failure> {
//!     let Event::Email(email) = event else { return Ok(Outcome::None) };
//!     for file in email.attachments.iter().filter(|file| file.media_type == "application/pdf") {
//!         let bytes = file.read_all(5 << 20)?;
//!         // …
//!     }
//!     Outcome::json(&email.subject)
//! }
//! ```

use std::io::Read;

use serde::Deserialize;

use crate::bindings::factotum::workflow::attachments as contract;

/// How much a reader asks for at a time, in bytes.
const PIECE_BYTES: u32 = 256 << 10;

/// A mail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Email {
    /// `MAIL FROM`; empty is the null sender.
    pub envelope_from: String,
    /// The trigger's address as it was written.
    pub envelope_to: String,
    /// The address in `From:`. Anybody can write it: see [`verdicts`](Self::verdicts).
    pub from: String,
    /// The name in `From:`.
    pub from_name: Option<String>,
    /// The addresses in `To:`.
    pub to: Vec<String>,
    /// The addresses in `Cc:`.
    pub cc: Vec<String>,
    /// The address in `Reply-To:`.
    pub reply_to: Option<String>,
    /// `Subject:`, in one line.
    pub subject: String,
    /// `Message-ID:` with its angle brackets.
    pub message_id: Option<String>,
    /// The id of the mail that this one answers.
    pub in_reply_to: Option<String>,
    /// Those of the mails before, the oldest first.
    pub references: Vec<String>,
    /// `Date:`, RFC 3339 in UTC.
    pub date: Option<String>,
    /// Lower-case names with their values.
    pub headers: std::collections::BTreeMap<String, Vec<String>>,
    /// The text; lines end in `\n`.
    pub text: Option<String>,
    /// The HTML.
    pub html: Option<String>,
    /// The files.
    pub attachments: Vec<Attachment>,
    /// What proves where it comes from.
    pub verdicts: Verdicts,
    /// Why this is a mail of a machine, if it is one: it gets no answer.
    pub automatic: Option<String>,
    /// What of it could not be read; [`raw`] has it.
    pub problem: Option<String>,
}

impl Email {
    /// The first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(&name.to_ascii_lowercase())?.first().map(String::as_str)
    }

    /// Where an answer goes: `Reply-To:`, else `From:`.
    pub fn answer_to(&self) -> &str {
        self.reply_to.as_deref().unwrap_or(&self.from)
    }
}

/// A file in a mail.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Attachment {
    /// A name that is one part of a path on any system, and each file's own within its mail.
    pub name: String,
    /// As its sender says: `application/pdf`.
    #[serde(rename = "type")]
    pub media_type: String,
    /// In bytes.
    pub size: u64,
    /// `sha256:` and 64 hexadecimal digits.
    pub sha256: String,
    /// Whether it is shown within the text.
    #[serde(default)]
    pub inline: bool,
    /// The `Content-ID:`, without angle brackets.
    #[serde(default)]
    pub content_id: Option<String>,
    /// Its place in the list.
    #[serde(skip)]
    pub(crate) number: u32,
}

impl Attachment {
    /// Its place in the mail's list, from 0.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Its bytes, piece by piece.
    pub fn open(&self) -> Result<Reader, Error> {
        attachment(self.number)
    }

    /// All its bytes, if they are not more than `most`.
    pub fn read_all(&self, most: u64) -> Result<Vec<u8>, Error> {
        if self.size > most {
            return Err(Error::TooLarge(format!(
                "`{}` has {} bytes; at most {most} are read",
                self.name, self.size
            )));
        }
        let mut bytes = Vec::with_capacity(self.size as usize);
        self.open()?.read_to_end(&mut bytes).map_err(|error| Error::Other(error.to_string()))?;
        Ok(bytes)
    }
}

/// What SPF, DKIM and DMARC say: `none`, `pass`, `fail`, `softfail`, `neutral`, `temperror`, `permerror`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Verdicts {
    /// Of the connection.
    pub spf: String,
    /// Of the signatures.
    pub dkim: String,
    /// Of the domain in `From:`.
    pub dmarc: String,
    /// The domain in `From:`, where it is proven. Decide by this.
    pub authenticated_domain: Option<String>,
}

/// Why there is nothing to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// What started the run is no mail, or has no such attachment.
    #[error("{0}")]
    NotFound(String),
    /// More than was asked for.
    #[error("{0}")]
    TooLarge(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl From<contract::Error> for Error {
    fn from(error: contract::Error) -> Self {
        match error {
            contract::Error::NotFound(why) => Self::NotFound(why),
            contract::Error::Other(why) => Self::Other(why),
        }
    }
}

/// The attachment of this number, from 0, of the mail that started this run.
pub fn attachment(number: u32) -> Result<Reader, Error> {
    Ok(Reader { inner: contract::open(number)?, piece: Vec::new(), at: 0 })
}

/// That mail as it came.
pub fn raw() -> Result<Reader, Error> {
    Ok(Reader { inner: contract::raw()?, piece: Vec::new(), at: 0 })
}

/// Bytes of the mail, piece by piece: a [`Read`].
#[derive(Debug)]
pub struct Reader {
    inner: contract::Reader,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.piece.len() {
            self.piece = self.inner.read(PIECE_BYTES);
            self.at = 0;
        }
        let rest = self.piece.get(self.at..).unwrap_or_default();
        let size = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..size), rest.get(..size)) {
            to.copy_from_slice(from);
        }
        self.at += size;
        Ok(size)
    }
}
