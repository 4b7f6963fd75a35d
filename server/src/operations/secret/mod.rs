//! Secrets: set, list, delete. What must hold: a value goes in and never comes out again; it is in no entry and no log.

use factotum_model::audit::Target;
use factotum_model::workflow::check_name;
use factotum_model::{Action, Redacted};
use factotum_storage::secrets::{self, SecretInfo};

use crate::operations::{Caller, Listed, OperationError, Page, Services, Work};

/// The longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 64 << 10;

/// Sets a secret; whether it is new.
pub async fn put(
    services: &Services,
    caller: &Caller,
    name: &str,
    value: &Redacted,
) -> Result<(SecretInfo, bool), OperationError> {
    let mut work =
        Work::begin(services, caller, "secret.put", Some(Target::named("secret", name, name))).await?;
    let done = write(&mut work, name, value).await;
    work.end(done).await
}

async fn write(
    work: &mut Work<'_>,
    name: &str,
    value: &Redacted,
) -> Result<(SecretInfo, bool), OperationError> {
    let (org, now) = (work.caller.org_id, work.now);
    let before = secrets::info(&mut work.tx, org, name).await?;
    let action = if before.is_some() { Action::SECRETS_UPDATE } else { Action::SECRETS_CREATE };
    work.authorize(action, Some(name))?;
    check_name(name)?;
    if value.expose().is_empty() || value.expose().len() > MAX_VALUE_BYTES {
        let reason = format!("a value has 1 to {MAX_VALUE_BYTES} bytes");
        return Err(OperationError::invalid("value", reason));
    }
    let storage = &work.services.storage;
    let created = secrets::put(storage, &mut work.tx, org, name, value, now).await?;
    work.doing(if created { "secret.create" } else { "secret.update" });
    let info = secrets::info(&mut work.tx, org, name).await?.ok_or(OperationError::NotFound)?;
    work.change(serde_json::json!({"after": {"version": info.version}}));
    Ok((info, created))
}

/// The secrets by name, without their values.
pub async fn list(
    services: &Services,
    caller: &Caller,
    page: Page<String>,
) -> Result<Listed<SecretInfo>, OperationError> {
    caller.allowed(services, "secret.list", Action::SECRETS_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    let found = secrets::list(&mut tx, caller.org_id, page.cursor.as_deref(), page.fetch()).await?;
    Ok(page.cut(found, |s| s.name.clone()))
}

/// One secret, without its value.
pub async fn get(services: &Services, caller: &Caller, name: &str) -> Result<SecretInfo, OperationError> {
    caller.allowed(services, "secret.read", Action::SECRETS_READ, Some(name), None).await?;
    let mut tx = services.storage.read().await?;
    secrets::info(&mut tx, caller.org_id, name).await?.ok_or(OperationError::NotFound)
}

/// Deletes a secret.
pub async fn delete(services: &Services, caller: &Caller, name: &str) -> Result<(), OperationError> {
    let mut work =
        Work::begin(services, caller, "secret.delete", Some(Target::named("secret", name, name))).await?;
    let done = remove(&mut work, name).await;
    work.end(done).await
}

async fn remove(work: &mut Work<'_>, name: &str) -> Result<(), OperationError> {
    work.authorize(Action::SECRETS_DELETE, Some(name))?;
    let removed = secrets::delete(&mut work.tx, work.caller.org_id, name).await?;
    if removed { Ok(()) } else { Err(OperationError::NotFound) }
}
