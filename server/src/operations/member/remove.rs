//! Removing a member. What must hold: whoever removes holds all that the member could do; the last Admin is not removed; account, sessions, roles
//! and runs end in one transaction, running work within a second; names stay in runs and audit entries; keys that they made work on.

use factotum_model::audit::{AuditOutcome, Target};
use factotum_model::{Action, ErrorCode, Principal};
use factotum_storage::members;
use factotum_storage::runs::{self, Ended};
use factotum_storage::signals::Signal;
use serde_json::json;

use super::{keeps_an_admin, person, together};
use crate::operations::{Caller, OperationError, Services, Work};

/// Removes a member.
pub async fn remove(services: &Services, caller: &Caller, id: &str) -> Result<(), OperationError> {
    let target = Some(Target::new("account", id));
    let mut work = Work::begin_in_turn(services, caller, "member.delete", target).await?.guarded();
    let done = act(&mut work, id).await;
    let (removed, ended) = work.end(done).await?;
    services.dispatcher.act_on(Signal::AccountRevoked(removed.id));
    services.storage.tell_cancelled(&ended, ErrorCode::Revoked);
    services.dispatcher.wake();
    Ok(())
}

async fn act(work: &mut Work<'_>, id: &str) -> Result<(Principal, Vec<Ended>), OperationError> {
    work.authorize(Action::MEMBERS_DELETE, None)?;
    let (account, roles) = person(work, id).await?;
    work.holds(&together(&roles), "the member")?;
    let (org, now, caller) = (work.caller.org_id, work.now, work.caller);
    let removed = account.principal;
    if !members::remove(&mut work.tx, org, removed.id, now).await? {
        return Err(OperationError::NotFound);
    }
    keeps_an_admin(work).await?;
    let names: Vec<_> = roles.iter().map(|role| role.name.as_str()).collect();
    work.change(json!({"before": {"roles": names}}));
    let entry = |run| {
        let mut entry = caller.entry(now, "run.cancel", AuditOutcome::Ok);
        entry.run_id = Some(run);
        entry.reason = Some(format!("revoked: the member {} that it ran as was removed", removed.id));
        entry.targets = vec![Target::new("run", run)];
        entry
    };
    let ended = runs::cancel_account(&mut work.tx, org, removed.id, entry, now).await?;
    Ok((removed, ended))
}
