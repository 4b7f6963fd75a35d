//! Sending what waits. What must hold: that a message is about to leave commits with the claim, how that ended with its end (rule A2 of the audit trail), both as the
//! organization's base account; nothing of an address, a URL's path or an answer is on the record.

use std::sync::Arc;
use std::time::Duration;

use factotum_model::account::BASE_ACCOUNT_NAME;
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::{AccountKind, AuditId, InitiatorKind, OrgId, Principal, Timestamp};
use factotum_storage::notices::{self, MAX_TRIES, Notice, To, Tried};
use factotum_storage::{StorageError, Tx, audit_entries, members, notice_recipients, organizations, people};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{letter, post};
use crate::mail::MailError;
use crate::operations::Services;

/// How many messages a node sends at a time.
const AT_A_TIME: usize = 8;
/// How many workflows an entry names.
const NAMED: usize = 20;
/// The pauses after tries that failed; the last is repeated.
const PAUSES_S: [u64; 7] = [10, 30, 120, 600, 1_800, 7_200, 21_600];
/// How often the end of a message that was sent is handed to a database that does not answer, and how long between.
const WRITE_TRIES: u32 = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(400);

/// Sends what is due, until nothing more is or the server stops.
pub(super) async fn due(services: &Arc<Services>, stop: &CancellationToken) -> Result<(), StorageError> {
    loop {
        let mut claimed = Vec::new();
        while claimed.len() < AT_A_TIME && !stop.is_cancelled() {
            match claim(services).await? {
                Some(notice) => claimed.push(notice),
                None => break,
            }
        }
        let more = claimed.len() == AT_A_TIME;
        let sending = TaskTracker::new();
        for (notice, try_id, to) in claimed {
            let services = Arc::clone(services);
            sending.spawn(async move { one(&services, notice, try_id, to).await });
        }
        sending.close();
        sending.wait().await;
        if !more {
            return Ok(());
        }
    }
}

/// Where a message goes, as it is when it leaves.
enum Address {
    Mail(String),
    Webhook(notice_recipients::Endpoint),
    /// There is nobody, and why.
    Nobody(&'static str),
}

/// Takes a message to send, and says on the record that it is about to leave.
async fn claim(services: &Services) -> Result<Option<(Notice, AuditId, Address)>, StorageError> {
    let now = services.now();
    // Mostly there is nothing, which a reader can tell.
    let mut tx = services.storage.read().await?;
    if !notices::any_due(&mut tx, now).await? {
        return Ok(None);
    }
    drop(tx);
    let mut tx = services.storage.write().await?;
    let Some(notice) = notices::claim(&mut tx, services.storage.node(), now).await? else { return Ok(None) };
    let try_id = AuditId::random();
    let address = address(services, &mut tx, &notice).await?;
    if !matches!(address, Address::Nobody(_)) {
        let mut entry = entry(&mut tx, &notice, try_id, "notice.intent", AuditOutcome::Ok, now).await?;
        let reason = "about to be sent; without a `notice.send` of the same try it is unknown whether it was";
        entry.reason = Some(reason.to_owned());
        audit_entries::append(&mut tx, &[entry]).await?;
    }
    tx.commit().await?;
    Ok(Some((notice, try_id, address)))
}

async fn address(services: &Services, tx: &mut Tx, notice: &Notice) -> Result<Address, StorageError> {
    let org = notice.org_id;
    Ok(match notice.to {
        To::Admin(account) => {
            let is_admin = members::admins(tx, org).await?.contains(&account);
            let address = if is_admin { people::email_of(tx, org, account).await? } else { None };
            address.map_or(Address::Nobody("the member is no Admin any more"), Address::Mail)
        }
        To::Mail(id) => {
            let found = notice_recipients::get(tx, org, id).await?;
            found.map_or(Address::Nobody(REMOVED), |recipient| Address::Mail(recipient.shown))
        }
        To::Webhook(id) => {
            match notice_recipients::reveal(&services.storage, tx, org, id).await {
                Ok(found) => found.map_or(Address::Nobody(REMOVED), Address::Webhook),
                Err(error) if error.is_transient() => return Err(error),
                // Whoever else is to be told does not wait for it.
                Err(error) => {
                    tracing::error!(%error, recipient = %id, "a webhook for notices cannot be opened");
                    Address::Nobody("the webhook cannot be opened; remove it and add it again")
                }
            }
        }
    })
}

const REMOVED: &str = "the recipient was removed";

async fn one(services: &Services, notice: Notice, try_id: AuditId, to: Address) {
    let sent = match &to {
        Address::Nobody(why) => Err(Failure::Nobody(why)),
        Address::Mail(address) => letter::send(services, &notice, address).await,
        Address::Webhook(endpoint) => post::send(services, &notice, endpoint).await,
    };
    let tried = outcome(&notice, sent, services.now());
    if let Tried::Again(_, reason) | Tried::Failed(reason) = &tried {
        tracing::warn!(notice = %notice.id, to = notice.to.kind(), reason, tries = notice.tries, "a notice was not sent");
    }
    services.metrics.notices.tried(notice.to.kind(), tried.state());
    let mut tries = 0;
    loop {
        tries += 1;
        match write_down(services, &notice, try_id, &tried).await {
            Ok(()) => return,
            Err(error) if tries >= WRITE_TRIES => {
                tracing::error!(%error, notice = %notice.id, "how a notice ended could not be written down; it may be sent again");
                return;
            }
            Err(_) => tokio::time::sleep(BETWEEN_TRIES).await,
        }
    }
}

/// Why a message did not arrive. The words are for the record: no address, no path, nothing that the other side said.
pub(super) enum Failure {
    /// It may later.
    Later(String),
    /// It never will.
    Never(String),
    /// There is nobody.
    Nobody(&'static str),
}

impl From<MailError> for Failure {
    fn from(error: MailError) -> Self {
        match &error {
            MailError::Off => Self::Later("`mail.relay` is off".to_owned()),
            MailError::Letter(why) => Self::Never(format!("the letter cannot be written: {why}")),
            // RFC 5321 §4.2.1: for good.
            MailError::Relay(answer) if answer.is_permanent() => {
                let code = answer.status().map_or(0, u16::from);
                Self::Never(format!("the relay refused it for good, with {code}"))
            }
            // What a relay answers is for the log: it may repeat anything.
            MailError::Relay(_) => {
                Self::Later("the relay did not take it; the server's log says why".to_owned())
            }
            MailError::LogIn(_) => Self::Later("the relay refused the server's user and password".to_owned()),
            MailError::Certificate(_) => Self::Later("the relay's certificate is not believed".to_owned()),
            MailError::Timeout => Self::Later("the relay did not take it in time".to_owned()),
            MailError::Write(_) => Self::Later("the letter cannot be written to its place".to_owned()),
        }
    }
}

fn outcome(notice: &Notice, sent: Result<(), Failure>, now: Timestamp) -> Tried {
    match sent {
        Ok(()) => Tried::Sent,
        Err(Failure::Nobody(why)) => Tried::Dropped(why.to_owned()),
        Err(Failure::Never(why)) => Tried::Failed(why),
        // Whoever tries whether one arrives wants to know now.
        Err(Failure::Later(why)) if notice.content.test || notice.tries >= MAX_TRIES => Tried::Failed(why),
        Err(Failure::Later(why)) => {
            let step = (notice.tries.saturating_sub(1) as usize).min(PAUSES_S.len() - 1);
            Tried::Again(now.plus(Duration::from_secs(PAUSES_S[step])), why)
        }
    }
}

async fn write_down(
    services: &Services,
    notice: &Notice,
    try_id: AuditId,
    tried: &Tried,
) -> Result<(), StorageError> {
    let now = services.now();
    let mut tx = services.storage.write().await?;
    if !notices::tried(&mut tx, services.storage.node(), notice.id, tried, now).await? {
        tracing::warn!(notice = %notice.id, "another node has taken a notice over: it may arrive twice");
    }
    let (outcome, reason) = match tried {
        Tried::Sent => (AuditOutcome::Ok, None),
        Tried::Again(_, why) | Tried::Failed(why) => {
            (AuditOutcome::Error, Some(format!("notice_failed: {why}")))
        }
        // It did not leave, and that is no failure.
        Tried::Dropped(_) => return tx.commit().await,
    };
    let mut entry = entry(&mut tx, notice, try_id, "notice.send", outcome, now).await?;
    entry.reason = reason;
    audit_entries::append(&mut tx, &[entry]).await?;
    tx.commit().await
}

async fn entry(
    tx: &mut Tx,
    notice: &Notice,
    try_id: AuditId,
    action: &str,
    outcome: AuditOutcome,
    now: Timestamp,
) -> Result<AuditEntry, StorageError> {
    let actor = system(tx, notice.org_id).await?;
    let initiator = AuditInitiator::of(InitiatorKind::System);
    let mut entry = AuditEntry::new(notice.org_id, now, action, outcome, actor, initiator);
    let recipient = if matches!(notice.to, To::Admin(_)) { "account" } else { "notice_recipient" };
    entry.targets = vec![
        Target::new("try", try_id),
        Target::new("notice", notice.id),
        Target::new(recipient, notice.to.id()),
    ];
    let content = &notice.content;
    let names: Vec<&str> = content.names().into_iter().take(NAMED).collect();
    entry.change = Some(json!({
        "by": notice.to.kind(),
        "try": notice.tries,
        "test": content.test,
        "failing": content.failing.len(),
        "still_failing": content.still_failing.len(),
        "recovered": content.recovered.len(),
        "more": content.more,
        "workflows": names,
    }));
    Ok(entry)
}

async fn system(tx: &mut Tx, org: OrgId) -> Result<Principal, StorageError> {
    let id = organizations::base_account(tx, org).await?;
    Ok(Principal { id, kind: AccountKind::Base, name: BASE_ACCOUNT_NAME.to_owned() })
}

#[cfg(test)]
mod tests {
    use factotum_model::notice::Content;
    use factotum_model::{NoticeId, RecipientId};

    use super::*;

    #[test]
    fn a_recipient_that_is_away_is_tried_again_with_pauses_that_grow_and_not_for_ever() {
        let now = Timestamp::from_micros(0);
        let mut notice = Notice {
            id: NoticeId::random(),
            org_id: OrgId::random(),
            to: To::Webhook(RecipientId::random()),
            content: Content::default(),
            tries: 0,
            created_at: now,
            due_at: now,
            ended_at: None,
            state: "waiting".to_owned(),
            reason: None,
        };
        let away = || Err(Failure::Later("away".to_owned()));
        let mut pauses = Vec::new();
        loop {
            notice.tries += 1;
            match outcome(&notice, away(), now) {
                Tried::Again(at, _) => pauses.push(at.since(now).as_secs()),
                end => break assert_eq!(end, Tried::Failed("away".to_owned())),
            }
        }
        assert_eq!((pauses.as_slice(), notice.tries), (PAUSES_S.as_slice(), MAX_TRIES));
        notice.tries = 1;
        assert_eq!(outcome(&notice, Err(Failure::Never("no".into())), now), Tried::Failed("no".to_owned()));
        notice.content.test = true;
        assert_eq!(outcome(&notice, away(), now), Tried::Failed("away".to_owned()));
    }
}
