//! One message on its way: from `MAIL` to its last byte. What must hold: its bytes are at most what each of its recipients takes, and stand in the budget of all; of a
//! message that is refused nothing is kept while the rest of it is read.

use std::sync::Arc;

use tokio::time::Instant;

use super::budget::{Budget, Share};
use super::command::Mail;
use crate::deliver::Recipient;
use crate::known::ask_the_same;
use crate::refusal::Refusal;

/// One message on its way.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) mail: Mail,
    pub(crate) recipients: Vec<Recipient>,
    /// What was taken of it.
    pub(crate) data: Vec<u8>,
    /// Whether a `BDAT` came.
    pub(crate) chunked: bool,
    /// Why it will be refused.
    pub(crate) failed: Option<Refusal>,
    /// When its first byte came.
    pub(crate) begun: Option<Instant>,
    most: u64,
    share: Share,
}

impl Transaction {
    pub(crate) fn begin(mail: Mail, most: u64, budget: &Arc<Budget>) -> Self {
        Self {
            mail,
            recipients: Vec::new(),
            data: Vec::new(),
            chunked: false,
            failed: None,
            begun: None,
            most,
            share: Share::none(Arc::clone(budget)),
        }
    }

    /// Adds a recipient, whose bound holds too; the same trigger twice is one.
    pub(crate) fn add(&mut self, recipient: Recipient, most: usize) -> Result<(), Refusal> {
        if self.recipients.iter().any(|other| other.known.id == recipient.known.id) {
            return Ok(());
        }
        if self.recipients.len() >= most {
            return Err(Refusal::TooManyRecipients(most));
        }
        if self.recipients.first().is_some_and(|first| !ask_the_same(&first.known, &recipient.known)) {
            return Err(Refusal::OtherPolicy);
        }
        self.most = self.most.min(recipient.known.config.max_message_bytes);
        self.recipients.push(recipient);
        Ok(())
    }

    /// Takes more of the message, or finds that it can't be taken.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        let whole = (self.data.len() + bytes.len()) as u64;
        if whole > self.most {
            self.fail(Refusal::TooLarge(self.most));
        } else if self.share.grow_to(whole) {
            self.data.extend_from_slice(bytes);
        } else {
            self.fail(Refusal::Busy);
        }
    }

    /// What it came to; its part of the budget is given back when the last is dropped.
    pub(crate) fn into_parts(self) -> ((Mail, Vec<Recipient>, Vec<u8>), Share) {
        ((self.mail, self.recipients, self.data), self.share)
    }

    /// It will be refused: nothing of it is kept.
    pub(crate) fn fail(&mut self, refusal: Refusal) {
        self.data = Vec::new();
        self.share.release();
        self.failed.get_or_insert(refusal);
    }
}
