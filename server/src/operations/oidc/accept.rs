//! Taking an invitation up by logging in at the identity provider: so people join who have neither password nor session here. What must hold: it
//! takes the invitation's link *and* its address, verified by the provider; the link's token goes with the log-in from the browser that showed
//! it; an address that somebody here has opens nothing to an identity that is not theirs.

use factotum_model::nickname::check_nickname;
use factotum_model::{Digest, PersonId, Redacted};
use factotum_storage::invitations::{self, Invitation};
use factotum_storage::sessions::Method;
use factotum_storage::{StorageError, Tx, accounts, audit_entries, identities, members, people};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::start::{Started, begin};
use super::{NO_SERVICE_ACCOUNT, Refused, organization, service_account_like, verified_address};
use crate::oidc::{Identified, Oidc};
use crate::operations::invitation::join::{
    Known, changed_meanwhile, denied, join, look_up, member_already, nobodys_entry, unusable,
};
use crate::operations::session::{self, Begun};
use crate::operations::{OperationError, Origin, Services, Token};
use crate::view::schema;

const ELSEWHERE: &str = "people of this organization do not log in at the identity provider";
const OTHER_ADDRESS: &str =
    "this invitation is for another e-mail address than the identity provider has of you";
const SOMEBODYS: &str = "this address belongs to somebody who is known here, and your identity is not linked to them: log in as you did so \
     far, and take the invitation up then";

/// What `POST /invitations/accept/oidc` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptAtProvider {
    /// What stands behind `token=` in the link.
    #[schemars(schema_with = "schema::token")]
    pub token: Redacted,
    /// What the others see; unless given, the name that they have here, or else the address.
    #[serde(default)]
    pub name: Option<String>,
    /// The path of this server to go to afterwards; `/` unless given.
    #[serde(default)]
    pub return_to: Option<String>,
}

/// What a log-in takes up, kept while the browser is at the provider.
#[derive(Serialize, Deserialize)]
pub(super) struct Taking {
    token_hash: Digest,
    name: Option<String>,
}

/// Begins it.
pub async fn start_accept(
    services: &Services,
    oidc: &Oidc,
    origin: &Origin,
    asked: &AcceptAtProvider,
) -> Result<Started, OperationError> {
    services.attempts.by_anybody(origin.address).inspect_err(|_| {
        services.refusals.count(origin.address, "too many tries of invitations");
    })?;
    if let Some(name) = &asked.name {
        check_nickname(name).map_err(|e| OperationError::invalid("name", e))?;
    }
    let hash = asked.token.expose().parse::<Token>().ok().map(|token| token.hash());
    let known = match hash {
        Some(hash) => look_up(services, hash).await?.map(|known| (hash, known)),
        None => None,
    };
    let Some((token_hash, known)) = known else {
        services.refusals.count(origin.address, "an unknown invitation");
        return Err(unusable());
    };
    if let Err(error) = can_be_begun(services, oidc, &known).await {
        return Err(refused(services, origin, &known, error)
            .settle(services, "invitation.accept", origin)
            .await);
    }
    let taking = Taking { token_hash, name: asked.name.clone() };
    begin(services, oidc, asked.return_to.as_deref(), (None, Some(taking))).await
}

async fn can_be_begun(services: &Services, oidc: &Oidc, known: &Known) -> Result<(), OperationError> {
    if known.invitation.expires_at <= services.now() {
        return Err(unusable());
    }
    if known.guest.as_ref().is_some_and(|guest| guest.account.is_some()) {
        return Err(member_already());
    }
    let mut tx = services.storage.read().await?;
    is_of_the_provider(&mut tx, oidc, &known.invitation).await
}

/// The provider vouches for people of one organization; those of others have not agreed to believe it.
async fn is_of_the_provider(tx: &mut Tx, oidc: &Oidc, invitation: &Invitation) -> Result<(), OperationError> {
    match organization(tx, &oidc.config).await? {
        Ok(org) if org.id == invitation.org_id => Ok(()),
        _ => Err(denied(ELSEWHERE)),
    }
}

/// Ends it: membership and session in one transaction.
pub(super) async fn accept(
    services: &Services,
    oidc: &Oidc,
    who: &Identified,
    taking: &Taking,
    origin: &Origin,
    replaces: Option<&Token>,
) -> Result<Begun, Refused> {
    let Some(known) = look_up(services, taking.token_hash).await? else {
        services.refusals.count(origin.address, "an unknown invitation");
        return Err(unusable().into());
    };
    let taken = take_up(services, oidc, who, (taking, &known.invitation), origin, replaces).await;
    taken.map_err(|error| refused(services, origin, &known, error))
}

async fn take_up(
    services: &Services,
    oidc: &Oidc,
    who: &Identified,
    (taking, invitation): (&Taking, &Invitation),
    origin: &Origin,
    replaces: Option<&Token>,
) -> Result<Begun, OperationError> {
    let email = verified_address(who).map_err(denied)?;
    if email != invitation.email {
        return Err(denied(OTHER_ADDRESS));
    }
    let mut tx = services.storage.write().await?;
    members::take_turn(&mut tx, invitation.org_id).await?;
    let now = services.now();
    let still = invitations::by_token(&mut tx, taking.token_hash).await?.filter(|i| i.expires_at > now);
    still.ok_or_else(unusable)?;
    is_of_the_provider(&mut tx, oidc, invitation).await?;
    let Guest { person, name, is_new } = guest(&mut tx, services, oidc, who, invitation).await?;
    let name = taking.name.clone().or(name).unwrap_or(email);
    let joined = join(&mut tx, services, invitation, person, name).await?;
    session::replace(&mut tx, services, person, origin, replaces).await?;
    let member = (invitation.org_id, &joined.member, person);
    let begun = session::begin(&mut tx, services, member, Method::Oidc, origin).await?;
    let mut entry = joined.entry(services, origin, invitation);
    entry.session_id = Some(begun.id);
    entry.reason = Some("by log-in at the identity provider".to_owned());
    if let (true, Some(change)) = (is_new, &mut entry.change) {
        change["after"]["identity"] = json!(identities::id_of(&who.issuer, &who.subject));
        change["after"]["issuer"] = json!(who.issuer);
    }
    audit_entries::append(&mut tx, &[entry]).await?;
    tx.commit().await?;
    Ok(begun)
}

struct Guest {
    person: PersonId,
    /// As they are known here.
    name: Option<String>,
    /// Whether they have just been made, with this identity.
    is_new: bool,
}

/// Who it is that has the invitation's address and this identity: the identity's person, or somebody new. Somebody known by the address alone
/// is neither: their memberships elsewhere would be the identity's.
async fn guest(
    tx: &mut Tx,
    services: &Services,
    oidc: &Oidc,
    who: &Identified,
    invitation: &Invitation,
) -> Result<Guest, OperationError> {
    let (org, now) = (invitation.org_id, services.now());
    let by_address = invitations::guest(tx, org, &invitation.email).await?;
    if let Some(person) = identities::find(tx, &who.issuer, &who.subject).await? {
        if by_address.as_ref().is_some_and(|guest| guest.person != person) {
            return Err(denied(SOMEBODYS));
        }
        if accounts::of_person(tx, org, person).await?.is_some_and(|member| !member.removed) {
            return Err(member_already());
        }
        return Ok(Guest { person, name: by_address.map(|guest| guest.name), is_new: false });
    }
    if by_address.is_some() {
        return Err(denied(SOMEBODYS));
    }
    let meant = organization(tx, &oidc.config).await?;
    if let Ok(meant) = meant
        && service_account_like(tx, &meant, who).await?.is_some()
    {
        return Err(denied(NO_SERVICE_ACCOUNT));
    }
    // Both were free a moment ago: who took one since did so in another transaction.
    let person = people::create(tx, &invitation.email, &invitation.email, now).await?;
    let person = person.ok_or_else(changed_meanwhile)?;
    match identities::link(tx, person, &who.issuer, &who.subject, now).await {
        Err(StorageError::Exists { .. }) => Err(changed_meanwhile()),
        other => Ok(other.map(|()| Guest { person, name: None, is_new: true })?),
    }
}

/// Impossible values count as refusals too: attackers try them here.
fn refused(services: &Services, origin: &Origin, known: &Known, error: OperationError) -> Refused {
    if error.is_denial(true) {
        Refused::Guest(Box::new(nobodys_entry(services, origin, known)), error)
    } else {
        error.into()
    }
}
