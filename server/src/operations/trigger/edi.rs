//! What is done with EDI triggers. What must hold: a URL is shown only to those who may change the trigger: whoever has it can send in its partner's name.

use factotum_edi::config::ANY_PARTNER;
use factotum_edi::stored;
use factotum_model::Timestamp;
use factotum_model::trigger::{EdiConfig, Token};
use factotum_storage::edi::partners;
use factotum_storage::triggers::Trigger;
use factotum_storage::workflows::Workflow;
use factotum_storage::{Tx, trigger_tokens};
use serde_json::Value;

use super::{Shown, no_randomness, wrong};
use crate::operations::{OperationError, Services, Work};

/// The URL that partners send to.
fn url(services: &Services, token: &Token) -> String {
    format!("{}/edi/{}", services.hooks.url, token.expose())
}

/// Makes one.
pub(super) async fn create(
    work: &mut Work<'_>,
    workflow: &Workflow,
    config: &Value,
) -> Result<Shown, OperationError> {
    let config = checked(work, config).await?;
    let (services, caller) = (work.services, work.caller);
    let (whose, entropy) = ((caller.org_id, workflow.id), entropy()?);
    let by = caller.principal.id;
    let (trigger, token) =
        stored::create(&services.storage, &mut work.tx, whose, &config, &entropy, by, work.now).await?;
    Ok(Shown { url: Some(url(services, &token)), ..Shown::plain(trigger) })
}

/// Gives one another configuration.
pub(super) async fn update(
    work: &mut Work<'_>,
    before: &Trigger,
    config: &Value,
) -> Result<(), OperationError> {
    let config = checked(work, config).await?;
    stored::update(&mut work.tx, before, &config, work.now).await?;
    Ok(())
}

async fn checked(work: &mut Work<'_>, config: &Value) -> Result<EdiConfig, OperationError> {
    let config = factotum_edi::check_config(config).map_err(|e| wrong(&e.field, &e.problem))?;
    let (org, name) = (work.caller.org_id, config.partner.as_str());
    if name != ANY_PARTNER && partners::find(&mut work.tx, org, name).await?.is_none() {
        let words =
            format!("there is no trading partner `{name}`; make it first, or write `*` for every partner");
        return Err(wrong("partner", &words));
    }
    Ok(config)
}

/// With its URL.
pub(super) async fn with_url(
    services: &Services,
    tx: &mut Tx,
    trigger: Trigger,
) -> Result<Shown, OperationError> {
    let token = stored::open(&services.storage, tx, &trigger).await?;
    let old_url_until = trigger_tokens::until(tx, trigger.id, services.now()).await?;
    Ok(Shown { url: Some(url(services, &token)), old_url_until, ..Shown::plain(trigger) })
}

/// Gives one another URL; that URL.
pub(super) async fn regenerate(
    work: &mut Work<'_>,
    before: &Trigger,
    old_until: Option<Timestamp>,
) -> Result<String, OperationError> {
    let (services, entropy) = (work.services, entropy()?);
    let token =
        stored::regenerate(&services.storage, &mut work.tx, before, &entropy, old_until, work.now).await?;
    Ok(url(services, &token.ok_or(OperationError::NotFound)?))
}

fn entropy() -> Result<[u8; factotum_model::trigger::token::ENTROPY_BYTES], OperationError> {
    let mut entropy = [0; factotum_model::trigger::token::ENTROPY_BYTES];
    getrandom::fill(&mut entropy).map_err(no_randomness)?;
    Ok(entropy)
}
