//! Inviting people, and taking invitations up. What must hold: an invitation gives no more than the inviter holds, when it is made and when it is
//! taken up; it works once, for seven days; and it never sets the password of somebody who has one.

mod accept;
mod create;
pub(in crate::operations) mod join;
mod limits;
mod read;
mod withdraw;

pub use accept::{Acceptance, Accepted, accept};
pub use create::{Made, NewInvitation, create};
pub use limits::Limits;
pub use read::list;
pub use withdraw::withdraw;

use std::time::Duration;

use factotum_model::OrgId;
use factotum_storage::invitations::Invitation;
use factotum_storage::{Tx, roles};

use crate::operations::OperationError;

/// How long an invitation can be taken up.
pub const LIFE: Duration = Duration::from_hours(7 * 24);

/// An invitation, with the names of the roles that it gives.
#[derive(Debug)]
pub struct Invited {
    /// The invitation.
    pub invitation: Invitation,
    /// The names.
    pub roles: Vec<String>,
}

async fn with_names(tx: &mut Tx, org: OrgId, invitation: Invitation) -> Result<Invited, OperationError> {
    let mut names = Vec::new();
    for id in &invitation.roles {
        names.extend(roles::get(tx, org, *id).await?.map(|role| role.name));
    }
    Ok(Invited { invitation, roles: names })
}
