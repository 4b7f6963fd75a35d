//! Changing a trading partner. What must hold: a field that is not given stays; what the whole is then is checked as a new one is.

use factotum_model::Action;
use factotum_model::audit::Target;
use factotum_model::edi::PartnerSpec;
use factotum_model::trigger::TriggerKind;
use factotum_storage::edi::partners::{self, Partner};
use factotum_storage::triggers;
use serde_json::{Map, Value, json};

use super::{check_free, find};
use crate::operations::{Caller, OperationError, Services, Work};

/// The most EDI triggers that are looked through for a partner's name.
const MAX_TRIGGERS: u32 = 1_000;

/// Changes the fields that are given; the partner as it is then.
pub async fn change(
    services: &Services,
    caller: &Caller,
    id: &str,
    fields: Map<String, Value>,
) -> Result<Partner, OperationError> {
    let target = Target::new("partner", id);
    let mut work = Work::begin(services, caller, "partner.update", Some(target)).await?;
    let done = write(&mut work, id, fields).await;
    work.end(done).await
}

async fn write(work: &mut Work<'_>, id: &str, fields: Map<String, Value>) -> Result<Partner, OperationError> {
    let org = work.caller.org_id;
    let found = find(&mut work.tx, org, id).await?;
    work.authorize(Action::PARTNERS_UPDATE, found.as_ref().map(|p| p.spec.name.as_str()))?;
    let before = found.ok_or(OperationError::NotFound)?;
    work.target(Target::named("partner", before.id, &before.spec.name));
    let spec = merged(&before.spec, fields)?.checked()?;
    if spec.name != before.spec.name {
        refuse_named(work, &before.spec.name, "renamed").await?;
    }
    check_free(work, &spec, Some(before.id)).await?;
    partners::update(&mut work.tx, org, before.id, &spec, work.now).await?;
    let after = partners::get(&mut work.tx, org, before.id).await?.ok_or(OperationError::NotFound)?;
    work.change(json!({"before": before.spec, "after": after.spec}));
    Ok(after)
}

fn merged(before: &PartnerSpec, fields: Map<String, Value>) -> Result<PartnerSpec, OperationError> {
    let mut spec = serde_json::to_value(before).unwrap_or_default();
    if let Some(all) = spec.as_object_mut() {
        all.extend(fields);
    }
    serde_path_to_error::deserialize(spec).map_err(|e| {
        let path = e.path().to_string();
        let problem = e.into_inner().to_string();
        let named = problem.split('`').nth(1).unwrap_or_default().to_owned();
        OperationError::invalid(if path == "." { named } else { path }, problem)
    })
}

/// Refuses what would leave a trigger with the name of nobody.
pub(super) async fn refuse_named(work: &mut Work<'_>, name: &str, done: &str) -> Result<(), OperationError> {
    let org = work.caller.org_id;
    let all = triggers::of_kind(&mut work.tx, org, TriggerKind::Edi, MAX_TRIGGERS).await?;
    match all.iter().find(|trigger| trigger.config["partner"] == name) {
        Some(trigger) => Err(OperationError::Conflict(format!(
            "the trigger {} of workflow `{}` is for this partner; it can be {done} once no trigger names it",
            trigger.id, trigger.workflow
        ))),
        None => Ok(()),
    }
}
