//! Deleting a custom role. What must hold: nobody has it, and nobody is invited to it.

use factotum_model::Action;
use factotum_model::audit::Target;
use factotum_storage::{invitations, roles};
use serde_json::json;

use super::custom;
use crate::operations::{Caller, OperationError, Services, Work};

/// Deletes it.
pub async fn delete(services: &Services, caller: &Caller, id: &str) -> Result<(), OperationError> {
    let target = Some(Target::new("role", id));
    let mut work = Work::begin_in_turn(services, caller, "role.delete", target).await?.guarded();
    let done = act(&mut work, id).await;
    work.end(done).await
}

async fn act(work: &mut Work<'_>, id: &str) -> Result<(), OperationError> {
    work.authorize(Action::ROLES_DELETE, None)?;
    let role = custom(work, id).await?;
    work.holds(&role.grants, "the role")?;
    let org = work.caller.org_id;
    if role.members > 0 {
        let reason = format!("{} members have this role; give them others first", role.members);
        return Err(OperationError::Conflict(reason));
    }
    if invitations::gives(&mut work.tx, org, role.id, work.now).await? {
        let reason = "an open invitation gives this role; withdraw it first";
        return Err(OperationError::Conflict(reason.to_owned()));
    }
    roles::delete(&mut work.tx, org, role.id).await?;
    work.change(json!({"before": {"grants": role.grants}}));
    Ok(())
}
