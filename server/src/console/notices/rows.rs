//! Rows of the page: what fails now, and the last messages.

use std::collections::{BTreeMap, BTreeSet};

use factotum_model::{AccountId, Action, OrgId};
use factotum_storage::notice_recipients::Recipient;
use factotum_storage::notices::{Notice, To};
use factotum_storage::{accounts, workflow_failures};

use super::super::refusal::Refusal;
use super::super::viewer::Viewer;
use crate::notices::summary;
use crate::operations::{OperationError, Services};
use crate::view::harmless;

/// How many failing workflows are named.
const NAMED: u32 = 50;

/// A workflow that fails.
pub(super) struct FailingRow {
    pub name: String,
    pub since: String,
    pub failures: u64,
    pub last_run: String,
    pub muted: bool,
}

/// A message.
pub(super) struct NoticeRow {
    pub at: String,
    pub to: String,
    pub says: String,
    pub state: String,
    pub mark: &'static str,
    pub tries: u32,
    pub reason: String,
    pub due_at: Option<String>,
}

/// What fails now, the longest first.
pub(super) async fn failing(services: &Services, org: OrgId) -> Result<Vec<FailingRow>, Refusal> {
    let mut tx = services.storage.read().await.map_err(OperationError::from)?;
    let found = workflow_failures::failing(&mut tx, org, NAMED).await.map_err(OperationError::from)?;
    let row = |found: workflow_failures::Failing| FailingRow {
        name: found.name,
        since: found.health.since.to_string(),
        failures: found.health.failures,
        last_run: found.health.last_run.to_string(),
        muted: found.muted,
    };
    Ok(found.into_iter().map(row).collect())
}

/// The last messages, with the names of those whom they went to, as far as the viewer may see them.
pub(super) async fn notices(
    services: &Services,
    viewer: &Viewer,
    recipients: &[Recipient],
    all: &[Notice],
) -> Result<Vec<NoticeRow>, Refusal> {
    let mut members = BTreeMap::new();
    if viewer.may(Action::MEMBERS_READ) {
        let mut tx = services.storage.read().await.map_err(OperationError::from)?;
        let told: BTreeSet<AccountId> = all.iter().filter_map(|notice| notice.to.admin()).collect();
        for account in told {
            let found = accounts::get(&mut tx, viewer.caller.org_id, account).await;
            if let Some(found) = found.map_err(OperationError::from)? {
                members.insert(account, harmless::shown(&found.principal.name).into_owned());
            }
        }
    }
    let to = |to: To| match to {
        To::Admin(account) => {
            members.get(&account).map_or_else(|| "an Admin".to_owned(), |name| format!("{name}, Admin"))
        }
        To::Mail(id) | To::Webhook(id) => recipients
            .iter()
            .find(|recipient| recipient.id == id)
            .map_or_else(|| "a recipient that was removed".to_owned(), |recipient| recipient.shown.clone()),
    };
    Ok(all
        .iter()
        .map(|notice| NoticeRow {
            at: notice.created_at.to_string(),
            to: to(notice.to),
            says: summary(&notice.content),
            mark: match notice.state.as_str() {
                "failed" => "bad",
                "waiting" if notice.reason.is_some() => "warn",
                "sent" => "good",
                _ => "",
            },
            state: notice.state.clone(),
            tries: notice.tries,
            reason: notice.reason.clone().unwrap_or_default(),
            due_at: (notice.ended_at.is_none() && notice.reason.is_some()).then(|| notice.due_at.to_string()),
        })
        .collect())
}
