//! Listing and showing plugins.

use factotum_model::{Action, PluginId};
use factotum_storage::plugins::{self, Plugin};

use crate::operations::page::MAX_LIMIT;
use crate::operations::{Caller, Listed, OperationError, Page, Services};

/// The plugins, newest first.
pub async fn list(
    services: &Services,
    caller: &Caller,
    page: Page<PluginId>,
) -> Result<Listed<Plugin>, OperationError> {
    caller.allowed(services, "plugin.list", Action::PLUGINS_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    let found = plugins::list(&mut tx, caller.org_id, page.cursor, page.fetch()).await?;
    Ok(page.cut(found, |p| p.id.to_string()))
}

/// The newest version of each plugin, by name.
pub async fn newest(
    services: &Services,
    caller: &Caller,
    page: Page<String>,
) -> Result<Listed<Plugin>, OperationError> {
    caller.allowed(services, "plugin.list", Action::PLUGINS_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    let found = plugins::newest(&mut tx, caller.org_id, page.cursor.as_deref(), page.fetch()).await?;
    Ok(page.cut(found, |p| p.name.clone()))
}

/// The versions of one plugin, newest first, at most [`MAX_LIMIT`]; none if there is no such plugin.
pub async fn versions(
    services: &Services,
    caller: &Caller,
    name: &str,
) -> Result<Vec<Plugin>, OperationError> {
    caller.allowed(services, "plugin.read", Action::PLUGINS_READ, Some(name), None).await?;
    let mut tx = services.storage.read().await?;
    Ok(plugins::versions(&mut tx, caller.org_id, name, MAX_LIMIT).await?)
}

/// One plugin, by id or `name@version`.
pub async fn get(services: &Services, caller: &Caller, which: &str) -> Result<Plugin, OperationError> {
    let named = which.rsplit_once('@');
    let name = named.map(|(name, _)| name);
    caller.allowed(services, "plugin.read", Action::PLUGINS_READ, name, None).await?;
    let mut tx = services.storage.read().await?;
    let found = match (named, which.parse::<PluginId>()) {
        (Some((name, version)), _) => plugins::find(&mut tx, caller.org_id, name, version).await?,
        (None, Ok(id)) => plugins::get(&mut tx, caller.org_id, id).await?,
        (None, Err(_)) => None,
    };
    found.ok_or(OperationError::NotFound)
}
