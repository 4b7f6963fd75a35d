//! Changing a trigger: pause it, resume it, give it another configuration. What must hold: a new configuration needs what making the
//! trigger needs.

use factotum_model::audit::Target;
use factotum_model::trigger::{ScheduleConfig, TriggerKind};
use factotum_model::{Action, Redacted, TriggerId};
use factotum_schedule::Schedule;
use factotum_storage::triggers::{self, Trigger};
use factotum_storage::{trigger_tokens, workflows};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shown, edi, email, upcoming, url, wrong};
use crate::operations::{Caller, OperationError, Services, Work};
use crate::view::schema;

/// What `PATCH /triggers/{id}` takes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    /// Whether it starts nothing for now.
    pub paused: Option<bool>,
    /// A whole new configuration. A webhook whose secrets are left out keeps those it has.
    #[schemars(schema_with = "schema::maybe_object")]
    pub config: Option<Value>,
}

/// Changes it; the trigger as it is then.
pub async fn change(
    services: &Services,
    caller: &Caller,
    id: &str,
    change: Change,
) -> Result<Shown, OperationError> {
    let doing = match (&change.config, change.paused) {
        (None, Some(true)) => "trigger.pause",
        (None, Some(false)) => "trigger.resume",
        _ => "trigger.update",
    };
    let mut work = Work::begin(services, caller, doing, Some(Target::new("trigger", id))).await?;
    let done = write(&mut work, id, &change).await;
    let shown = work.end(done).await?;
    services.webhooks.forget(shown.trigger.id);
    services.mailboxes.forget(shown.trigger.id);
    services.scheduler.changed();
    Ok(shown)
}

async fn write(work: &mut Work<'_>, id: &str, change: &Change) -> Result<Shown, OperationError> {
    let org = work.caller.org_id;
    let found = match id.parse::<TriggerId>() {
        Ok(id) => triggers::get(&mut work.tx, org, id).await?,
        Err(_) => None,
    };
    work.authorize(Action::TRIGGERS_UPDATE, found.as_ref().map(|t| t.workflow.as_str()))?;
    let before = found.ok_or(OperationError::NotFound)?;
    work.workflow(&before.workflow);
    if let Some(config) = &change.config {
        let workflow =
            workflows::get(&mut work.tx, org, before.workflow_id).await?.ok_or(OperationError::NotFound)?;
        work.holds(&workflow.grants, "the workflow")?;
        match before.kind {
            TriggerKind::Webhook => webhook(work, &before, config).await?,
            TriggerKind::Email => email::update(work, &before, config).await?,
            TriggerKind::Edi => edi::update(work, &before, config).await?,
            TriggerKind::Schedule => schedule(work, &before, config).await?,
        }
    }
    if let Some(paused) = change.paused {
        if !paused && change.config.is_none() {
            factotum_schedule::arm::resume(&mut work.tx, &before).await?;
        }
        triggers::set_paused(&mut work.tx, org, before.id, paused, work.now).await?;
    }
    let trigger = triggers::get(&mut work.tx, org, before.id).await?.ok_or(OperationError::NotFound)?;
    work.change(json!({"before": summary(&before), "after": summary(&trigger)}));
    if trigger.kind == TriggerKind::Webhook {
        let storage = &work.services.storage;
        let (token, _) = factotum_webhook::stored::open(storage, &mut work.tx, &trigger).await?;
        let old_url_until = trigger_tokens::until(&mut work.tx, trigger.id, work.now).await?;
        return Ok(Shown { url: Some(url(work.services, &token)), old_url_until, ..Shown::plain(trigger) });
    }
    if trigger.kind == TriggerKind::Email {
        return email::with_address(work.services, &mut work.tx, trigger).await;
    }
    if trigger.kind == TriggerKind::Edi {
        return edi::with_url(work.services, &mut work.tx, trigger).await;
    }
    let config: Option<ScheduleConfig> = serde_json::from_value(trigger.config.clone()).ok();
    let schedule = config.and_then(|c| Schedule::parse(&c).ok());
    let firings = schedule.map(|s| upcoming(work.services, &s));
    Ok(Shown { firings, ..Shown::plain(trigger) })
}

async fn webhook(work: &mut Work<'_>, before: &Trigger, config: &Value) -> Result<(), OperationError> {
    let storage = &work.services.storage;
    let (_, old) = factotum_webhook::stored::open(storage, &mut work.tx, before).await?;
    let mut given = config.clone();
    // Of another preset they would be no secrets.
    if let Some(verify) = given.get_mut("verify").and_then(Value::as_object_mut)
        && verify.get("preset").and_then(Value::as_str) == Some(old.verify.preset.as_str())
    {
        if !verify.contains_key("secrets") && !old.verify.secrets.is_empty() {
            let kept: Vec<&String> = old.verify.secrets.iter().map(Redacted::expose).collect();
            verify.insert("secrets".to_owned(), json!(kept));
        }
        if let Some(token) = old.verify.verify_token.as_ref().filter(|_| !verify.contains_key("verify_token"))
        {
            verify.insert("verify_token".to_owned(), json!(token.expose()));
        }
    }
    let config = factotum_webhook::check_config(&given).map_err(|e| wrong(&e.field, &e.problem))?;
    work.services.hooks.check(&config)?;
    factotum_webhook::stored::update(storage, &mut work.tx, before, &config, work.now).await?;
    Ok(())
}

async fn schedule(work: &mut Work<'_>, before: &Trigger, config: &Value) -> Result<(), OperationError> {
    let (config, schedule) =
        factotum_schedule::check_config(config, work.now).map_err(|e| wrong(&e.field, &e.problem))?;
    factotum_schedule::arm::update(&mut work.tx, before, (&config, &schedule), work.now).await?;
    Ok(())
}

fn summary(trigger: &Trigger) -> Value {
    json!({"config": trigger.config, "paused": trigger.paused_at.is_some()})
}
