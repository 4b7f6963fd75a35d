//! The kill switch of one account: nothing of it is dispatched; queued work waits.

use factotum_model::audit::Target;
use factotum_model::{AccountId, Action};
use factotum_storage::accounts::{self, Account};
use factotum_storage::suspensions;

use crate::operations::{Caller, Once, OperationError, Services, Work};
use crate::view::member::MemberView;

/// Suspends or resumes an account; the account as it is then.
pub async fn suspend(
    services: &Services,
    caller: &Caller,
    id: &str,
    suspended: bool,
    once: Option<&Once>,
) -> Result<Account, OperationError> {
    let doing = if suspended { "account.suspend" } else { "account.resume" };
    let work = Work::begin(services, caller, doing, Some(Target::new("account", id))).await?;
    let mut work = work.once(once).await?;
    let done = act(&mut work, id, suspended).await;
    let account = work.end(done).await?;
    services.dispatcher.wake();
    Ok(account)
}

async fn act(work: &mut Work<'_>, id: &str, suspended: bool) -> Result<Account, OperationError> {
    let org = work.caller.org_id;
    work.authorize(Action::MEMBERS_UPDATE, None)?;
    let id: AccountId = id.parse().map_err(|_| OperationError::NotFound)?;
    let account = accounts::get(&mut work.tx, org, id).await?.ok_or(OperationError::NotFound)?;
    work.target(Target::named("account", id, &account.principal.name));
    if suspended {
        suspensions::suspend_account(&mut work.tx, org, id, work.now).await?;
    } else {
        suspensions::resume_account(&mut work.tx, id).await?;
    }
    let account = accounts::get(&mut work.tx, org, id).await?.ok_or(OperationError::NotFound)?;
    work.answered(200, &MemberView::from(&account)).await?;
    Ok(account)
}
