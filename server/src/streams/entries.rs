//! A stream of entries: batch by batch, bounded in number and in bytes. What must hold: a batch has the entries that follow the cursor, none left out.

use factotum_storage::audit_sealed;
use factotum_storage::audit_streams::Position;

use super::deliver::{Delivered, Failure};
use super::sink::{Batch, Sink};
use crate::config::audit_stream::StreamTarget;
use crate::operations::Services;
use crate::view::audit::AuditForm;

/// How many entries are in a batch at the most.
const BATCH: u32 = 500;
/// From which size on a batch takes no further entry, in bytes, as far as their details tell.
const BATCH_BYTES: usize = 1 << 20;

/// What it needs.
pub struct Entries {
    form: AuditForm,
    sink: Sink,
}

impl Entries {
    /// Reads certificates and the like.
    pub fn configured(target: &StreamTarget, form: AuditForm, host: &str) -> Result<Self, String> {
        Ok(Self { form, sink: Sink::configured(target, host)? })
    }

    /// Delivers the next batch of an organization.
    pub async fn deliver(&mut self, services: &Services, position: &Position) -> Result<Delivered, Failure> {
        let org_id = position.org_id;
        let mut tx = services.storage.read().await?;
        let range = audit_sealed::range(&mut tx, org_id, position.next, BATCH).await?;
        drop(tx);
        let full = range.next >= position.next + u64::from(BATCH);
        let (mut entries, mut next) = (range.entries, range.next);
        let mut bytes = 0;
        let fitting = entries.iter().take_while(|sealed| {
            let fits = bytes < BATCH_BYTES;
            bytes += self.form.line(&sealed.entry).len();
            fits
        });
        let fitting = fitting.count();
        if let Some(first_left) = entries.get(fitting) {
            next = first_left.index;
            entries.truncate(fitting);
        }
        let cut = next < range.next;
        let count = entries.len() as u64;
        if !entries.is_empty() {
            let batch = Batch { org_id, entries, form: self.form, now: services.now() };
            self.sink.deliver(&batch).await?;
        }
        Ok(Delivered { next, count, more: full || cut })
    }
}
