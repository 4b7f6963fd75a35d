//! Changing when notices go out.

use factotum_model::Action;
use factotum_model::audit::Target;
use factotum_model::notice::NoticeSettings;
use factotum_storage::notice_settings;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::operations::{Caller, OperationError, Services, Work};

/// What `PATCH /notices/settings` takes: what is left out stays.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NoticeSettingsChange")]
pub struct SettingsChange {
    /// Whether the Admins are told by mail.
    pub admins: Option<bool>,
    /// How many runs of a workflow fail in a row before it counts as failing: 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub after_failures: Option<u32>,
    /// How long what happens is gathered into one message, in seconds: 0 to 3600.
    #[schemars(range(min = 0, max = 3600))]
    pub gather_s: Option<u32>,
    /// How long after a notice that a workflow fails the next one that it fails anew may come, in seconds: 0 to 86400.
    #[schemars(range(min = 0, max = 86400))]
    pub interval_s: Option<u32>,
    /// After how many hours one is reminded of a workflow that goes on failing: 0 (never) to 720.
    #[schemars(range(min = 0, max = 720))]
    pub reminder_h: Option<u32>,
}

impl SettingsChange {
    fn of(&self, old: NoticeSettings) -> NoticeSettings {
        NoticeSettings {
            admins: self.admins.unwrap_or(old.admins),
            after_failures: self.after_failures.unwrap_or(old.after_failures),
            gather_s: self.gather_s.unwrap_or(old.gather_s),
            interval_s: self.interval_s.unwrap_or(old.interval_s),
            reminder_h: self.reminder_h.unwrap_or(old.reminder_h),
        }
    }
}

/// Changes them; as they are then.
pub async fn change(
    services: &Services,
    caller: &Caller,
    change: &SettingsChange,
) -> Result<NoticeSettings, OperationError> {
    let target = Target::new("notice_settings", caller.org_id);
    let mut work = Work::begin(services, caller, "notice.update", Some(target)).await?;
    let done = write(&mut work, change).await;
    work.end(done).await
}

async fn write(work: &mut Work<'_>, change: &SettingsChange) -> Result<NoticeSettings, OperationError> {
    work.authorize(Action::SETTINGS_UPDATE, None)?;
    let (org, now) = (work.caller.org_id, work.now);
    let old = notice_settings::get(&mut work.tx, org).await?;
    let new = change.of(old);
    new.check()?;
    notice_settings::put(&mut work.tx, org, &new, now).await?;
    work.change(json!({"before": old, "after": new}));
    Ok(new)
}
