//! Triggers by their token, remembered for a moment: a look-up costs a query, and of some kinds an unsealing. What must hold: pause and deletion do not rely
//! on this, the accepting transaction checks them again; a changed configuration counts at once on the node that changed it, and after [`REMEMBERED`] on
//! the others; what is unknown is not remembered.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use factotum_model::trigger::TriggerKind;
use factotum_model::{AccountId, Digest, InitiatorKind, OrgId, TriggerId, WorkflowId};
use tokio::time::Instant;

use crate::connection::Tx;
use crate::error::StorageError;
use crate::storage::Storage;
use crate::tally::Refuser;
use crate::trigger_tokens;
use crate::triggers::{self, Trigger};

/// How long a trigger is remembered.
pub const REMEMBERED: Duration = Duration::from_secs(1);
/// How many triggers of a kind are remembered at a time.
const MAX_REMEMBERED: usize = 10_000;

/// A kind of trigger that is found by the token in its address.
pub trait Addressed: fmt::Debug + 'static {
    /// Which kind it is.
    const KIND: TriggerKind;
    /// As what it starts runs.
    const INITIATOR: InitiatorKind;
    /// What its listener asks of it.
    type Config: fmt::Debug + Send + Sync;

    /// The configuration that a trigger has, with what is sealed of it.
    fn read(
        storage: &Storage,
        tx: &mut Tx,
        trigger: &Trigger,
    ) -> impl Future<Output = Result<Self::Config, StorageError>> + Send;
}

/// What is needed of a trigger to take a delivery.
#[derive(Debug)]
pub struct Known<K: Addressed> {
    /// Which.
    pub id: TriggerId,
    /// Its organization.
    pub org_id: OrgId,
    /// Its workflow.
    pub workflow_id: WorkflowId,
    /// The name of its workflow.
    pub workflow: String,
    /// The organization's base account, which its runs have.
    pub base_account: AccountId,
    /// Whether it was paused when it was read.
    pub paused: bool,
    /// Its configuration.
    pub config: K::Config,
}

impl<K: Addressed> Known<K> {
    /// As entries about its refusals name it.
    pub fn refuser(&self) -> Refuser {
        Refuser {
            id: self.id,
            kind: K::INITIATOR,
            org_id: self.org_id,
            base_account: self.base_account,
            workflow: self.workflow.clone(),
        }
    }
}

type Seen<K> = HashMap<Digest, (Instant, Arc<Known<K>>)>;

/// The triggers of a kind seen lately.
#[derive(Debug)]
pub struct KnownTriggers<K: Addressed>(Mutex<Seen<K>>);

impl<K: Addressed> Default for KnownTriggers<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Addressed> KnownTriggers<K> {
    /// The trigger of this kind with this token's hash, one that goes on for a while after its address was regenerated included.
    pub async fn find(&self, storage: &Storage, hash: Digest) -> Result<Option<Arc<Known<K>>>, StorageError> {
        if let Some(known) = self.remembered(hash) {
            return Ok(Some(known));
        }
        let read_at = Instant::now();
        let mut tx = storage.read().await?;
        let trigger = match triggers::find_by_token(&mut tx, hash).await? {
            Some(trigger) => Some(trigger),
            None => trigger_tokens::find(&mut tx, hash, storage.clock().now()).await?,
        };
        let Some(trigger) = trigger.filter(|t| t.kind == K::KIND) else { return Ok(None) };
        let config = K::read(storage, &mut tx, &trigger).await?;
        let known = Arc::new(Known {
            id: trigger.id,
            org_id: trigger.org_id,
            workflow_id: trigger.workflow_id,
            workflow: trigger.workflow,
            base_account: trigger.base_account,
            paused: trigger.paused_at.is_some(),
            config,
        });
        let mut seen = self.lock();
        if seen.len() >= MAX_REMEMBERED {
            seen.clear();
        }
        seen.insert(hash, (read_at, Arc::clone(&known)));
        Ok(Some(known))
    }

    fn remembered(&self, hash: Digest) -> Option<Arc<Known<K>>> {
        self.lock().get(&hash).filter(|(at, _)| at.elapsed() < REMEMBERED).map(|(_, known)| Arc::clone(known))
    }

    /// Forgets a trigger that was changed.
    pub fn forget(&self, trigger: TriggerId) {
        self.lock().retain(|_, (_, known)| known.id != trigger);
    }

    fn lock(&self) -> MutexGuard<'_, Seen<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
