//! `factotum:workflow/attachments`: the files of the mail that started the run, and the mail itself. What must hold: the mail's bytes are in memory once, those of
//! the event; a reader decodes from them the piece that it is asked for, and no more.

use std::sync::Arc;

use factotum_model::email::{Decoding, Email, Source, TransferEncoding};
use factotum_model::{Event, EventInput};
use wasmtime::component::Resource;

use super::bindings::factotum::workflow::attachments::{Error, Host, HostReader};
use crate::guest::Guest;

/// The most bytes of one piece.
const MAX_PIECE_BYTES: usize = 1 << 20;

type Answer<T> = wasmtime::Result<Result<T, Error>>;

/// How far some bytes of the event are read.
pub struct Reader {
    event: Arc<Event>,
    source: Source,
    decoding: Decoding,
}

impl Guest {
    /// The mail that started the run.
    pub(crate) fn email(&self) -> Option<&Email> {
        match &self.event.input {
            EventInput::Email(email) => Some(email),
            EventInput::Webhook { .. }
            | EventInput::Schedule { .. }
            | EventInput::Edi(_)
            | EventInput::Call => None,
        }
    }

    /// Where an attachment stands in it.
    pub(crate) fn attachment(&self, number: u32) -> Result<Source, String> {
        let email = self.email().ok_or_else(|| "what started this run is no mail".to_owned())?;
        let found = email.attachments.get(number as usize);
        found.map(|attachment| attachment.source).ok_or_else(|| {
            format!(
                "the mail has {} attachments, counted from 0: none is number {number}",
                email.attachments.len()
            )
        })
    }

    fn reader(&mut self, source: Result<Source, String>) -> Answer<Resource<Reader>> {
        self.gate.enter()?;
        let source = match source {
            Ok(source) => source,
            Err(why) => return Ok(Err(Error::NotFound(why))),
        };
        let reader =
            Reader { event: Arc::clone(&self.event), source, decoding: Decoding::new(source.encoding) };
        Ok(self
            .table
            .push(reader)
            .map_err(|error| Error::Other(format!("too many readers are open: {error}"))))
    }
}

impl Host for Guest {
    async fn open(&mut self, number: u32) -> Answer<Resource<Reader>> {
        let source = self.attachment(number);
        self.reader(source)
    }

    async fn raw(&mut self) -> Answer<Resource<Reader>> {
        let whole =
            Source { start: 0, end: self.event.payload.len() as u64, encoding: TransferEncoding::Identity };
        let source = self.email().map(|_| whole).ok_or_else(|| "what started this run is no mail".to_owned());
        self.reader(source)
    }
}

impl HostReader for Guest {
    async fn read(&mut self, reader: Resource<Reader>, most: u32) -> wasmtime::Result<Vec<u8>> {
        self.gate.enter()?;
        let reader = self.table.get_mut(&reader)?;
        let encoded = reader.source.encoded(&reader.event.payload);
        Ok(reader.decoding.read(encoded, (most as usize).min(MAX_PIECE_BYTES)))
    }

    async fn drop(&mut self, reader: Resource<Reader>) -> wasmtime::Result<()> {
        self.table.delete(reader)?;
        Ok(())
    }
}
