//! Withdrawing an invitation: its link stops working.

use factotum_model::audit::Target;
use factotum_model::{Action, InvitationId};
use factotum_storage::invitations;

use crate::operations::{Caller, OperationError, Services, Work};

/// Withdraws it.
pub async fn withdraw(services: &Services, caller: &Caller, id: &str) -> Result<(), OperationError> {
    let target = Some(Target::new("invitation", id));
    let mut work = Work::begin(services, caller, "invitation.withdraw", target).await?.guarded();
    let done = act(&mut work, id).await;
    work.end(done).await
}

async fn act(work: &mut Work<'_>, id: &str) -> Result<(), OperationError> {
    work.authorize(Action::MEMBERS_CREATE, None)?;
    let id: InvitationId = id.parse().map_err(|_| OperationError::NotFound)?;
    let org = work.caller.org_id;
    let invitation = invitations::open(&mut work.tx, org, id).await?.ok_or(OperationError::NotFound)?;
    work.target(Target::named("invitation", id, &invitation.email));
    if invitations::withdraw(&mut work.tx, org, id, work.now).await? {
        Ok(())
    } else {
        Err(OperationError::NotFound)
    }
}
