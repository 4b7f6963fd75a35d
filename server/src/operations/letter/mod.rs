//! Sending a letter as part of an operation. What must hold: the entry that says it is about to be sent commits before it leaves, with the
//! change that it is about, and its outcome after (rule A2 of the audit trail): an intent without outcome means "unknown", never "sent".

use factotum_model::AuditId;
use factotum_model::audit::{AuditEntry, AuditOutcome, Target};

use super::Services;
use crate::mail::Letter;

/// What is about to be sent: to be appended in the transaction of the change. `entry` says who causes it; `about` is what the letter is:
/// "invitation".
pub fn intent(entry: &AuditEntry, letter: &Letter, about: &'static str) -> AuditEntry {
    let reason = "about to be sent; without a `mail.send` of the same letter it is unknown whether it was";
    of(entry, letter, about, "mail.intent", AuditOutcome::Ok, reason)
}

/// Sends it, once the change and the [`intent`] are committed, and records how that ended. Whether it was sent.
pub async fn deliver(services: &Services, entry: &AuditEntry, letter: &Letter, about: &'static str) -> bool {
    let sent = services.mailer.send(letter, services.now()).await;
    let outcome = match &sent {
        Ok(()) => of(entry, letter, about, "mail.send", AuditOutcome::Ok, "the relay took it"),
        Err(error) => {
            tracing::warn!(letter = %letter.id, about, %error, "a letter was not sent");
            // What a relay answers is for the log: it may repeat anything.
            let reason = "mail_failed: the letter was not taken; the server's log says why";
            of(entry, letter, about, "mail.send", AuditOutcome::Error, reason)
        }
    };
    if let Err(error) = services.storage.journal().record(AuditEntry { at: services.now(), ..outcome }).await
    {
        tracing::error!(letter = %letter.id, about, %error, "the outcome of a letter could not be put on the record");
    }
    sent.is_ok()
}

fn of(
    entry: &AuditEntry,
    letter: &Letter,
    about: &'static str,
    action: &str,
    outcome: AuditOutcome,
    reason: &str,
) -> AuditEntry {
    let mut entry = AuditEntry {
        id: AuditId::random(),
        action: action.to_owned(),
        outcome,
        reason: Some(reason.to_owned()),
        change: None,
        permission: None,
        ..entry.clone()
    };
    entry.targets.insert(0, Target::named("letter", letter.id, about));
    entry
}
