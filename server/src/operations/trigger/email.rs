//! What is done with e-mail triggers. What must hold: an address is shown only to those who may change the trigger: whoever has it can start the workflow.

use factotum_email::{Address, stored};
use factotum_storage::Tx;
use factotum_storage::triggers::Trigger;
use factotum_storage::workflows::Workflow;
use serde_json::Value;

use super::{Shown, no_randomness, wrong};
use crate::operations::{OperationError, Services, Work};

fn shown(services: &Services, trigger: Trigger, address: &Address) -> Shown {
    let address = Some(address.expose(services.mailboxes.domain()));
    Shown { address, ..Shown::plain(trigger) }
}

/// Makes one.
pub(super) async fn create(
    work: &mut Work<'_>,
    workflow: &Workflow,
    config: &Value,
) -> Result<Shown, OperationError> {
    let config = factotum_email::check_config(config).map_err(|e| wrong(&e.field, &e.problem))?;
    let entropy = entropy()?;
    let (services, caller) = (work.services, work.caller);
    let whose = (caller.org_id, workflow.id);
    let by = caller.principal.id;
    let made =
        stored::create(&services.storage, &mut work.tx, whose, &config, &entropy, by, work.now).await?;
    Ok(shown(services, made.0, &made.1))
}

/// Gives one another configuration.
pub(super) async fn update(
    work: &mut Work<'_>,
    before: &Trigger,
    config: &Value,
) -> Result<(), OperationError> {
    let config = factotum_email::check_config(config).map_err(|e| wrong(&e.field, &e.problem))?;
    stored::update(&mut work.tx, before, &config, work.now).await?;
    Ok(())
}

/// With its address.
pub(super) async fn with_address(
    services: &Services,
    tx: &mut Tx,
    trigger: Trigger,
) -> Result<Shown, OperationError> {
    let address = stored::address(&services.storage, tx, &trigger).await?;
    Ok(shown(services, trigger, &address))
}

/// Gives one another address; that address.
pub(super) async fn regenerate(work: &mut Work<'_>, before: &Trigger) -> Result<String, OperationError> {
    let services = work.services;
    let entropy = entropy()?;
    let address = stored::regenerate(&services.storage, &mut work.tx, before, &entropy, work.now).await?;
    Ok(address.ok_or(OperationError::NotFound)?.expose(services.mailboxes.domain()))
}

fn entropy() -> Result<[u8; factotum_model::trigger::token::ENTROPY_BYTES], OperationError> {
    let mut entropy = [0; factotum_model::trigger::token::ENTROPY_BYTES];
    getrandom::fill(&mut entropy).map_err(no_randomness)?;
    Ok(entropy)
}
