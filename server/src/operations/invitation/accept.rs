//! Taking an invitation up. What must hold: whoever holds the link gets the roles only while the inviter may still give them; somebody who is known
//! shows their own password, and nothing here sets it anew; a second factor is not gone round; member, session and entry commit together; and a
//! link that is unknown, used, withdrawn or too old gets one answer.

use factotum_model::nickname::check_nickname;
use factotum_model::{Digest, PersonId, Principal, Redacted};
use factotum_storage::invitations::{self, Guest};
use factotum_storage::organizations::Organization;
use factotum_storage::sessions::{self, Method};
use factotum_storage::{Tx, audit_entries, credentials, members, people};
use schemars::JsonSchema;
use serde::Deserialize;

use super::join::{Known, changed_meanwhile, denied, join, look_up, member_already, nobodys_entry, unusable};
use crate::operations::session::{self, Begun};
use crate::operations::{OperationError, Origin, Services, Token, password};
use crate::view::schema;

/// What `POST /invitations/accept` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// What stands behind `token=` in the link.
    #[schemars(schema_with = "schema::token")]
    pub token: Redacted,
    /// What the others see; whoever is known keeps their name unless given.
    #[serde(default)]
    pub name: Option<String>,
    /// A new password, or the one that they have. Whoever is logged in as the invited person needs none.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub password: Option<Redacted>,
}

/// An invitation that was taken up.
#[derive(Debug)]
pub struct Accepted {
    /// The new member.
    pub member: Principal,
    /// The organization.
    pub organization: Organization,
    /// Their session; none for whoever has a second factor, and logs in with it.
    pub session: Option<Begun>,
}

/// Takes it up.
pub async fn accept(
    services: &Services,
    origin: &Origin,
    asked: &Acceptance,
    session: Option<&Token>,
) -> Result<Accepted, OperationError> {
    services.attempts.by_anybody(origin.address).inspect_err(|_| {
        services.refusals.count(origin.address, "too many tries of invitations");
    })?;
    let hash = asked.token.expose().parse::<Token>().ok().map(|token| token.hash());
    let known = match hash {
        Some(hash) => look_up(services, hash).await?.map(|known| (hash, known)),
        None => None,
    };
    let Some((hash, known)) = known else {
        services.refusals.count(origin.address, "an unknown invitation");
        return Err(unusable());
    };
    match take_up(services, origin, (hash, session), &known, asked).await {
        Err(error) if error.is_denial(false) => {
            Err(services.denials.settle(services, nobodys_entry(services, origin, &known), error).await)
        }
        other => other,
    }
}

async fn take_up(
    services: &Services,
    origin: &Origin,
    (hash, session): (Digest, Option<&Token>),
    known: &Known,
    asked: &Acceptance,
) -> Result<Accepted, OperationError> {
    let Known { invitation, organization, guest } = known;
    // Both limits that log-ins have: this must be no way to try more passwords.
    services.attempts.to_log_in(&invitation.email, origin.address)?;
    services.attempts.to_log_in_from_afar(&invitation.email)?;
    if invitation.expires_at <= services.now() {
        return Err(unusable());
    }
    if guest.as_ref().is_some_and(|guest| guest.account.is_some()) {
        return Err(member_already());
    }
    let name = name(asked, guest.as_ref())?;
    let new_hash = proven(services, known, asked, &name, session).await?;

    let org = invitation.org_id;
    let mut tx = services.storage.write().await?;
    members::take_turn(&mut tx, org).await?;
    let now = services.now();
    let still = invitations::by_token(&mut tx, hash).await?.filter(|i| i.expires_at > now);
    still.ok_or_else(unusable)?;
    if invitations::guest(&mut tx, org, &invitation.email).await? != *guest {
        return Err(changed_meanwhile());
    }
    if let Some(Guest { person, password_hash: Some(compared), .. }) = guest
        && !credentials::is_still(&mut tx, *person, compared).await?
    {
        return Err(changed_meanwhile());
    }
    let person = match (guest, new_hash) {
        (Some(guest), _) => guest.person,
        (None, Some(new_hash)) => person(&mut tx, services, &invitation.email, &name, &new_hash).await?,
        (None, None) => return Err(changed_meanwhile()),
    };
    let joined = join(&mut tx, services, invitation, person, name).await?;
    let member = joined.member.clone();
    let session = if guest.as_ref().is_some_and(|guest| guest.second_factor) {
        None
    } else {
        session::replace(&mut tx, services, person, origin, session).await?;
        Some(session::begin(&mut tx, services, (org, &member, person), Method::Invitation, origin).await?)
    };
    let mut entry = joined.entry(services, origin, invitation);
    entry.session_id = session.as_ref().map(|session| session.id);
    audit_entries::append(&mut tx, &[entry]).await?;
    tx.commit().await?;
    Ok(Accepted { member, organization: organization.clone(), session })
}

/// The name that the account gets.
fn name(asked: &Acceptance, guest: Option<&Guest>) -> Result<String, OperationError> {
    let name = asked.name.as_deref().or_else(|| guest.map(|guest| guest.name.as_str()));
    let name =
        name.ok_or_else(|| OperationError::invalid("name", "say what the others are to see as your name"))?;
    check_nickname(name).map_err(|e| OperationError::invalid("name", e))?;
    Ok(name.to_owned())
}

/// That whoever asks is who was invited, if they are known; else the hash of the password that they choose.
async fn proven(
    services: &Services,
    known: &Known,
    asked: &Acceptance,
    name: &str,
    session: Option<&Token>,
) -> Result<Option<String>, OperationError> {
    let password = asked.password.as_ref();
    let Some(guest) = &known.guest else {
        let password = password
            .ok_or_else(|| OperationError::invalid("password", "choose a password to log in with"))?;
        let about = [known.invitation.email.as_str(), name, known.organization.name.as_str()];
        password::check(password, false, &about)?;
        return Ok(Some(password::hash(services, password).await?));
    };
    if is_logged_in(services, guest.person, session).await? {
        return Ok(None);
    }
    // Also without a stored password, so that the time tells nothing.
    let nothing = Redacted::new(String::new());
    let fits =
        password::verify(services, password.unwrap_or(&nothing), guest.password_hash.as_deref()).await?;
    if fits {
        return Ok(None);
    }
    let reason = "this address belongs to somebody who is known here: log in first, or give the password that you have; if you have forgotten it, set a new one by “forgot password”";
    Err(denied(reason))
}

/// Whether the request came with a session of this very person.
async fn is_logged_in(
    services: &Services,
    person: PersonId,
    session: Option<&Token>,
) -> Result<bool, OperationError> {
    let Some(token) = session else { return Ok(false) };
    let mut tx = services.storage.read().await?;
    let idle = services.limits.session_idle;
    let holder = sessions::holder(&mut tx, token.hash(), services.now(), idle).await?;
    Ok(holder.is_some_and(|holder| holder.person_id == person))
}

/// Makes the person. Somebody else who made them at the same moment wins: their password stands.
async fn person(
    tx: &mut Tx,
    services: &Services,
    email: &str,
    name: &str,
    hash: &str,
) -> Result<PersonId, OperationError> {
    let now = services.now();
    let person = people::create(tx, email, name, now).await?.ok_or_else(changed_meanwhile)?;
    credentials::set_password(tx, person, hash, now).await?;
    Ok(person)
}
