//! Making a trigger. What must hold: whoever makes one holds every grant of its workflow: it will run with the base account's rights.

use factotum_model::Action;
use factotum_model::audit::Target;
use factotum_model::trigger::TriggerKind;
use factotum_storage::workflows::{self, Workflow};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shown, edi, email, no_randomness, upcoming, url, wrong};
use crate::operations::{Caller, Once, OperationError, Services, Work};
use crate::view::schema;

/// What `POST /triggers` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTrigger {
    /// The name of the workflow that it starts.
    #[schemars(schema_with = "schema::name")]
    pub workflow: String,
    /// webhook, email, schedule or edi.
    #[schemars(extend("enum" = ["webhook", "email", "schedule", "edi"]))]
    pub kind: String,
    /// As its kind has it.
    #[serde(default = "empty")]
    #[schemars(schema_with = "schema::object")]
    pub config: Value,
}

fn empty() -> Value {
    json!({})
}

/// Makes it.
pub async fn create(
    services: &Services,
    caller: &Caller,
    new: NewTrigger,
    once: Option<&Once>,
) -> Result<Shown, OperationError> {
    let target = Target::named("workflow", &new.workflow, &new.workflow);
    let mut work = Work::begin(services, caller, "trigger.create", Some(target)).await?.once(once).await?;
    let done = write(&mut work, &new).await;
    let shown = work.end(done).await?;
    services.scheduler.changed();
    Ok(shown)
}

async fn write(work: &mut Work<'_>, new: &NewTrigger) -> Result<Shown, OperationError> {
    work.authorize(Action::TRIGGERS_CREATE, Some(&new.workflow))?;
    let kind = TriggerKind::from_word(&new.kind);
    let workflow =
        workflows::find(&mut work.tx, work.caller.org_id, &new.workflow).await?.ok_or_else(|| {
            OperationError::invalid(
                "workflow",
                format!("there is no workflow `{}`; make it first", new.workflow),
            )
        })?;
    work.holds(&workflow.grants, "the workflow")?;
    let shown = match kind {
        Some(TriggerKind::Webhook) => webhook(work, &workflow, &new.config).await?,
        Some(TriggerKind::Schedule) => schedule(work, &workflow, &new.config).await?,
        Some(TriggerKind::Email) => email::create(work, &workflow, &new.config).await?,
        Some(TriggerKind::Edi) => edi::create(work, &workflow, &new.config).await?,
        None => {
            let reason =
                format!("`{}` is not a kind of trigger; known: webhook, email, schedule, edi", new.kind);
            return Err(OperationError::invalid("kind", reason));
        }
    };
    work.workflow(&workflow.name);
    work.target(Target::new("trigger", shown.trigger.id));
    work.change(json!({"after": {"kind": shown.trigger.kind, "config": shown.trigger.config}}));
    work.answered(201, &shown.view()).await?;
    Ok(shown)
}

async fn webhook(work: &mut Work<'_>, workflow: &Workflow, config: &Value) -> Result<Shown, OperationError> {
    let config = factotum_webhook::check_config(config).map_err(|e| wrong(&e.field, &e.problem))?;
    work.services.hooks.check(&config)?;
    let mut entropy = [0; factotum_webhook::token::ENTROPY_BYTES];
    getrandom::fill(&mut entropy).map_err(no_randomness)?;
    let (storage, caller) = (&work.services.storage, work.caller);
    let (trigger, token) = factotum_webhook::stored::create(
        storage,
        &mut work.tx,
        (caller.org_id, workflow.id),
        &config,
        &entropy,
        caller.principal.id,
        work.now,
    )
    .await?;
    Ok(Shown { url: Some(url(work.services, &token)), ..Shown::plain(trigger) })
}

async fn schedule(work: &mut Work<'_>, workflow: &Workflow, config: &Value) -> Result<Shown, OperationError> {
    let (config, schedule) =
        factotum_schedule::check_config(config, work.now).map_err(|e| wrong(&e.field, &e.problem))?;
    let caller = work.caller;
    let whose = (caller.org_id, workflow.id);
    let made = factotum_schedule::arm::create(
        &mut work.tx,
        whose,
        (&config, &schedule),
        caller.principal.id,
        work.now,
    );
    let trigger = made.await?;
    Ok(Shown { firings: Some(upcoming(work.services, &schedule)), ..Shown::plain(trigger) })
}
