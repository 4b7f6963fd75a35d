//! Who comes in. What must hold: a known identity is its person; an unknown one is a new person, if its verified address is of an allowed
//! domain and nobody has that address yet: neither a member nor an invitation is taken over by an address
//! (`accept.rs` wants the invitation's link as well).

use factotum_model::audit::Target;
use factotum_model::{AccountKind, PersonId, Principal};
use factotum_storage::organizations::Organization;
use factotum_storage::sessions::Method;
use factotum_storage::{StorageError, Tx, accounts, audit_entries, identities, people};
use serde_json::json;

use super::{NO_SERVICE_ACCOUNT, Refused, allowed_address, entry, organization, service_account_like};
use crate::oidc::{Identified, Oidc};
use crate::operations::session::{self, Begun};
use crate::operations::{OperationError, Origin, Services, Token};

const LINK_INSTEAD: &str = "somebody here has your e-mail address already, and an address alone does not make you them: \
     log in with your password, and link the identity in your settings";

/// Lets somebody in: session, and membership where they are new, in one transaction.
pub(super) async fn enter(
    services: &Services,
    oidc: &Oidc,
    who: &Identified,
    origin: &Origin,
    replaces: Option<&Token>,
) -> Result<Begun, Refused> {
    let mut tx = services.storage.write().await?;
    let org = organization(&mut tx, &oidc.config).await?;
    let org = org.map_err(|e| OperationError::Unavailable(e.to_string()))?;
    let (principal, person) = match identities::find(&mut tx, &who.issuer, &who.subject).await? {
        Some(person) => known(&mut tx, &org, person).await?,
        None => join(&mut tx, services, oidc, &org, who, origin).await?,
    };
    session::replace(&mut tx, services, person, origin, replaces).await?;
    let member = (org.id, &principal, person);
    let begun = session::begin(&mut tx, services, member, Method::Oidc, origin).await?;
    tx.commit().await?;
    Ok(begun)
}

async fn known(tx: &mut Tx, org: &Organization, person: PersonId) -> Result<(Principal, PersonId), Refused> {
    match accounts::of_person(tx, org.id, person).await? {
        Some(member) if member.removed => {
            let reason = "your membership was ended; ask for an invitation";
            Err(Refused::of(org.id, member.principal, reason))
        }
        Some(member) => Ok((member.principal, person)),
        None => Err(Refused::stranger("you are no member of this organization; ask for an invitation")),
    }
}

/// Just-in-time membership.
async fn join(
    tx: &mut Tx,
    services: &Services,
    oidc: &Oidc,
    org: &Organization,
    who: &Identified,
    origin: &Origin,
) -> Result<(Principal, PersonId), Refused> {
    if let Some(account) = service_account_like(tx, org, who).await? {
        return Err(Refused::of(org.id, account, NO_SERVICE_ACCOUNT));
    }
    let allowed = allowed_address(who, &oidc.config.allowed_domains);
    // Tried with a member's address, it is on their organization's record, whatever else is wrong.
    if let Some(person) = someone_with(tx, who).await? {
        // Since it was looked for, in another transaction, the same identity may have joined with this address.
        if identities::find(tx, &who.issuer, &who.subject).await?.is_some() {
            return Err(just_now());
        }
        let words = if who.email_verified { LINK_INSTEAD } else { allowed.err().unwrap_or(LINK_INSTEAD) };
        return Err(match accounts::of_person(tx, org.id, person).await? {
            Some(member) => Refused::of(org.id, member.principal, words),
            None => Refused::stranger(words),
        });
    }
    let email = allowed.map_err(Refused::stranger)?;
    let now = services.now();
    // Both were free a moment ago: who took one since did so in another transaction.
    let Some(person) = people::create(tx, &email, &email, now).await? else { return Err(just_now()) };
    match identities::link(tx, person, &who.issuer, &who.subject, now).await {
        Err(StorageError::Exists { .. }) => return Err(just_now()),
        other => other?,
    }
    let role = &oidc.config.default_role;
    let id = people::add_member(tx, org.id, person, &email, role, now).await?;
    let principal = Principal { id, kind: AccountKind::Member, name: email };
    let mut made = entry(services, org.id, principal.clone(), "member.create", origin);
    made.targets = vec![Target::named("account", id, &principal.name)];
    made.reason = Some("first log-in at the identity provider".to_owned());
    let identity = identities::id_of(&who.issuer, &who.subject);
    made.change = Some(json!({"after": {"roles": [role], "identity": identity, "issuer": who.issuer}}));
    audit_entries::append(tx, &[made]).await?;
    Ok((principal, person))
}

fn just_now() -> Refused {
    let reason = "somebody with this address or identity has just joined; begin the log-in again";
    Refused::Failed(OperationError::Conflict(reason.to_owned()))
}

async fn someone_with(tx: &mut Tx, who: &Identified) -> Result<Option<PersonId>, StorageError> {
    match &who.email {
        // Another text is nobody's address, and might not even be one that the database can hold.
        Some(email) if email.bytes().all(|b| b.is_ascii_graphic()) => people::by_email(tx, email).await,
        _ => Ok(None),
    }
}
