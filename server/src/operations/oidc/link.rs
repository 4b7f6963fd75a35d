//! Linking an identity to a person who is logged in. What must hold: the session that began it is there and is the browser's; an identity
//! that is somebody else's stays so.

use factotum_model::Principal;
use factotum_model::audit::Target;
use factotum_storage::{StorageError, Tx, accounts, audit_entries, identities, sessions};
use serde_json::json;

use super::{
    Linking, NO_SERVICE_ACCOUNT, Refused, allowed_address, entry, organization, service_account_like,
};
use crate::oidc::{Identified, Oidc};
use crate::operations::{OperationError, Origin, Services, Token};

/// Links it.
pub(super) async fn complete(
    services: &Services,
    oidc: &Oidc,
    who: &Identified,
    linking: Linking,
    session: Option<&Token>,
    origin: &Origin,
) -> Result<(), Refused> {
    let (mut tx, now) = (services.storage.write().await?, services.now());
    let member = accounts::get(&mut tx, linking.org, linking.account).await?;
    let Some(member) = member.map(|m| m.principal) else {
        return Err(Refused::stranger("your membership was ended"));
    };
    let refused = |reason: &str| Refused::of(linking.org, member.clone(), reason);
    if !is_in_session(&mut tx, services, linking, session).await? {
        return Err(refused(
            "the session that began to link this identity has ended, or is not this browser's",
        ));
    }
    let org = organization(&mut tx, &oidc.config).await?;
    let Some(org) = org.ok().filter(|o| o.id == linking.org) else {
        return Err(refused("people of this organization do not log in at the identity provider"));
    };
    if service_account_like(&mut tx, &org, who).await?.is_some() {
        return Err(refused(NO_SERVICE_ACCOUNT));
    }
    let domains = &oidc.config.allowed_domains;
    if !domains.is_empty() {
        allowed_address(who, domains).map_err(refused)?;
    }
    match identities::find(&mut tx, &who.issuer, &who.subject).await? {
        Some(person) if person == linking.person => return Ok(()),
        Some(_) => return Err(taken(linking, member)),
        None => {}
    }
    match identities::link(&mut tx, linking.person, &who.issuer, &who.subject, now).await {
        Err(StorageError::Exists { .. }) => return Err(taken(linking, member)),
        other => other?,
    }
    let id = identities::id_of(&who.issuer, &who.subject);
    let mut made = entry(services, linking.org, member, "identity.link", origin);
    made.session_id = Some(linking.session);
    made.targets = vec![Target::new("identity", &id)];
    made.change = Some(json!({"after": {"issuer": who.issuer}}));
    audit_entries::append(&mut tx, &[made]).await?;
    tx.commit().await?;
    Ok(())
}

fn taken(linking: Linking, member: Principal) -> Refused {
    let reason = "this identity is linked to another person".to_owned();
    Refused::Of(linking.org, member, OperationError::Conflict(reason))
}

async fn is_in_session(
    tx: &mut Tx,
    services: &Services,
    linking: Linking,
    session: Option<&Token>,
) -> Result<bool, StorageError> {
    let Some(token) = session else { return Ok(false) };
    let holder = sessions::holder(tx, token.hash(), services.now(), services.limits.session_idle).await?;
    Ok(holder.is_some_and(|h| h.session_id == linking.session && h.person_id == linking.person))
}
