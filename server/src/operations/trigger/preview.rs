//! When a schedule would be due, before it is made. What must hold: what is shown is what the scheduler would do, by the same functions.

use std::time::Duration;

use factotum_model::Action;
use factotum_schedule::Firing;
use serde_json::Value;

use super::{upcoming, wrong};
use crate::operations::{Caller, OperationError, Services};

/// How far ahead the next change of the clocks is looked for: each zone that has changes has one within a year.
const HORIZON: Duration = Duration::from_hours(400 * 24);

/// When a schedule would be due.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The next firings.
    pub firings: Vec<Firing>,
    /// The next one in which a change of the clocks has a part, where that comes later than those.
    pub changed: Option<Firing>,
}

/// Checks a schedule's configuration as making one would, and says when it would be due.
pub async fn preview(
    services: &Services,
    caller: &Caller,
    config: &Value,
) -> Result<Preview, OperationError> {
    caller.allowed(services, "trigger.read", Action::TRIGGERS_READ, None, None).await?;
    let now = services.now();
    let (_, schedule) =
        factotum_schedule::check_config(config, now).map_err(|e| wrong(&e.field, &e.problem))?;
    let firings = upcoming(services, &schedule);
    let last = firings.last().map(|firing| firing.at);
    let shown = firings.iter().any(|firing| firing.dst.is_some());
    let changed = schedule.next_changed(last.unwrap_or(now), HORIZON).filter(|_| !shown);
    Ok(Preview { firings, changed })
}
