//! Listing and showing keys, with when they were last used.

use factotum_model::audit::Target;
use factotum_model::{Action, KeyId};
use factotum_storage::api_keys::{self, ApiKey, KeyFilter};

use super::find;
use crate::operations::{Caller, Listed, OperationError, Page, Services};

/// The active keys, newest first.
pub async fn list(
    services: &Services,
    caller: &Caller,
    filter: KeyFilter,
    page: Page<KeyId>,
) -> Result<Listed<ApiKey>, OperationError> {
    caller.allowed(services, "api_key.list", Action::API_KEYS_READ, None, None).await?;
    if filter.unused_since.is_some() {
        // What this node knows must count in the query.
        services.key_uses.flush(&services.storage).await?;
    }
    let mut tx = services.storage.read().await?;
    let found = api_keys::list(&mut tx, caller.org_id, filter, page.cursor, page.fetch()).await?;
    let mut listed = page.cut(found, |k| k.id.to_string());
    listed.items.iter_mut().for_each(|key| last_used(services, key));
    Ok(listed)
}

/// One key, active or not.
pub async fn get(services: &Services, caller: &Caller, id: &str) -> Result<ApiKey, OperationError> {
    let target = Target::new("api_key", id);
    caller.allowed(services, "api_key.read", Action::API_KEYS_READ, None, Some(target)).await?;
    let mut tx = services.storage.read().await?;
    let mut key = find(&mut tx, caller.org_id, id).await?;
    last_used(services, &mut key);
    Ok(key)
}

pub(super) fn last_used(services: &Services, key: &mut ApiKey) {
    if let Some((at, from)) = services.key_uses.newest(key.id)
        && key.last_used_at.is_none_or(|written| written < at)
    {
        key.last_used_at = Some(at);
        key.last_used_from = Some(from.to_string());
    }
}
