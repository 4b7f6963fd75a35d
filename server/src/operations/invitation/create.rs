//! Inviting somebody. What must hold: the roles given allow nothing that the inviter may not; the link is shown to the inviter once, and sent by
//! mail where that is set up, after invitation and intent are committed.

use factotum_model::Action;
use factotum_model::audit::{AuditEntry, Target};
use factotum_storage::invitations;
use factotum_storage::{StorageError, audit_entries, organizations};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Invited, LIFE};
use crate::mail::{Letter, check_address};
use crate::operations::member::together;
use crate::operations::{Caller, Once, OperationError, Services, Token, Work, letter, role};
use crate::view::member::InvitationView;
use crate::view::schema;

const ABOUT: &str = "invitation";

/// What `POST /members/invitations` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewInvitation")]
pub struct NewInvitation {
    /// Whom to invite.
    #[schemars(schema_with = "schema::email")]
    pub email: String,
    /// The names or ids of the roles that they get; at least one.
    #[schemars(length(min = 1))]
    pub roles: Vec<String>,
}

/// An invitation that was made.
#[derive(Debug)]
pub struct Made {
    /// The invitation.
    pub invited: Invited,
    /// The link, which is shown once.
    pub url: String,
    /// Whether it was sent by mail.
    pub mail_sent: bool,
}

/// Invites somebody.
pub async fn create(
    services: &Services,
    caller: &Caller,
    new: &NewInvitation,
    once: Option<&Once>,
) -> Result<Made, OperationError> {
    let work = Work::begin_in_turn(services, caller, "invitation.create", None).await?;
    let mut work = work.guarded().once(once).await?;
    let done = act(&mut work, new).await;
    let (invited, url, post) = work.end(done).await?;
    let mail_sent = match post {
        Some((entry, letter)) => letter::deliver(services, &entry, &letter, ABOUT).await,
        None => false,
    };
    Ok(Made { invited, url, mail_sent })
}

type Written = (Invited, String, Option<(AuditEntry, Letter)>);

async fn act(work: &mut Work<'_>, new: &NewInvitation) -> Result<Written, OperationError> {
    work.authorize(Action::MEMBERS_CREATE, None)?;
    let (org, now, services) = (work.caller.org_id, work.now, work.services);
    let email = check_address(&new.email).map_err(|e| OperationError::invalid("email", e))?;
    if new.roles.is_empty() {
        let reason = "the list of roles is empty: name at least one, such as `Viewer`";
        return Err(OperationError::invalid("roles", reason));
    }
    let roles = role::named(work, &new.roles).await?;
    work.holds(&together(&roles), "the invitation")?;
    services.invitation_limits.make(org)?;
    if invitations::guest(&mut work.tx, org, &email).await?.is_some_and(|guest| guest.account.is_some()) {
        return Err(OperationError::Conflict("this person is a member already".to_owned()));
    }
    let token = Token::fresh()?;
    let row = invitations::NewInvitation {
        email,
        roles: roles.iter().map(|role| role.id).collect(),
        token_hash: token.hash(),
        invited_by: work.caller.principal.id,
        expires_at: now.plus(LIFE),
    };
    let invitation = match invitations::create(&mut work.tx, org, &row, now).await {
        Err(StorageError::Exists { .. }) => {
            let reason = "this person is invited already; withdraw that invitation to make another";
            return Err(OperationError::Conflict(reason.to_owned()));
        }
        other => other?,
    };
    let invited = Invited { invitation, roles: roles.into_iter().map(|role| role.name).collect() };
    work.target(Target::named("invitation", invited.invitation.id, &row.email));
    work.change(json!({"after": {"roles": invited.roles, "expires_at": invited.invitation.expires_at}}));
    // In the fragment, which browsers keep to themselves: no proxy, log or referrer sees it.
    let url = format!("{}/invitation#token={}", services.public_url, token.expose());
    let mut post = None;
    if services.mailer.is_on() {
        let organization = organizations::get(&mut work.tx, org).await?.ok_or(OperationError::NotFound)?;
        let letter = letter_of(&invited, &organization.name, &work.caller.principal.name, &url);
        let entry = work.entry().clone();
        audit_entries::append(&mut work.tx, &[letter::intent(&entry, &letter, ABOUT)]).await?;
        post = Some((entry, letter));
    }
    work.answered(201, &InvitationView::from(&invited)).await?;
    Ok((invited, url, post))
}

fn letter_of(invited: &Invited, organization: &str, inviter: &str, url: &str) -> Letter {
    let invitation = &invited.invitation;
    let text = format!(
        "{inviter} invites you to join {organization} on Factotum.\n\nTo accept, open this link:\n\n{url}\n\n\
         It works once, until {}. If you did not expect this letter, you need not do anything.\n",
        invitation.expires_at
    );
    Letter::of(&invitation.email, format!("Invitation to {organization}"), text)
}
