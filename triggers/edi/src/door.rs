//! Where interchanges come in: a trigger's URL now. What must hold: pause and deletion are decided by what the database says when it comes; who holds a
//! URL of one partner cannot send in the name of another.

use factotum_model::trigger::{EdiConfig, Token, TriggerKind};
use factotum_model::{AccountId, InitiatorKind, OrgId, TriggerId};
use factotum_storage::accept::Origin;
use factotum_storage::tally::Refuser;
use factotum_storage::{Storage, trigger_tokens, triggers};

use crate::config::ANY_PARTNER;
use crate::refusal::Refusal;
use crate::stored;

/// A trigger that takes deliveries.
#[derive(Debug, Clone)]
pub struct Door {
    pub(crate) trigger: TriggerId,
    pub(crate) org_id: OrgId,
    pub(crate) workflow: String,
    pub(crate) base_account: AccountId,
    pub(crate) config: EdiConfig,
    pub(crate) paused: bool,
}

/// How something came.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// By which transport: `http`.
    pub transport: &'static str,
    /// From where, for the audit trail.
    pub origin: Origin,
}

impl Door {
    /// The largest delivery that it takes, in bytes.
    pub const fn max_bytes(&self) -> u64 {
        self.config.max_body_bytes
    }

    /// Whether a partner's interchanges may come this way.
    pub(crate) fn admits(&self, partner: &str) -> bool {
        self.config.partner == ANY_PARTNER || self.config.partner == partner
    }

    /// As entries about its refusals name it.
    pub(crate) fn refuser(&self) -> Refuser {
        Refuser {
            id: self.trigger,
            kind: InitiatorKind::Edi,
            org_id: self.org_id,
            base_account: self.base_account,
            workflow: self.workflow.clone(),
        }
    }
}

/// The EDI trigger with this token.
pub(crate) async fn find(storage: &Storage, token: &str) -> Result<Door, Refusal> {
    let hash = Token::parse(token).ok_or(Refusal::NotFound)?.hash();
    let mut tx = storage.read().await?;
    let trigger = match triggers::find_by_token(&mut tx, hash).await? {
        Some(trigger) => Some(trigger),
        None => trigger_tokens::find(&mut tx, hash, storage.clock().now()).await?,
    };
    let trigger = trigger.filter(|t| t.kind == TriggerKind::Edi).ok_or(Refusal::NotFound)?;
    Ok(Door {
        config: stored::read(&trigger)?,
        trigger: trigger.id,
        org_id: trigger.org_id,
        workflow: trigger.workflow,
        base_account: trigger.base_account,
        paused: trigger.paused_at.is_some(),
    })
}
