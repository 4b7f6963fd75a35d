//! What all ways of taking an invitation up have in common. What must hold: the roles are given only while the inviter may still give them; the
//! invitation is used up in the transaction that makes the member; refusals of a known invitation are on its organization's record.

use factotum_model::account::BASE_ACCOUNT_NAME;
use factotum_model::audit::{AuditEntry, AuditOutcome, Target};
use factotum_model::{
    AccountKind, Action, Authority, Digest, InitiatorKind, OrgId, PersonId, Principal, authorize,
};
use factotum_storage::invitations::{self, Guest, Invitation};
use factotum_storage::organizations::{self, Organization};
use factotum_storage::{Tx, accounts, members, roles};
use serde_json::json;

use crate::operations::caller::covers;
use crate::operations::member::together;
use crate::operations::{OperationError, Origin, Services};

/// What was looked up before whoever asks has shown who they are, which takes its time.
pub(in crate::operations) struct Known {
    /// The invitation. It may have expired.
    pub invitation: Invitation,
    /// What it is to.
    pub organization: Organization,
    /// The person with the invited address, if there is one.
    pub guest: Option<Guest>,
}

/// The invitation with this token, if there is one.
pub(in crate::operations) async fn look_up(
    services: &Services,
    hash: Digest,
) -> Result<Option<Known>, OperationError> {
    let mut tx = services.storage.read().await?;
    let Some(invitation) = invitations::by_token(&mut tx, hash).await? else { return Ok(None) };
    let org = invitation.org_id;
    let organization = organizations::get(&mut tx, org).await?.ok_or(OperationError::NotFound)?;
    let guest = invitations::guest(&mut tx, org, &invitation.email).await?;
    Ok(Some(Known { invitation, organization, guest }))
}

/// Somebody who has just become a member.
pub(in crate::operations) struct Joined {
    /// Their account.
    pub member: Principal,
    roles: Vec<String>,
}

impl Joined {
    /// The entry that tells of it.
    pub fn entry(&self, services: &Services, origin: &Origin, invitation: &Invitation) -> AuditEntry {
        let member = self.member.clone();
        let mut entry = entry(services, origin, invitation.org_id, member, InitiatorKind::Member);
        entry.targets = vec![
            Target::named("account", self.member.id, &self.member.name),
            Target::named("invitation", invitation.id, &invitation.email),
        ];
        entry.change = Some(json!({"after": {"roles": self.roles, "invited_by": invitation.invited_by}}));
        entry
    }
}

/// Makes this person a member. Who they are has been shown; changes of members have taken [turns](members::take_turn).
pub(in crate::operations) async fn join(
    tx: &mut Tx,
    services: &Services,
    invitation: &Invitation,
    person: PersonId,
    name: String,
) -> Result<Joined, OperationError> {
    let (org, now) = (invitation.org_id, services.now());
    let roles = still_given(tx, services, invitation).await?;
    let id = members::create(tx, org, person, &name, &invitation.roles, now).await?;
    if !invitations::take_up(tx, invitation, id, now).await? {
        return Err(unusable());
    }
    Ok(Joined { member: Principal { id, kind: AccountKind::Member, name }, roles })
}

/// What the inviter may still give: the roles' names.
async fn still_given(
    tx: &mut Tx,
    services: &Services,
    invitation: &Invitation,
) -> Result<Vec<String>, OperationError> {
    let (org, now) = (invitation.org_id, services.now());
    let gone = || denied("whoever invited you may not do so any more; ask for a new invitation");
    let held = accounts::effective_grants(tx, org, invitation.invited_by, now).await?.ok_or_else(gone)?;
    let mut given = Vec::new();
    for id in &invitation.roles {
        given.push(roles::get(tx, org, *id).await?.ok_or_else(gone)?);
    }
    authorize(&Authority::of(held.clone()), Action::MEMBERS_CREATE, None).map_err(|_| gone())?;
    covers(&held, &together(&given), "the invitation").map_err(|_| gone())?;
    Ok(given.into_iter().map(|role| role.name).collect())
}

/// One answer for a link that is unknown, used, withdrawn or too old.
pub(in crate::operations) fn unusable() -> OperationError {
    denied("this invitation is not known, or was used, withdrawn or not taken up in time; ask for a new one")
}

/// A refusal.
pub(in crate::operations) fn denied(reason: &str) -> OperationError {
    OperationError::Denied { permission: "invitation".to_owned(), reason: reason.to_owned() }
}

/// Somebody else was quicker with something that this relied on.
pub(in crate::operations) fn changed_meanwhile() -> OperationError {
    OperationError::Conflict("something changed at the same moment; send the request again".to_owned())
}

/// Whoever is in already needs no invitation.
pub(in crate::operations) fn member_already() -> OperationError {
    OperationError::Conflict("you are a member already; log in instead".to_owned())
}

fn entry(
    services: &Services,
    origin: &Origin,
    org: OrgId,
    actor: Principal,
    kind: InitiatorKind,
) -> AuditEntry {
    origin.entry(org, services.now(), "invitation.accept", AuditOutcome::Ok, (actor, kind))
}

/// Whoever is refused here has no account in the organization; the base account stands for it.
pub(in crate::operations) fn nobodys_entry(
    services: &Services,
    origin: &Origin,
    known: &Known,
) -> AuditEntry {
    let Known { invitation, organization, .. } = known;
    let base = Principal {
        id: organization.base_account,
        kind: AccountKind::Base,
        name: BASE_ACCOUNT_NAME.to_owned(),
    };
    let mut entry = entry(services, origin, invitation.org_id, base, InitiatorKind::System);
    entry.targets = vec![Target::named("invitation", invitation.id, &invitation.email)];
    entry
}
