//! A webhook trigger in the database: its configuration in the clear, its token's hash, and the token's text with the verification
//! secrets, sealed. What must hold: no secret stands in the configuration; what is sealed for one trigger opens for no other.

use factotum_model::trigger::{TriggerKind, WebhookConfig};
use factotum_model::{AccountId, OrgId, Redacted, Timestamp, TriggerId, WorkflowId};
use factotum_storage::triggers::{self, NewTrigger, Trigger};
use factotum_storage::vault::Sealed;
use factotum_storage::{Storage, StorageError, Tx};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::token::Token;

/// What is sealed, as JSON.
#[derive(Serialize, Deserialize)]
struct Secrets {
    token: String,
    #[serde(default)]
    secrets: Vec<String>,
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
        sealed: Some(seal(storage, org, id, &token, &config.verify.secrets)?),
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
    let sealed = seal(storage, trigger.org_id, trigger.id, &token, &config.verify.secrets)?;
    triggers::update(tx, trigger.org_id, trigger.id, &plain(config)?, Some(&sealed), now).await
}

/// Gives a webhook trigger another token of the given random bytes; its configuration and secrets stay. None if it is gone.
pub async fn regenerate(
    storage: &Storage,
    tx: &mut Tx,
    trigger: &Trigger,
    entropy: &[u8; crate::token::ENTROPY_BYTES],
    now: Timestamp,
) -> Result<Option<Token>, StorageError> {
    let (_, config) = open(storage, tx, trigger).await?;
    let token = Token::from_entropy(entropy);
    let sealed = seal(storage, trigger.org_id, trigger.id, &token, &config.verify.secrets)?;
    let changed = triggers::set_token(tx, trigger.org_id, trigger.id, (token.hash(), &sealed), now).await?;
    Ok(changed.then_some(token))
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
    let secrets: Secrets =
        serde_json::from_slice(bytes.expose()).map_err(|_| damaged("a webhook's secrets are not JSON"))?;
    let mut config: WebhookConfig =
        serde_json::from_value(trigger.config.clone()).map_err(|e| damaged(&e.to_string()))?;
    config.verify.secrets = secrets.secrets.into_iter().map(Redacted::new).collect();
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
    secrets: &[Redacted],
) -> Result<Sealed, StorageError> {
    let secrets = Secrets {
        token: token.expose().to_owned(),
        secrets: secrets.iter().map(|s| s.expose().clone()).collect(),
    };
    let json = serde_json::to_vec(&secrets)
        .map_err(|e| StorageError::Damaged { place: "triggers.sealed", reason: e.to_string() })?;
    Ok(storage.vault().seal(&Trigger::place(org, id), &Zeroizing::new(json))?)
}
