//! The kill switch of an organization: nothing of it is dispatched; queued work waits.

use factotum_model::Action;
use factotum_model::audit::Target;
use factotum_storage::organizations::{self, Organization};
use factotum_storage::suspensions;

use crate::operations::{Caller, Once, OperationError, Services, Work};
use crate::view::member::OrganizationView;

/// Suspends or resumes the caller's organization; the organization as it is then.
pub async fn suspend(
    services: &Services,
    caller: &Caller,
    suspended: bool,
    once: Option<&Once>,
) -> Result<Organization, OperationError> {
    let doing = if suspended { "org.suspend" } else { "org.resume" };
    let work = Work::begin(services, caller, doing, Some(Target::new("org", caller.org_id))).await?;
    let mut work = work.once(once).await?;
    let done = act(&mut work, suspended).await;
    let organization = work.end(done).await?;
    services.dispatcher.wake();
    Ok(organization)
}

async fn act(work: &mut Work<'_>, suspended: bool) -> Result<Organization, OperationError> {
    let org = work.caller.org_id;
    work.authorize(Action::ORG_UPDATE, None)?;
    if suspended {
        suspensions::suspend_org(&mut work.tx, org, work.now).await?;
    } else {
        suspensions::resume_org(&mut work.tx, org).await?;
    }
    let organization = organizations::get(&mut work.tx, org).await?.ok_or(OperationError::NotFound)?;
    work.answered(200, &OrganizationView::from(&organization)).await?;
    Ok(organization)
}
