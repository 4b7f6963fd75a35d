//! Going over to another organization that one is a member of. What must hold: the session there has a fresh token, the one here ends, and it lasts no
//! longer than the one before.

use factotum_model::OrgId;
use factotum_model::audit::Target;
use factotum_storage::people::{self, Membership};
use factotum_storage::sessions;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{LoggedIn, begin_until, own};
use crate::operations::{Caller, OperationError, Services, Work};

/// What `POST /session/org` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// The organization's id.
    pub org: String,
}

/// Goes over.
pub async fn switch(
    services: &Services,
    caller: &Caller,
    asked: &Switch,
) -> Result<LoggedIn, OperationError> {
    own(services, caller, "session.switch").await?;
    let mut work =
        Work::begin(services, caller, "session.switch", Some(Target::new("org", &asked.org))).await?;
    let done = act(&mut work, asked).await;
    work.end(done).await
}

async fn act(work: &mut Work<'_>, asked: &Switch) -> Result<LoggedIn, OperationError> {
    let (person, this) = work.caller.person().ok_or(OperationError::Unauthenticated)?;
    let org: OrgId = asked.org.parse().map_err(|_| OperationError::NotFound)?;
    let memberships = people::memberships(&mut work.tx, Some(person)).await?;
    let membership: Membership =
        memberships.iter().find(|m| m.org_id == org).cloned().ok_or(OperationError::NotFound)?;
    let old = sessions::get(&mut work.tx, person, this, work.now).await?;
    let old = old.ok_or(OperationError::Unauthenticated)?;
    sessions::end(&mut work.tx, person, this).await?;
    let member = (org, &membership.principal, person);
    let origin = &work.caller.origin;
    let begun = begin_until(&mut work.tx, work.services, member, old.method, origin, old.expires_at).await?;
    Ok(LoggedIn { begun, membership, memberships })
}
