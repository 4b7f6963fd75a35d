//! Mail that runs send. What must hold: that it is about to leave is committed before it does, under the run's lease, and how that ended after (audit.md, A2); the same
//! call of a run sends one mail, however often the run is executed. What died between the two is sent again, with the same id.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use factotum_host::{CallPlace, MailCall, MailError, OutgoingMail};
use factotum_model::audit::{AuditEntry, AuditOutcome, Target};
use factotum_model::{Action, AuditId, Digest};
use factotum_storage::children::Call;
use factotum_storage::sent_mails::{self, Begun};
use factotum_storage::{StorageError, audit_entries, claim};
use serde_json::json;
use uuid::Uuid;

use crate::data_access;
use crate::ports::RunPorts;

/// How often the outcome of a mail that left is handed to a database that does not answer, and how long between.
const TRIES: u32 = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(400);

/// Where mail of runs goes out.
#[async_trait]
pub trait Outlet: Send + Sync + std::fmt::Debug {
    /// The `Message-ID` of the mail with this id.
    fn message_id(&self, id: Uuid) -> String;

    /// Sends a mail; when it returns, the relay has taken it. Bounded in time.
    async fn send(&self, id: Uuid, mail: OutgoingMail) -> Result<(), OutletError>;
}

/// Why a mail was not taken. The texts are for the guest's author: nothing that a relay said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutletError {
    /// It cannot be put into the form of a message.
    #[error("the mail cannot be written: {0}")]
    Invalid(String),
    /// It will not be taken.
    #[error("the mail relay refused the mail for good, with {0}")]
    Refused(u16),
    /// It may be taken later.
    #[error("the mail relay did not take the mail; it may later")]
    Unavailable,
    /// There is no relay.
    #[error("this server sends no mail: `mail.relay` is off")]
    Off,
}

/// Sends a mail, or tells of the one that this call sent in an earlier attempt.
pub(crate) async fn send(ports: &RunPorts, call: MailCall) -> Result<String, MailError> {
    let Some(outlet) = &ports.outlet else {
        return Err(MailError::Unavailable(OutletError::Off.to_string()));
    };
    let place = match &call.place {
        CallPlace::Number(number) => Call::Numbered(*number),
        CallPlace::Key(key) => Call::Keyed(key.clone()),
    };
    let digest = digest(&call.mail);
    let mut tx = ports.storage.write().await.map_err(unavailable)?;
    if !claim::holds(&mut tx, ports.storage.node(), &ports.run).await.map_err(unavailable)? {
        return Err(MailError::Unavailable("this attempt no longer holds its run".to_owned()));
    }
    let now = ports.storage.clock().now();
    let begun = sent_mails::begin(&mut tx, ports.run.run_id, &place, digest, now).await;
    let letter = match begun.map_err(unavailable)? {
        Begun::ToSend(letter) => letter,
        Begun::Sent(letter) => return Ok(outlet.message_id(letter)),
        Begun::Changed => return Err(MailError::Changed(changed(&call.place))),
    };
    let about = About { ports, letter, mail: Facts::of(&call.mail), try_id: AuditId::random() };
    audit_entries::append(&mut tx, &[about.intent()]).await.map_err(unavailable)?;
    tx.commit().await.map_err(unavailable)?;
    let sent = outlet.send(letter, call.mail).await;
    about.ended(&sent).await?;
    match sent {
        Ok(()) => Ok(outlet.message_id(letter)),
        Err(error @ OutletError::Invalid(_)) => Err(MailError::Invalid(error.to_string())),
        Err(error @ OutletError::Refused(_)) => Err(MailError::Refused(error.to_string())),
        Err(error @ (OutletError::Unavailable | OutletError::Off)) => {
            Err(MailError::Unavailable(error.to_string()))
        }
    }
}

/// What may be said of a mail on the record: to how many, at which domains, how large.
struct Facts {
    recipients: usize,
    domains: Vec<String>,
    files: usize,
    bytes: u64,
}

impl Facts {
    fn of(mail: &OutgoingMail) -> Self {
        let all = || mail.to.iter().chain(&mail.cc);
        let mut domains: Vec<String> = all()
            .filter_map(|address| address.rsplit_once('@').map(|(_, domain)| domain.to_owned()))
            .collect();
        domains.sort();
        domains.dedup();
        Self { recipients: all().count(), domains, files: mail.files.len(), bytes: mail.bytes() }
    }
}

/// One try to send one mail.
struct About<'a> {
    ports: &'a RunPorts,
    letter: Uuid,
    mail: Facts,
    /// Intent and outcome of the same try have it in common.
    try_id: AuditId,
}

impl About<'_> {
    fn entry(&self, outcome: AuditOutcome) -> AuditEntry {
        let (storage, run) = (&self.ports.storage, &self.ports.run);
        let mut entry = data_access::entry(storage, run, Action::MAIL_SEND, None, outcome);
        entry.targets = vec![Target::new("call", self.try_id), Target::new("letter", self.letter)];
        let Facts { recipients, domains, files, bytes } = &self.mail;
        entry.change =
            Some(json!({"recipients": recipients, "domains": domains, "files": files, "bytes": bytes}));
        entry
    }

    fn intent(&self) -> AuditEntry {
        let mut entry = self.entry(AuditOutcome::Ok);
        "mail.intent".clone_into(&mut entry.action);
        let reason = "about to be sent; without a `mail.send` of the same call it is unknown whether it was";
        entry.reason = Some(reason.to_owned());
        entry
    }

    /// Commits how it ended. A mail that was taken and cannot be written down is told to the guest as unknown: the same call made again sends it with the same id.
    async fn ended(&self, sent: &Result<(), OutletError>) -> Result<(), MailError> {
        let mut entry = self.entry(if sent.is_ok() { AuditOutcome::Ok } else { AuditOutcome::Error });
        entry.reason = Some(match sent {
            Ok(()) => "the relay took it".to_owned(),
            Err(error) => format!("mail_failed: {error}"),
        });
        let mut tries = 0;
        loop {
            tries += 1;
            match self.write_down(&entry, sent.is_ok()).await {
                Ok(()) => return Ok(()),
                Err(error) if tries >= TRIES => {
                    tracing::error!(%error, letter = %self.letter, "the outcome of a mail could not be put on the record; it stays unknown");
                    return Err(MailError::Unavailable("it is not known whether the mail left".to_owned()));
                }
                Err(_) => tokio::time::sleep(BETWEEN_TRIES).await,
            }
        }
    }

    async fn write_down(&self, entry: &AuditEntry, was_sent: bool) -> Result<(), StorageError> {
        let mut tx = self.ports.storage.write().await?;
        if was_sent {
            sent_mails::sent(&mut tx, self.letter, self.ports.storage.clock().now()).await?;
        }
        audit_entries::append(&mut tx, std::slice::from_ref(entry)).await?;
        tx.commit().await
    }
}

/// Of everything that the mail says.
fn digest(mail: &OutgoingMail) -> Digest {
    let files: Vec<_> =
        mail.files.iter().map(|file| json!([file.name, file.media_type, Digest::of(&file.bytes)])).collect();
    let all = json!([
        mail.to,
        mail.cc,
        mail.subject,
        mail.text,
        mail.html,
        files,
        mail.reply_to,
        mail.in_reply_to,
        mail.references
    ]);
    Digest::of(all.to_string().as_bytes())
}

fn changed(place: &CallPlace) -> String {
    let call = match place {
        CallPlace::Number(number) => format!("call number {number}"),
        CallPlace::Key(key) => format!("the key `{key}`"),
    };
    format!(
        "{call} stands for another mail that an earlier attempt began to send; where the order of calls or a text may change between attempts, give each call a key of its own"
    )
}

fn unavailable(error: StorageError) -> MailError {
    tracing::warn!(%error, "a mail could not be begun");
    MailError::Unavailable("the database is not available at the moment".to_owned())
}

/// Shared by all runs of a node.
pub(crate) type SharedOutlet = Option<Arc<dyn Outlet>>;
