//! Changing a member's roles. What must hold: whoever changes holds all that the member had and all that they get; the last Admin stays one; a
//! service account is changed only through its source; and every attempt to do otherwise is on the record.

use factotum_model::Action;
use factotum_model::audit::Target;
use factotum_storage::accounts::{self, Account};
use factotum_storage::members;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{keeps_an_admin, person, together};
use crate::operations::{Caller, OperationError, Services, Work, role};

/// What `PATCH /members/{id}` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberChange {
    /// The names or ids of the roles that the member has from now on; none takes all rights away.
    pub roles: Vec<String>,
}

/// Changes a member's roles. `asked` is what the request asks for, or what is wrong with it: a service account is refused whatever that is.
pub async fn change(
    services: &Services,
    caller: &Caller,
    id: &str,
    asked: Result<MemberChange, OperationError>,
) -> Result<Account, OperationError> {
    let target = Some(Target::new("account", id));
    let mut work = Work::begin_in_turn(services, caller, "member.update", target).await?.guarded();
    let done = act(&mut work, id, asked).await;
    work.end(done).await
}

async fn act(
    work: &mut Work<'_>,
    id: &str,
    asked: Result<MemberChange, OperationError>,
) -> Result<Account, OperationError> {
    work.authorize(Action::MEMBERS_UPDATE, None)?;
    let (account, before) = person(work, id).await?;
    let after = role::named(work, &asked?.roles).await?;
    work.holds(&together(&before), "the member")?;
    work.holds(&together(&after), "the member with these roles")?;
    let (org, id) = (work.caller.org_id, account.principal.id);
    let ids: Vec<_> = after.iter().map(|role| role.id).collect();
    members::set_roles(&mut work.tx, org, id, &ids).await?;
    keeps_an_admin(work).await?;
    let names = |roles: &[_]| roles.iter().map(role_name).collect::<Vec<_>>();
    work.change(json!({"before": {"roles": names(&before)}, "after": {"roles": names(&after)}}));
    accounts::get(&mut work.tx, org, id).await?.ok_or(OperationError::NotFound)
}

fn role_name(role: &factotum_storage::roles::Role) -> String {
    role.name.clone()
}
