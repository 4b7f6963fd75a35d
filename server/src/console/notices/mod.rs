//! Settings → Notices: who is told that workflows fail and that they work again, how often, and what became of the messages. What must hold: a webhook's secret is shown
//! once, on the answer to its form; of its URL only the host.

mod rows;
mod workflow;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query};
use factotum_model::{Action, NoticeId};
use factotum_storage::notice_recipients::{Channel, MOST, Recipient};
use http::StatusCode;
use serde::Deserialize;

use super::fields::{Faults, Fields};
use super::frame::{Entry, Frame, Section};
use super::page::{go, page};
use super::refusal::Refusal;
use super::viewer::Viewer;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::routes::State;
use crate::operations::notice::{self, NewRecipient, SettingsChange};
use crate::operations::{OperationError, Page, Services};
use rows::{FailingRow, NoticeRow};

const HERE: &str = "/settings/notices";
/// How many messages are shown.
const LAST: u32 = 20;
/// The fields that a fault can stand beside.
const FIELDS: [&str; 6] = ["after_failures", "gather_s", "interval_s", "reminder_h", "address", "url"];

/// What the console knows of it.
pub const PAGES: Pages = Pages {
    routes,
    menu: Some(Entry {
        path: HERE,
        label: "Notices",
        section: Section::Settings,
        needs: Some(Action::SETTINGS_READ),
    }),
};

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let post = |path, id, summary| Endpoint::post(path, id, summary).grant(Action::SETTINGS_UPDATE);
    let routes = routes
        .add(Endpoint::get(HERE, "page.notices", "Notices").grant(Action::SETTINGS_READ), show)
        .add(post(HERE, "page.notices.change", "Change when notices go out"), change)
        .add(post("/settings/notices/mail", "page.notices.mail", "Tell a mail address"), add_mail)
        .add(post("/settings/notices/webhook", "page.notices.webhook", "Tell a webhook"), add_webhook)
        .add(post("/settings/notices/{id}/test", "page.notice.test", "Try a recipient"), test)
        .add(post("/settings/notices/{id}/delete", "page.notice.delete", "Tell one no more"), delete);
    workflow::routes(routes)
}

/// What stands in the form.
struct Typed {
    admins: bool,
    after_failures: String,
    gather_s: String,
    interval_s: String,
    reminder_h: String,
    address: String,
}

#[derive(Template)]
#[template(path = "notices/page.html")]
struct NoticesPage {
    frame: Frame,
    faults: Faults,
    typed: Typed,
    mail_on: bool,
    recipients: Vec<Recipient>,
    notices: Vec<NoticeRow>,
    /// What fails now, for who may see workflows.
    failing: Option<Vec<FailingRow>>,
    /// What was done just now.
    done: Option<&'static str>,
    may_change: bool,
}

impl NoticesPage {
    /// Whether nobody is told of anything.
    fn nobody(&self) -> bool {
        let by_mail = self.mail_on
            && (self.typed.admins || self.recipients.iter().any(|one| one.channel == Channel::Mail));
        !by_mail && !self.recipients.iter().any(|one| one.channel == Channel::Webhook)
    }

    /// Whether there can be one more.
    fn room(&self) -> bool {
        self.recipients.len() < MOST
    }

    /// The words over all forms.
    fn whole(&self) -> &str {
        self.faults.whole(&FIELDS)
    }
}

#[derive(Template)]
#[template(path = "notices/made.html")]
struct MadePage {
    frame: Frame,
    recipient: Recipient,
    secret: String,
}

#[derive(Deserialize, Default)]
struct Asked {
    done: Option<String>,
}

async fn shown(
    services: &Services,
    viewer: &Viewer,
    fields: Option<&Fields>,
    faults: Faults,
) -> Result<NoticesPage, Refusal> {
    let settings = notice::settings(services, &viewer.caller).await?;
    let recipients = notice::recipients(services, &viewer.caller).await?;
    let last = notice::list(services, &viewer.caller, Page { limit: LAST, cursor: None::<NoticeId> }).await?;
    let failing = if viewer.may(Action::WORKFLOWS_READ) {
        Some(rows::failing(services, viewer.caller.org_id).await?)
    } else {
        None
    };
    let notices = rows::notices(services, viewer, &recipients, &last.items).await?;
    // What was typed stands in its own form again; the others are as they are set.
    let typed = |name: &str, set: u32| {
        let sent = fields.filter(|fields| fields.some("form").as_deref() == Some("when"));
        sent.map_or_else(|| set.to_string(), |fields| fields.text(name))
    };
    let when = fields.filter(|fields| fields.some("form").as_deref() == Some("when"));
    Ok(NoticesPage {
        frame: viewer.frame("Notices", HERE),
        faults,
        typed: Typed {
            admins: when.map_or(settings.admins, |fields| fields.some("admins").is_some()),
            after_failures: typed("after_failures", settings.after_failures),
            gather_s: typed("gather_s", settings.gather_s),
            interval_s: typed("interval_s", settings.interval_s),
            reminder_h: typed("reminder_h", settings.reminder_h),
            address: fields.map(|fields| fields.text("address")).unwrap_or_default(),
        },
        mail_on: services.mailer.is_on(),
        recipients,
        notices,
        failing,
        done: None,
        may_change: viewer.may(Action::SETTINGS_UPDATE),
    })
}

async fn show(services: State, viewer: Viewer, Query(asked): Query<Asked>) -> Shown {
    let mut shown = shown(&services, &viewer, None, Faults::default()).await?;
    shown.done = asked.done.and_then(|word| match word.as_str() {
        "set" => Some("The settings hold from now on."),
        "added" => Some("The recipient is told from now on."),
        "removed" => Some("The recipient is told no more."),
        "test" => {
            Some("A test message is on its way. What became of it stands below, under the last messages.")
        }
        _ => None,
    });
    Ok(page(StatusCode::OK, &shown))
}

/// The form again, with what was wrong with it.
async fn again(services: &Services, viewer: &Viewer, fields: &Fields, error: OperationError) -> Shown {
    let (status, faults) = Faults::with_status(error)?;
    Ok(page(status, &shown(services, viewer, Some(fields), faults).await?))
}

async fn change(services: State, viewer: Viewer, fields: Fields) -> Shown {
    let number = |name: &str| {
        fields
            .text(name)
            .parse::<u32>()
            .map(Some)
            .map_err(|_| OperationError::invalid(name, "write a whole number, in digits alone"))
    };
    let read = || -> Result<SettingsChange, OperationError> {
        Ok(SettingsChange {
            admins: Some(fields.some("admins").is_some()),
            after_failures: number("after_failures")?,
            gather_s: number("gather_s")?,
            interval_s: number("interval_s")?,
            reminder_h: number("reminder_h")?,
        })
    };
    let done = match read() {
        Ok(change) => notice::change(&services, &viewer.caller, &change).await,
        Err(error) => {
            // Who may not is told that first.
            let doing =
                viewer.caller.allowed(&services, "notice.update", Action::SETTINGS_UPDATE, None, None);
            doing.await?;
            Err(error)
        }
    };
    match done {
        Ok(_) => Ok(go("/settings/notices?done=set")),
        Err(error) => again(&services, &viewer, &fields, error).await,
    }
}

async fn add_mail(services: State, viewer: Viewer, fields: Fields) -> Shown {
    let new = NewRecipient::Mail { address: fields.text("address") };
    match notice::create(&services, &viewer.caller, &new, None).await {
        Ok(_) => Ok(go("/settings/notices?done=added")),
        Err(error) => again(&services, &viewer, &fields, error).await,
    }
}

async fn add_webhook(services: State, viewer: Viewer, fields: Fields) -> Shown {
    let url = fields.some_secret("url").unwrap_or_else(|| fields.secret("url"));
    match notice::create(&services, &viewer.caller, &NewRecipient::Webhook { url }, None).await {
        Ok(made) => {
            let secret = made.secret.map(|secret| secret.expose().clone()).unwrap_or_default();
            let frame = viewer.frame("A webhook for notices", HERE);
            Ok(page(StatusCode::OK, &MadePage { frame, recipient: made.recipient, secret }))
        }
        Err(error) => again(&services, &viewer, &fields, error).await,
    }
}

async fn test(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    notice::test(&services, &viewer.caller, &id, None).await?;
    Ok(go("/settings/notices?done=test#messages"))
}

async fn delete(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    match notice::delete(&services, &viewer.caller, &id).await {
        // Somebody else was quicker: it is gone, as was wanted.
        Ok(()) | Err(OperationError::NotFound) => Ok(go("/settings/notices?done=removed")),
        Err(other) => Err(other.into()),
    }
}
