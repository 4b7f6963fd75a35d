//! Backfilling: firing the times of a schedule in a range of the past. What must hold: what is shown before is what is done, by the same function; who asks holds
//! what making the trigger needs, as the runs have the base account's rights; each time fires once.

use factotum_model::audit::Target;
use factotum_model::trigger::{ScheduleConfig, TriggerKind};
use factotum_model::{Action, Timestamp, TriggerId};
use factotum_schedule::Schedule;
use factotum_schedule::backfill::{self, Backfill, BackfillError};
use factotum_storage::triggers::{self, Trigger};
use factotum_storage::{Tx, workflows};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::operations::caller::covers;
use crate::operations::{Caller, Once, OperationError, Services, Work};
use crate::view::trigger::BackfillView;

/// How many firings are named.
const NAMED: usize = 10;

/// What `POST /triggers/{id}/backfill` takes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// From when on: an instant, a time of the schedule's zone, or a date.
    pub from: String,
    /// Until when, that instant excluded; not later than now.
    pub until: String,
    /// Only show what would be fired.
    #[serde(default)]
    pub dry_run: bool,
    /// Also times of which is remembered no more whether they were fired: those longer ago than 30 days. They may fire a second time.
    #[serde(default)]
    pub again: bool,
}

/// What was done, or would be.
#[derive(Debug, Clone)]
pub struct Backfilled {
    what: Backfill,
    from: Timestamp,
    until: Timestamp,
    dry_run: bool,
}

impl Backfilled {
    /// As the world sees it.
    pub fn view(&self) -> BackfillView {
        let fire = &self.what.fire;
        BackfillView {
            from: self.from.to_string(),
            until: self.until.to_string(),
            count: fire.len(),
            fired_already: self.what.fired_already,
            firings: fire.iter().take(NAMED).map(ToString::to_string).collect(),
            last: fire.last().map(ToString::to_string),
            in_turn: self.what.in_turn,
            dry_run: self.dry_run,
        }
    }
}

/// Fires the range, or shows what firing it would do.
pub async fn backfill(
    services: &Services,
    caller: &Caller,
    id: &str,
    range: &Range,
    once: Option<&Once>,
) -> Result<Backfilled, OperationError> {
    let target = Target::new("trigger", id);
    if range.dry_run {
        let mut tx = services.storage.read().await?;
        let found = find(&mut tx, caller, id).await?;
        let workflow = found.as_ref().map(|t| t.workflow.clone());
        let action = Action::TRIGGERS_UPDATE;
        caller.allowed(services, "trigger.backfill", action, workflow.as_deref(), Some(target)).await?;
        let trigger = found.ok_or(OperationError::NotFound)?;
        let workflow = workflows::get(&mut tx, caller.org_id, trigger.workflow_id).await?;
        let grants = workflow.ok_or(OperationError::NotFound)?.grants;
        covers(caller.authority.grants(), &grants, "the workflow")?;
        return planned(&mut tx, &trigger, range, services.now()).await;
    }
    let mut work = Work::begin(services, caller, "trigger.backfill", Some(target)).await?.once(once).await?;
    let done = write(&mut work, id, range).await;
    let done = work.end(done).await?;
    services.scheduler.changed();
    Ok(done)
}

async fn find(tx: &mut Tx, caller: &Caller, id: &str) -> Result<Option<Trigger>, OperationError> {
    Ok(match id.parse::<TriggerId>() {
        Ok(id) => triggers::get(tx, caller.org_id, id).await?,
        Err(_) => None,
    })
}

async fn write(work: &mut Work<'_>, id: &str, range: &Range) -> Result<Backfilled, OperationError> {
    let found = find(&mut work.tx, work.caller, id).await?;
    work.authorize(Action::TRIGGERS_UPDATE, found.as_ref().map(|t| t.workflow.as_str()))?;
    let trigger = found.ok_or(OperationError::NotFound)?;
    work.workflow(&trigger.workflow);
    let workflow = workflows::get(&mut work.tx, work.caller.org_id, trigger.workflow_id)
        .await?
        .ok_or(OperationError::NotFound)?;
    work.holds(&workflow.grants, "the workflow")?;
    let now = work.now;
    let done = planned(&mut work.tx, &trigger, range, now).await?;
    backfill::begin(&mut work.tx, &trigger, &done.what, now).await?;
    let view = done.view();
    work.change(json!({"from": view.from, "until": view.until, "count": view.count, "again": range.again}));
    work.answered(200, &view).await?;
    Ok(done)
}

async fn planned(
    tx: &mut Tx,
    trigger: &Trigger,
    range: &Range,
    now: Timestamp,
) -> Result<Backfilled, OperationError> {
    if trigger.kind != TriggerKind::Schedule {
        let kind = trigger.kind.as_str();
        return Err(OperationError::Conflict(format!("only a schedule has times to fire; this is a {kind}")));
    }
    let config: Option<ScheduleConfig> = serde_json::from_value(trigger.config.clone()).ok();
    let read = config.and_then(|config| Schedule::parse(&config).ok().map(|schedule| (config, schedule)));
    let (config, schedule) = read.ok_or_else(|| {
        OperationError::Conflict(
            "the schedule cannot be read on this machine: its zone is unknown".to_owned(),
        )
    })?;
    let moment = |field, text: &str| schedule.moment(text).map_err(|e| OperationError::invalid(field, e));
    let (from, until) = (moment("from", &range.from)?, moment("until", &range.until)?);
    let what = backfill::plan(tx, trigger, (&config, &schedule), (from, until), (range.again, now))
        .await
        .map_err(|error| match error {
            BackfillError::Forgotten(_) => OperationError::invalid("from", error),
            BackfillError::Storage(error) => error.into(),
            BackfillError::Order | BackfillError::Future | BackfillError::TooMany(_) => {
                OperationError::invalid("until", error)
            }
        })?;
    Ok(Backfilled { what, from, until, dry_run: range.dry_run })
}
