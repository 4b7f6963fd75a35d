//! Triggers by their token, remembered for a moment: a look-up costs a query and an unsealing. What must hold: pause and
//! deletion do not rely on this, the accepting transaction checks them; a changed configuration counts at once on the node that
//! changed it, and after [`REMEMBERED`] on the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use factotum_model::trigger::{TriggerKind, WebhookConfig};
use factotum_model::{AccountId, Digest, InitiatorKind, OrgId, TriggerId, WorkflowId};
use factotum_storage::tally::Refuser;
use factotum_storage::{Storage, StorageError, trigger_tokens, triggers};
use tokio::time::Instant;

use crate::stored;

/// How long a trigger is remembered.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(1);
/// How many triggers are remembered at a time.
const MAX_REMEMBERED: usize = 10_000;

/// What is needed of a trigger to take a delivery.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) id: TriggerId,
    pub(crate) org_id: OrgId,
    pub(crate) workflow_id: WorkflowId,
    pub(crate) workflow: String,
    pub(crate) base_account: AccountId,
    pub(crate) config: WebhookConfig,
}

impl Known {
    /// As entries about its refusals name it.
    pub(crate) fn refuser(&self) -> Refuser {
        Refuser {
            id: self.id,
            kind: InitiatorKind::Webhook,
            org_id: self.org_id,
            base_account: self.base_account,
            workflow: self.workflow.clone(),
        }
    }
}

/// The triggers seen lately.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<HashMap<Digest, (Instant, Arc<Known>)>>);

impl Cache {
    /// The webhook trigger with this token's hash.
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
        let trigger = match triggers::find_by_token(&mut tx, hash).await? {
            Some(trigger) => Some(trigger),
            None => trigger_tokens::find(&mut tx, hash, storage.clock().now()).await?,
        };
        let Some(trigger) = trigger.filter(|t| t.kind == TriggerKind::Webhook) else { return Ok(None) };
        let (_, config) = stored::open(storage, &mut tx, &trigger).await?;
        let known = Arc::new(Known {
            id: trigger.id,
            org_id: trigger.org_id,
            workflow_id: trigger.workflow_id,
            workflow: trigger.workflow,
            base_account: trigger.base_account,
            config,
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
