//! A message that came in whole, from its bytes to its answer. What must hold: the answer comes after the commit; all recipients are committed together, as far
//! as memory allows; a message that comes again within a day starts nothing; what is only stored starts nothing either.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use factotum_model::email::{Email, Transport, Verdicts};
use factotum_model::trigger::Authentication;
use factotum_model::{Digest, EventInput, Initiator, InitiatorKind, RequestId, RunId};
use factotum_storage::accept::{Accepted, DedupKey, EventSource, NewRun, Origin};

use crate::known::Known;
use crate::mailboxes::Mailboxes;
use crate::refusal::Refusal;
use crate::{message, verdict};

/// For how long a message is recognised when it comes again.
const REMEMBERED: Duration = Duration::from_hours(24);
/// From how many bytes on a message is read beside the others, so that those don't wait for it.
const LARGE_BYTES: usize = 256 << 10;
/// How many bytes the copies of a message for several recipients may have together in one transaction.
const MAX_TOGETHER_BYTES: usize = 16 << 20;

/// A message that came in whole.
#[derive(Debug)]
pub struct Incoming {
    /// `MAIL FROM`; empty is the null sender.
    pub from: String,
    /// Whom it is for; each trigger once.
    pub recipients: Vec<Recipient>,
    /// Its bytes as they came, dots unstuffed.
    pub data: Vec<u8>,
    /// Who sent it.
    pub peer: IpAddr,
    /// What that client calls itself.
    pub helo: String,
    /// How it came: `ESMTPS` and its like (RFC 3848).
    pub protocol: &'static str,
    /// Our name for it.
    pub request: RequestId,
}

impl Incoming {
    /// As entries name where it came from.
    fn origin(&self) -> Origin {
        Origin {
            ip: Some(self.peer),
            user_agent: Some(self.helo.clone()).filter(|helo| !helo.is_empty()),
            request_id: Some(self.request),
        }
    }
}

/// Whom a message is for.
#[derive(Debug, Clone)]
pub struct Recipient {
    pub(crate) known: Arc<Known>,
    /// `RCPT TO`, as it was written.
    pub(crate) address: String,
}

/// What became of a message for each of its recipients.
pub type Answers = Vec<Result<Accepted, Refusal>>;

impl Mailboxes {
    /// Takes a message, and answers for each of its recipients after the commit.
    pub async fn deliver(&self, mut incoming: Incoming) -> Answers {
        let large = incoming.data.len() > LARGE_BYTES;
        let email = if large {
            let data = std::mem::take(&mut incoming.data);
            let read = self.tasks.spawn_blocking(move || {
                let email = message::read(&data);
                (data, email)
            });
            let Ok((data, email)) = read.await else { return refused(&incoming, &Refusal::Internal) };
            incoming.data = data;
            email
        } else {
            message::read(&incoming.data)
        };
        let email = email.with_envelope(incoming.from.clone(), String::new());
        let verdicts = self.verdicts(&incoming).await;
        self.decide(incoming, Email { verdicts, ..email }).await
    }

    /// Asked once, as all recipients ask the same.
    async fn verdicts(&self, incoming: &Incoming) -> Verdicts {
        let ignored =
            incoming.recipients.iter().all(|r| r.known.config.authentication == Authentication::Ignore);
        if ignored {
            return Verdicts::default();
        }
        let Some(checker) = &self.checker else { return Verdicts::default() };
        checker.check(incoming.peer, &incoming.helo, &incoming.from, &incoming.data).await
    }

    /// Asks each recipient's trigger whether this sender may write to it.
    async fn decide(&self, incoming: Incoming, email: Email) -> Answers {
        let origin = incoming.origin();
        let mut decisions = Vec::with_capacity(incoming.recipients.len());
        for recipient in &incoming.recipients {
            let decision = verdict::decide(&recipient.known.config, &email).map_err(Refusal::Unproven);
            if let Err(refusal) = &decision {
                self.refuse(&recipient.known, refusal, &origin).await;
            }
            decisions.push(decision);
        }
        self.commit(incoming, email, decisions).await
    }

    /// Commits it for those recipients that are not refused yet.
    pub(crate) async fn commit(
        &self,
        incoming: Incoming,
        email: Email,
        decisions: Vec<Result<(), Refusal>>,
    ) -> Answers {
        let origin = incoming.origin();
        let taking: Vec<usize> =
            decisions.iter().enumerate().filter(|(_, decision)| decision.is_ok()).map(|(at, _)| at).collect();
        // Until it is committed, the sender keeps it.
        let mut answers: Answers =
            decisions.into_iter().map(|decision| decision.and(Err(Refusal::Unavailable))).collect();
        let key = DedupKey {
            key: dedup_key(&incoming.from, &incoming.data),
            expires_at: self.storage.clock().now().plus(REMEMBERED),
        };
        let large = incoming.data.len() > LARGE_BYTES;
        let together = (MAX_TOGETHER_BYTES / incoming.data.len().max(1)).max(1);
        let mut data = incoming.data;
        let mut left = taking.len();
        for some in taking.chunks(together) {
            let mut runs = Vec::with_capacity(some.len());
            for at in some {
                left -= 1;
                // The last one takes the bytes themselves.
                let payload = if left == 0 { std::mem::take(&mut data) } else { data.clone() };
                let recipient = &incoming.recipients[*at];
                let mut email = email.clone();
                email.envelope_to.clone_from(&recipient.address);
                email.transport = Some(Transport {
                    peer: incoming.peer.to_string(),
                    helo: incoming.helo.clone(),
                    protocol: incoming.protocol.to_owned(),
                });
                runs.push(new_run(&recipient.known, (email, payload), &key, &origin));
            }
            // Storing makes copies: large messages one after the other.
            let turn = if large { Some(self.large.lock().await) } else { None };
            let accepted = self.storage.journal().accept_all(runs).await;
            drop(turn);
            match accepted {
                Ok(accepted) => {
                    for (at, answer) in some.iter().zip(accepted) {
                        let known = &incoming.recipients[*at].known;
                        match &answer {
                            Ok(Accepted::New(_)) => self.tally.accepted(known.id),
                            Ok(Accepted::Duplicate(_)) => self.tally.duplicate(known.id),
                            Err(_) => {}
                        }
                        answers[*at] = answer.map_err(Refusal::from);
                        if let Err(refusal) = &answers[*at] {
                            self.refuse(known, refusal, &origin).await;
                        }
                    }
                }
                Err(error) => {
                    // What was committed before is recognised when the sender tries again.
                    let refusal = Refusal::from(error);
                    for at in &taking {
                        answers[*at] = Err(refusal.clone());
                    }
                    return answers;
                }
            }
        }
        answers
    }
}

fn refused(incoming: &Incoming, refusal: &Refusal) -> Answers {
    incoming.recipients.iter().map(|_| Err(refusal.clone())).collect()
}

/// The sender's name for a message, as long as it is the same message: a digest, as names stand in the audit trail.
fn dedup_key(from: &str, data: &[u8]) -> String {
    let mut named = from.as_bytes().to_vec();
    named.push(0);
    named.extend_from_slice(&Digest::of(data).0);
    Digest::of(&named).to_string()
}

fn new_run(known: &Known, (email, payload): (Email, Vec<u8>), key: &DedupKey, origin: &Origin) -> NewRun {
    let kept = email.automatic.clone().filter(|_| !known.config.dispatch_automatic);
    let input = EventInput::Email(Box::new(email));
    let event = match kept {
        Some(why) => EventSource::Kept {
            input,
            payload,
            reason: format!("{why}: mail of machines starts nothing here"),
        },
        None => EventSource::New { input, payload },
    };
    NewRun {
        run_id: RunId::random(),
        org_id: known.org_id,
        workflow_id: known.workflow_id,
        account_id: known.base_account,
        initiator: Initiator { kind: InitiatorKind::Email, id: Some(known.id.to_string()) },
        trigger_id: Some(known.id),
        parent: None,
        credential: None,
        dedup: Some(key.clone()),
        event,
        replay_of: None,
        due_at: None,
        origin: origin.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_named_by_its_sender_and_its_bytes() {
        let name = dedup_key("jane@example.com", b"hello");
        assert_eq!(name, dedup_key("jane@example.com", b"hello"));
        assert_ne!(name, dedup_key("joe@example.com", b"hello"));
        assert_ne!(name, dedup_key("jane@example.com", b"hello."));
        assert!(name.starts_with("sha256:"), "and shows neither");
    }
}
