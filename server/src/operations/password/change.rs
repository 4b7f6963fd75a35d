//! Changing one's password. What must hold: it needs the current one; all other sessions end, and this one goes on under a fresh token.

use factotum_model::Redacted;
use factotum_model::audit::Target;
use factotum_storage::{credentials, one_time_links, people, sessions, totp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{check_new, hash};
use crate::operations::session::{Begun, Proven, begin_until, proven};
use crate::operations::{Caller, OperationError, Services, Work};
use crate::view::schema;

/// What `PUT /me/password` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The current password.
    #[schemars(with = "String")]
    pub current: Redacted,
    /// The new one.
    #[schemars(schema_with = "schema::password")]
    pub new: Redacted,
}

/// Changes it; the session that goes on.
pub async fn change(services: &Services, caller: &Caller, asked: &Change) -> Result<Begun, OperationError> {
    let proven = proven(services, caller, "password.change", &asked.current).await?;
    let person = proven.candidate.person_id;
    let mut tx = services.storage.read().await?;
    let second = totp::is_on(&mut tx, person).await?;
    let memberships = people::memberships(&mut tx, Some(person)).await?;
    drop(tx);
    let mut about = vec![proven.candidate.email.as_str(), &proven.candidate.name];
    about.extend(memberships.iter().map(|m| m.org_name.as_str()));
    check_new(&asked.new, second, &about)?;
    let hash = hash(services, &asked.new).await?;
    let target = Target::new("account", caller.principal.id);
    let mut work = Work::begin(services, caller, "password.change", Some(target)).await?;
    let done = act(&mut work, &proven, second, &hash).await;
    work.end(done).await
}

async fn act(
    work: &mut Work<'_>,
    proven: &Proven,
    second: bool,
    hash: &str,
) -> Result<Begun, OperationError> {
    let meanwhile = || OperationError::Conflict("the password was changed meanwhile; try again".to_owned());
    let person = proven.candidate.person_id;
    if !credentials::change_password(&mut work.tx, person, (&proven.hash, hash), work.now).await? {
        return Err(meanwhile());
    }
    // A short password is good only beside a second factor that is still there.
    if second && !totp::is_on(&mut work.tx, person).await? {
        return Err(meanwhile());
    }
    let this = sessions::get(&mut work.tx, person, proven.session, work.now).await?;
    let this = this.ok_or(OperationError::Unauthenticated)?;
    one_time_links::end_password_resets(&mut work.tx, person).await?;
    let ended = sessions::end_all(&mut work.tx, person, None).await?;
    work.change(json!({"sessions_ended": ended}));
    let caller = work.caller;
    let member = (caller.org_id, &caller.principal, person);
    begin_until(&mut work.tx, work.services, member, this.method, &caller.origin, this.expires_at).await
}
