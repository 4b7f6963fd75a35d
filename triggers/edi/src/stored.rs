//! An EDI trigger in the database: its configuration in the clear, its token's hash, and the token's text, sealed. What must hold: what is sealed
//! for one trigger opens for no other.

use factotum_model::trigger::token::ENTROPY_BYTES;
use factotum_model::trigger::{EdiConfig, Token, TriggerKind};
use factotum_model::{AccountId, OrgId, Timestamp, TriggerId, WorkflowId};
use factotum_storage::trigger_tokens;
use factotum_storage::triggers::{self, NewTrigger, Trigger};
use factotum_storage::vault::Sealed;
use factotum_storage::{Storage, StorageError, Tx};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What is sealed, as JSON.
#[derive(Serialize, Deserialize)]
struct Secrets {
    token: String,
}

/// Makes an EDI trigger of a checked configuration, with a token of the given random bytes.
pub async fn create(
    storage: &Storage,
    tx: &mut Tx,
    workflow: (OrgId, WorkflowId),
    config: &EdiConfig,
    entropy: &[u8; ENTROPY_BYTES],
    created_by: AccountId,
    now: Timestamp,
) -> Result<(Trigger, Token), StorageError> {
    let (org, workflow_id) = workflow;
    let (id, token) = (TriggerId::random(), Token::from_entropy(entropy));
    let new = NewTrigger {
        id,
        workflow_id,
        kind: TriggerKind::Edi,
        config: plain(config)?,
        token_hash: Some(token.hash()),
        sealed: Some(seal(storage, org, id, &token)?),
        created_by,
    };
    let trigger = triggers::create(tx, org, &new, now).await?;
    Ok((trigger, token))
}

/// Changes an EDI trigger's configuration; its token stays. Whether it was there.
pub async fn update(
    tx: &mut Tx,
    trigger: &Trigger,
    config: &EdiConfig,
    now: Timestamp,
) -> Result<bool, StorageError> {
    triggers::update(tx, trigger.org_id, trigger.id, &plain(config)?, trigger.sealed.as_ref(), now).await
}

/// Gives an EDI trigger another token of the given random bytes. The one before leads here until `old_until`, if that is given. None if it is gone.
pub async fn regenerate(
    storage: &Storage,
    tx: &mut Tx,
    trigger: &Trigger,
    entropy: &[u8; ENTROPY_BYTES],
    old_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Token>, StorageError> {
    let token = Token::from_entropy(entropy);
    let sealed = seal(storage, trigger.org_id, trigger.id, &token)?;
    let changed = triggers::set_token(tx, trigger.org_id, trigger.id, (token.hash(), &sealed), now).await?;
    if changed {
        let old = open(storage, tx, trigger).await?;
        let old = old_until.map(|until| (old.hash(), until));
        trigger_tokens::set_old(tx, trigger.id, old).await?;
    }
    Ok(changed.then_some(token))
}

/// The configuration.
pub fn read(trigger: &Trigger) -> Result<EdiConfig, StorageError> {
    serde_json::from_value(trigger.config.clone()).map_err(|e| damaged(&e.to_string()))
}

/// The token, for those who may read it.
pub async fn open(storage: &Storage, tx: &mut Tx, trigger: &Trigger) -> Result<Token, StorageError> {
    let sealed = trigger.sealed.as_ref().ok_or_else(|| damaged("an EDI trigger has no token"))?;
    let place = Trigger::place(trigger.org_id, trigger.id);
    let bytes = storage.vault().unseal(tx, &place, sealed).await?;
    let secrets: Secrets =
        serde_json::from_slice(bytes.expose()).map_err(|_| damaged("an EDI trigger's token is not JSON"))?;
    Token::parse(&Zeroizing::new(secrets.token)).ok_or_else(|| damaged("an EDI trigger's token is malformed"))
}

/// The configuration as it is stored and shown.
fn plain(config: &EdiConfig) -> Result<serde_json::Value, StorageError> {
    serde_json::to_value(config).map_err(|e| damaged(&e.to_string()))
}

fn seal(storage: &Storage, org: OrgId, id: TriggerId, token: &Token) -> Result<Sealed, StorageError> {
    let secrets = Secrets { token: token.expose().to_owned() };
    let json = serde_json::to_vec(&secrets).map_err(|e| damaged(&e.to_string()))?;
    Ok(storage.vault().seal(&Trigger::place(org, id), &Zeroizing::new(json))?)
}

fn damaged(reason: &str) -> StorageError {
    StorageError::Damaged { place: "triggers", reason: reason.to_owned() }
}
