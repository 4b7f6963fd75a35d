//! A webhook trigger in the database: its configuration in the clear, its token's hash, and the token's text with the verification
//! secrets, sealed. What must hold: no secret stands in the configuration; what is sealed for one trigger opens for no other.

use factotum_model::trigger::{TriggerKind, Verify, WebhookConfig};
use factotum_model::{AccountId, OrgId, Redacted, Timestamp, TriggerId, WorkflowId};
use factotum_storage::trigger_tokens;
use factotum_storage::triggers::{self, NewTrigger, Trigger};
use factotum_storage::vault::Sealed;
use factotum_storage::{Storage, StorageError, Tx};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::token::Token;

/// What is sealed, as JSON.
#[derive(Serialize, Deserialize)]
struct Sealing {
    token: String,
    #[serde(default)]
    secrets: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verify_token: Option<String>,
}

/// Makes a webhook trigger of a checked configuration, with a token of the given random bytes.
pub async fn create(
    storage: &Storage,
    tx: &mut Tx,
    workflow: (OrgId, WorkflowId),
    config: &WebhookConfig,
    entropy: &[u8; crate::token::ENTROPY_BYTES],
    created_by: AccountId,
    now: Timestamp,
) -> Result<(Trigger, Token), StorageError> {
    let (org, workflow_id) = workflow;
    let (id, token) = (TriggerId::random(), Token::from_entropy(entropy));
    let new = NewTrigger {
        id,
        workflow_id,
        kind: TriggerKind::Webhook,
        config: plain(config)?,
        token_hash: Some(token.hash()),
        sealed: Some(seal(storage, org, id, &token, &config.verify)?),
        created_by,
    };
    Ok((triggers::create(tx, org, &new, now).await?, token))
}

/// Changes a webhook trigger's configuration; its token stays. Whether it was there.
pub async fn update(
    storage: &Storage,
    tx: &mut Tx,
    trigger: &Trigger,
    config: &WebhookConfig,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let (token, _) = open(storage, tx, trigger).await?;
    let sealed = seal(storage, trigger.org_id, trigger.id, &token, &config.verify)?;
    triggers::update(tx, trigger.org_id, trigger.id, &plain(config)?, Some(&sealed), now).await
}

/// Gives a webhook trigger another token of the given random bytes; its configuration and secrets stay. The token before leads here until `old_until`,
/// if that is given; those before it no longer do. None if the trigger is gone.
pub async fn regenerate(
    storage: &Storage,
    tx: &mut Tx,
    trigger: &Trigger,
    entropy: &[u8; crate::token::ENTROPY_BYTES],
    old_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Token>, StorageError> {
    let (old, config) = open(storage, tx, trigger).await?;
    let token = Token::from_entropy(entropy);
    let sealed = seal(storage, trigger.org_id, trigger.id, &token, &config.verify)?;
    let changed = triggers::set_token(tx, trigger.org_id, trigger.id, (token.hash(), &sealed), now).await?;
    if !changed {
        return Ok(None);
    }
    trigger_tokens::set_old(tx, trigger.id, old_until.map(|until| (old.hash(), until))).await?;
    Ok(Some(token))
}

/// The token, for those who may read it, and the configuration with its secrets.
pub async fn open(
    storage: &Storage,
    tx: &mut Tx,
    trigger: &Trigger,
) -> Result<(Token, WebhookConfig), StorageError> {
    let damaged = |reason: &str| StorageError::Damaged { place: "triggers", reason: reason.to_owned() };
    let sealed = trigger.sealed.as_ref().ok_or_else(|| damaged("a webhook has no token"))?;
    let place = Trigger::place(trigger.org_id, trigger.id);
    let bytes = storage.vault().unseal(tx, &place, sealed).await?;
    let secrets: Sealing =
        serde_json::from_slice(bytes.expose()).map_err(|_| damaged("a webhook's secrets are not JSON"))?;
    let mut config: WebhookConfig =
        serde_json::from_value(trigger.config.clone()).map_err(|e| damaged(&e.to_string()))?;
    config.verify.secrets = secrets.secrets.into_iter().map(Redacted::new).collect();
    config.verify.verify_token = secrets.verify_token.map(Redacted::new);
    let token = Token::parse(&Zeroizing::new(secrets.token))
        .ok_or_else(|| damaged("a webhook's token is malformed"))?;
    Ok((token, config))
}

/// The configuration as it is stored and shown.
fn plain(config: &WebhookConfig) -> Result<serde_json::Value, StorageError> {
    serde_json::to_value(config)
        .map_err(|e| StorageError::Damaged { place: "triggers.config", reason: e.to_string() })
}

fn seal(
    storage: &Storage,
    org: OrgId,
    id: TriggerId,
    token: &Token,
    verify: &Verify,
) -> Result<Sealed, StorageError> {
    let secrets = Sealing {
        token: token.expose().to_owned(),
        secrets: verify.secrets.iter().map(|s| s.expose().clone()).collect(),
        verify_token: verify.verify_token.as_ref().map(|token| token.expose().clone()),
    };
    let json = serde_json::to_vec(&secrets)
        .map_err(|e| StorageError::Damaged { place: "triggers.sealed", reason: e.to_string() })?;
    Ok(storage.vault().seal(&Trigger::place(org, id), &Zeroizing::new(json))?)
}
