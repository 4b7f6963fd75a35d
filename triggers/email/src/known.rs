//! Triggers by their token, remembered for a moment. What must hold: pause and deletion do not rely on this alone, the accepting transaction checks them again; a
//! changed configuration counts at once on the node that changed it, and after [`REMEMBERED`] on the others; what is unknown is not remembered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use factotum_model::trigger::{EmailConfig, TriggerKind};
use factotum_model::{AccountId, Digest, InitiatorKind, OrgId, TriggerId, WorkflowId};
use factotum_storage::tally::Refuser;
use factotum_storage::{Storage, StorageError, triggers};
use tokio::time::Instant;

use crate::stored;

/// How long a trigger is remembered.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(1);
/// How many triggers are remembered at a time.
const MAX_REMEMBERED: usize = 10_000;

/// What is needed of a trigger to take a mail.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) id: TriggerId,
    pub(crate) org_id: OrgId,
    pub(crate) workflow_id: WorkflowId,
    pub(crate) workflow: String,
    pub(crate) base_account: AccountId,
    pub(crate) config: EmailConfig,
    pub(crate) paused: bool,
}

impl Known {
    /// As entries about its refusals name it.
    pub(crate) fn refuser(&self) -> Refuser {
        Refuser {
            id: self.id,
            kind: InitiatorKind::Email,
            org_id: self.org_id,
            base_account: self.base_account,
            workflow: self.workflow.clone(),
        }
    }

    /// Whether one answer to a message can speak for both: what is asked of a sender is the same.
    pub(crate) fn asks_the_same_as(&self, other: &Self) -> bool {
        let asked = |known: &Self| {
            (known.config.authentication, known.config.require.clone(), known.config.allow_senders.clone())
        };
        asked(self) == asked(other)
    }
}

/// The triggers seen lately.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<HashMap<Digest, (Instant, Arc<Known>)>>);

impl Cache {
    /// The e-mail trigger with this token's hash.
    pub(crate) async fn find(
        &self,
        storage: &Storage,
        hash: Digest,
    ) -> Result<Option<Arc<Known>>, StorageError> {
        if let Some(known) = self.remembered(hash) {
            return Ok(Some(known));
        }
        let read_at = Instant::now();
        let mut tx = storage.read().await?;
        let trigger = triggers::find_by_token(&mut tx, hash).await?;
        let Some(trigger) = trigger.filter(|t| t.kind == TriggerKind::Email) else { return Ok(None) };
        let config = stored::read(&trigger)?;
        let known = Arc::new(Known {
            id: trigger.id,
            org_id: trigger.org_id,
            workflow_id: trigger.workflow_id,
            workflow: trigger.workflow,
            base_account: trigger.base_account,
            config,
            paused: trigger.paused_at.is_some(),
        });
        let mut seen = self.lock();
        if seen.len() >= MAX_REMEMBERED {
            seen.clear();
        }
        seen.insert(hash, (read_at, Arc::clone(&known)));
        Ok(Some(known))
    }

    fn remembered(&self, hash: Digest) -> Option<Arc<Known>> {
        self.lock().get(&hash).filter(|(at, _)| at.elapsed() < REMEMBERED).map(|(_, known)| Arc::clone(known))
    }

    /// Forgets a trigger that was changed.
    pub(crate) fn forget(&self, trigger: TriggerId) {
        self.lock().retain(|_, (_, known)| known.id != trigger);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, (Instant, Arc<Known>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
