//! The server's settings: shown, and changed in its configuration alone. What must hold: no secret is among what is shown.

use factotum_model::Action;

use crate::config::Setting;
use crate::operations::{Caller, OperationError, Services};

/// The settings whose names begin so, in the order of the configuration's table.
pub async fn read<'a>(
    services: &'a Services,
    caller: &Caller,
    beginnings: &[&str],
) -> Result<Vec<&'a Setting>, OperationError> {
    caller.allowed(services, "settings.read", Action::SETTINGS_READ, None, None).await?;
    let wanted = |setting: &&Setting| beginnings.iter().any(|beginning| setting.name.starts_with(beginning));
    Ok(services.settings.iter().filter(wanted).collect())
}
