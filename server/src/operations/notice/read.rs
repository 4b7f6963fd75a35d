//! What is set, who is told, and what was sent.

use factotum_model::notice::NoticeSettings;
use factotum_model::{Action, NoticeId};
use factotum_storage::notice_recipients::{self, Recipient};
use factotum_storage::notice_settings;
use factotum_storage::notices::{self, Notice};

use crate::operations::{Caller, Listed, OperationError, Page, Services};

/// When notices go out.
pub async fn settings(services: &Services, caller: &Caller) -> Result<NoticeSettings, OperationError> {
    caller.allowed(services, "notice.read", Action::SETTINGS_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    Ok(notice_settings::get(&mut tx, caller.org_id).await?)
}

/// Who is told, beside the Admins; oldest first.
pub async fn recipients(services: &Services, caller: &Caller) -> Result<Vec<Recipient>, OperationError> {
    caller.allowed(services, "notice_recipient.list", Action::SETTINGS_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    Ok(notice_recipients::list(&mut tx, caller.org_id).await?)
}

/// What was sent, and what waits; newest first.
pub async fn list(
    services: &Services,
    caller: &Caller,
    page: Page<NoticeId>,
) -> Result<Listed<Notice>, OperationError> {
    caller.allowed(services, "notice.list", Action::SETTINGS_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    let found = notices::list(&mut tx, caller.org_id, page.cursor, page.fetch()).await?;
    Ok(page.cut(found, |notice| notice.id.to_string()))
}
