//! Notices as the world sees them: what is set, who is told, what was sent. What must hold: of a webhook only its host is shown; its secret comes once, with its creation.

use factotum_model::notice::{Content, Health, Item, NoticeSettings, WorkflowNotices};
use factotum_storage::notice_recipients::Recipient;
use factotum_storage::notices::Notice;
use schemars::JsonSchema;
use serde::Serialize;

/// When notices go out.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NoticeSettings")]
pub struct SettingsView {
    /// Whether the Admins are told by mail.
    pub admins: bool,
    /// How many runs of a workflow fail in a row before it counts as failing.
    pub after_failures: u32,
    /// How long what happens is gathered into one message, in seconds.
    pub gather_s: u32,
    /// How long after a notice that a workflow fails the next one that it fails anew may come, in seconds.
    pub interval_s: u32,
    /// After how many hours one is reminded of a workflow that goes on failing; 0 for never.
    pub reminder_h: u32,
    /// Whether letters go anywhere: the server's `mail.relay`.
    pub mail_on: bool,
}

impl SettingsView {
    /// `mail_on`: whether letters go anywhere.
    pub const fn of(settings: &NoticeSettings, mail_on: bool) -> Self {
        Self {
            admins: settings.admins,
            after_failures: settings.after_failures,
            gather_s: settings.gather_s,
            interval_s: settings.interval_s,
            reminder_h: settings.reminder_h,
            mail_on,
        }
    }
}

/// Somebody who is told.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NoticeRecipient")]
pub struct RecipientView {
    /// Its id.
    pub id: String,
    /// mail or webhook.
    pub kind: &'static str,
    /// The address; of a webhook scheme and host alone.
    pub to: String,
    /// When it was added.
    pub created_at: String,
    /// What a webhook's messages are signed with, in the form of Standard Webhooks; shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl From<&Recipient> for RecipientView {
    fn from(recipient: &Recipient) -> Self {
        Self {
            id: recipient.id.to_string(),
            kind: recipient.channel.as_str(),
            to: recipient.shown.clone(),
            created_at: recipient.created_at.to_string(),
            secret: None,
        }
    }
}

/// A message that was put on its way to try a recipient.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NoticeTest")]
pub struct TestView {
    /// Its id.
    pub notice: String,
}

/// A message.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Notice")]
pub struct NoticeView {
    /// Its id; also the `webhook-id`.
    pub id: String,
    /// admin (by mail), mail or webhook.
    pub kind: &'static str,
    /// The recipient's id, or the Admin's account.
    pub recipient: String,
    /// waiting, sent, failed (given up) or dropped (the recipient was removed).
    pub state: String,
    /// How often it was tried.
    pub tries: u32,
    /// Why it was not sent, or not yet.
    pub reason: Option<String>,
    /// Whether somebody asked for it, to see whether it arrives.
    pub test: bool,
    /// Workflows that had begun to fail.
    pub failing: Vec<String>,
    /// Workflows that went on failing.
    pub still_failing: Vec<String>,
    /// Workflows that worked again.
    pub recovered: Vec<String>,
    /// How many workflows more there were than are named.
    pub more: u64,
    /// When it was made.
    pub created_at: String,
    /// When it is tried next, if it waits.
    pub due_at: Option<String>,
    /// When it was sent or given up.
    pub ended_at: Option<String>,
}

impl From<&Notice> for NoticeView {
    fn from(notice: &Notice) -> Self {
        let names = |items: &[Item]| items.iter().map(|item| item.workflow.clone()).collect();
        let Content { failing, still_failing, recovered, more, test } = &notice.content;
        Self {
            id: notice.id.to_string(),
            kind: notice.to.kind(),
            recipient: notice.to.id(),
            state: notice.state.clone(),
            tries: notice.tries,
            reason: notice.reason.clone(),
            test: *test,
            failing: names(failing),
            still_failing: names(still_failing),
            recovered: names(recovered),
            more: *more,
            created_at: notice.created_at.to_string(),
            due_at: notice.ended_at.is_none().then(|| notice.due_at.to_string()),
            ended_at: notice.ended_at.map(|at| at.to_string()),
        }
    }
}

/// How a workflow does, and what differs for its notices.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WorkflowNotices")]
pub struct WorkflowNoticesView {
    /// Whether nobody is told of it.
    pub muted: bool,
    /// How many of its runs fail in a row before it counts as failing; null for the organization's number.
    pub after_failures: Option<u32>,
    /// Whether it counts as failing.
    pub failing: bool,
    /// How it fails; null while its runs succeed.
    pub failures: Option<FailuresView>,
}

/// How a workflow fails.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WorkflowFailures")]
pub struct FailuresView {
    /// Since when.
    pub since: String,
    /// How many of its runs failed in a row.
    pub in_a_row: u64,
    /// The first run that failed.
    pub first_run: String,
    /// The last run that failed.
    pub last_run: String,
    /// When that one failed.
    pub last_at: String,
}

impl WorkflowNoticesView {
    /// `health`: how it does, if its runs failed lately.
    pub fn of(own: &WorkflowNotices, health: Option<&Health>) -> Self {
        let failures = health.filter(|health| health.streak > 0).map(|health| FailuresView {
            since: health.since.to_string(),
            in_a_row: health.streak,
            first_run: health.first_run.to_string(),
            last_run: health.last_run.to_string(),
            last_at: health.last_at.to_string(),
        });
        Self {
            muted: own.muted,
            after_failures: own.after_failures,
            failing: health.is_some_and(|health| health.failing),
            failures,
        }
    }
}
