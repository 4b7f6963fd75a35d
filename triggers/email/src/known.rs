//! What is remembered of an e-mail trigger between two mails.

use factotum_model::InitiatorKind;
use factotum_model::trigger::{EmailConfig, TriggerKind};
use factotum_storage::known_triggers::{self, Addressed, KnownTriggers};
use factotum_storage::triggers::Trigger;
use factotum_storage::{Storage, StorageError, Tx};

use crate::stored;

/// E-mail triggers, by the token in their address.
#[derive(Debug)]
pub(crate) struct ByMail;

pub(crate) type Known = known_triggers::Known<ByMail>;
pub(crate) type Cache = KnownTriggers<ByMail>;

impl Addressed for ByMail {
    const KIND: TriggerKind = TriggerKind::Email;
    const INITIATOR: InitiatorKind = InitiatorKind::Email;
    type Config = EmailConfig;

    async fn read(_: &Storage, _: &mut Tx, trigger: &Trigger) -> Result<EmailConfig, StorageError> {
        stored::read(trigger)
    }
}

/// Whether one answer to a message can speak for both: what is asked of a sender is the same.
pub(crate) fn ask_the_same(one: &Known, other: &Known) -> bool {
    let asked = |known: &Known| {
        (known.config.authentication, known.config.require.clone(), known.config.allow_senders.clone())
    };
    asked(one) == asked(other)
}
