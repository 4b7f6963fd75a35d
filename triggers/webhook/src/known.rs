//! What is remembered of a webhook between two deliveries.

use factotum_model::InitiatorKind;
use factotum_model::trigger::{TriggerKind, WebhookConfig};
use factotum_storage::known_triggers::{self, Addressed, KnownTriggers};
use factotum_storage::triggers::Trigger;
use factotum_storage::{Storage, StorageError, Tx};

use crate::stored;

/// Webhooks, by the token in their URL.
#[derive(Debug)]
pub(crate) struct ByHook;

pub(crate) type Known = known_triggers::Known<ByHook>;
pub(crate) type Cache = KnownTriggers<ByHook>;

impl Addressed for ByHook {
    const KIND: TriggerKind = TriggerKind::Webhook;
    const INITIATOR: InitiatorKind = InitiatorKind::Webhook;
    type Config = WebhookConfig;

    async fn read(storage: &Storage, tx: &mut Tx, trigger: &Trigger) -> Result<WebhookConfig, StorageError> {
        Ok(stored::open(storage, tx, trigger).await?.1)
    }
}
