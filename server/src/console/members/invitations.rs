//! Inviting people, on the page of the members. What must hold: an invitation's link is shown once, in the answer to the form that made it.

use std::sync::Arc;

use axum::extract::Path;
use factotum_model::Action;
use http::StatusCode;

use super::{Asked, Choice, choices, shown};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::routes::State;
use crate::console::Shown;
use crate::console::fields::{Faults, Fields};
use crate::console::page::go;
use crate::console::refusal::Refusal;
use crate::console::viewer::Viewer;
use crate::operations::invitation::{self, Invited, NewInvitation};
use crate::operations::{Page, Services};

/// The most open invitations that are shown.
const MAX_SHOWN: u32 = 50;

/// Adds the routes.
pub(super) fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes
        .add(
            Endpoint::post("/settings/members/invitations", "page.members.invite", "Invite a person")
                .grant(Action::MEMBERS_CREATE),
            invite,
        )
        .add(
            Endpoint::post(
                "/settings/members/invitations/{id}/withdraw",
                "page.members.withdraw",
                "Withdraw an invitation",
            )
            .grant(Action::MEMBERS_CREATE),
            withdraw,
        )
}

/// The part of the page that is for inviting.
pub(super) struct Inviting {
    pub roles: Vec<Choice>,
    pub open: Vec<Invited>,
    /// Whether there are more.
    pub more: bool,
    pub faults: Faults,
    pub email: String,
    /// Whether this server sends the link by itself.
    pub mails: bool,
    pub made: Option<MadeInvitation>,
}

/// An invitation that was made a moment ago: its link is shown this once.
pub(super) struct MadeInvitation {
    pub email: String,
    pub url: String,
    pub mailed: bool,
}

impl Inviting {
    /// An empty form with these roles ticked; none for who may not invite.
    pub async fn of(
        services: &Services,
        viewer: &Viewer,
        chosen: &[String],
    ) -> Result<Option<Self>, Refusal> {
        if !viewer.may(Action::MEMBERS_CREATE) {
            return Ok(None);
        }
        let all = Page { limit: MAX_SHOWN, cursor: None };
        let open = invitation::list(services, &viewer.caller, all).await?;
        Ok(Some(Self {
            roles: choices(services, viewer, chosen).await?,
            more: open.next.is_some(),
            open: open.items,
            faults: Faults::default(),
            email: String::new(),
            mails: services.mailer.is_on(),
            made: None,
        }))
    }
}

async fn invite(services: State, viewer: Viewer, fields: Fields) -> Shown {
    let new = NewInvitation { email: fields.text("email"), roles: fields.all("roles") };
    let (status, inviting) = match invitation::create(&services, &viewer.caller, &new, None).await {
        Ok(made) => {
            let email = made.invited.invitation.email;
            let made = Some(MadeInvitation { email, url: made.url, mailed: made.mail_sent });
            let inviting = Inviting::of(&services, &viewer, &[]).await?;
            (StatusCode::CREATED, inviting.map(|inviting| Inviting { made, ..inviting }))
        }
        // Who may invite nobody gets no form to try again.
        Err(error) if !viewer.may(Action::MEMBERS_CREATE) => return Err(error.into()),
        Err(error) => {
            let (status, faults) = Faults::answered(error, "roles")?;
            let inviting = Inviting::of(&services, &viewer, &new.roles).await?;
            (status, inviting.map(|inviting| Inviting { faults, email: new.email, ..inviting }))
        }
    };
    shown(&services, &viewer, &Asked::default(), (status, inviting)).await
}

async fn withdraw(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    invitation::withdraw(&services, &viewer.caller, &id).await?;
    Ok(go("/settings/members?done=withdrawn"))
}
