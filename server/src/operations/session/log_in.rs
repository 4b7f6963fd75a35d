//! Logging in with e-mail address and password. What must hold: an unknown address, a wrong password and a person who is a member of nothing get
//! the same answer after the same work and time; the second factor is asked for only once the password is right; a password that is changed
//! meanwhile lets nobody in.

use std::time::{Duration, Instant};

use factotum_model::audit::{AuditEntry, AuditOutcome, Target};
use factotum_model::{InitiatorKind, OrgId, Redacted};
use factotum_storage::credentials::{self, Candidate};
use factotum_storage::people::{self, Membership};
use factotum_storage::sessions::Method;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Begun, begin, replace};
use crate::mail::check_address;
use crate::operations::{OperationError, Origin, Services, Token, password, totp};

/// Answers that say no come at multiples of this after the request: what else differs, a query more or an entry in the audit trail, cannot be
/// told from them.
pub const FAILURES_EVERY: Duration = Duration::from_millis(250);

/// What `POST /session` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    /// The person's e-mail address.
    pub email: String,
    /// Their password.
    #[schemars(with = "String")]
    pub password: Redacted,
    /// Six digits of the second factor, or a recovery code, for who has one.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub code: Option<Redacted>,
    /// The organization's id, for members of several; the one joined first unless given.
    #[serde(default)]
    pub org: Option<String>,
}

/// Who is logged in now, and where.
#[derive(Debug)]
pub struct LoggedIn {
    /// The session.
    pub begun: Begun,
    /// The organization it is in.
    pub membership: Membership,
    /// All that the person could choose.
    pub memberships: Vec<Membership>,
}

/// Logs in. `replaces` is the session that the browser had so far.
pub async fn log_in(
    services: &Services,
    asked: &LogIn,
    origin: &Origin,
    replaces: Option<&Token>,
) -> Result<LoggedIn, OperationError> {
    let started = Instant::now();
    let done = attempt(services, asked, origin, replaces).await;
    if matches!(done, Err(OperationError::LogInFailed | OperationError::SecondFactorRequired)) {
        evenly(started).await;
    }
    done
}

/// Waits until a multiple of [`FAILURES_EVERY`] has passed since then.
pub async fn evenly(started: Instant) {
    let step = FAILURES_EVERY.as_nanos();
    let left = step - started.elapsed().as_nanos() % step;
    tokio::time::sleep(Duration::from_nanos(left as u64)).await;
}

async fn attempt(
    services: &Services,
    asked: &LogIn,
    origin: &Origin,
    replaces: Option<&Token>,
) -> Result<LoggedIn, OperationError> {
    // What is no address is nobody's, and is looked for all the same.
    let email = check_address(&asked.email).unwrap_or_default();
    services.attempts.to_log_in(&asked.email, origin.address).inspect_err(|_| {
        services.refusals.count(origin.address, "too many log-ins");
    })?;
    let mut tx = services.storage.read().await?;
    let candidate = credentials::find(&mut tx, &email).await?;
    let person = candidate.as_ref().map(|c| c.person_id);
    let memberships = people::memberships(&mut tx, person).await?;
    let known = credentials::is_known_from(&mut tx, person, origin.address, services.now()).await?;
    drop(tx);
    if !known {
        services.attempts.to_log_in_from_afar(&asked.email)?;
    }
    let stored = candidate.as_ref().and_then(|c| c.password_hash.as_deref());
    let right = password::verify(services, &asked.password, stored).await?;
    let Some(candidate) = candidate.filter(|_| !memberships.is_empty()) else {
        services.refusals.count(origin.address, "a log-in to no member's address");
        return Err(OperationError::LogInFailed);
    };
    let wanted = asked.org.as_deref().and_then(|id| id.parse::<OrgId>().ok());
    let chosen = memberships.iter().find(|m| asked.org.is_none() || Some(m.org_id) == wanted).cloned();
    let recorded = chosen.clone().unwrap_or_else(|| memberships[0].clone());
    let done = if right {
        enter(services, asked, origin, replaces, (&candidate, chosen)).await
    } else {
        Err(OperationError::LogInFailed)
    };
    match done {
        Ok((begun, membership)) => Ok(LoggedIn { begun, membership, memberships }),
        Err(error) if error.is_denial(true) => {
            let entry = tried(services, origin, &recorded);
            Err(services.denials.settle(services, entry, error).await)
        }
        Err(error) => Err(error),
    }
}

/// The password was right: the second factor, and in.
async fn enter(
    services: &Services,
    asked: &LogIn,
    origin: &Origin,
    replaces: Option<&Token>,
    (candidate, chosen): (&Candidate, Option<Membership>),
) -> Result<(Begun, Membership), OperationError> {
    let person = candidate.person_id;
    let mut tx = services.storage.write().await?;
    let compared = candidate.password_hash.as_deref().unwrap_or_default();
    if !credentials::is_still(&mut tx, person, compared).await? {
        return Err(OperationError::LogInFailed);
    }
    totp::demand(services, &mut tx, person, asked.code.as_ref()).await?;
    let membership = chosen.ok_or_else(|| {
        OperationError::invalid(
            "org",
            "you are a member of no such organization; leave `org` out for the first",
        )
    })?;
    if !people::memberships(&mut tx, Some(person)).await?.contains(&membership) {
        return Err(OperationError::LogInFailed);
    }
    replace(&mut tx, services, person, origin, replaces).await?;
    let member = (membership.org_id, &membership.principal, person);
    let begun = begin(&mut tx, services, member, Method::Password, origin).await?;
    tx.commit().await?;
    Ok((begun, membership))
}

fn tried(services: &Services, origin: &Origin, membership: &Membership) -> AuditEntry {
    let who = membership.principal.clone();
    AuditEntry {
        targets: vec![Target::named("account", who.id, who.name.clone())],
        ..origin.entry(
            membership.org_id,
            services.now(),
            "session.begin",
            AuditOutcome::Denied,
            (who, InitiatorKind::Member),
        )
    }
}
