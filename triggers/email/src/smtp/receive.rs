//! A message's bytes, by `DATA` or by `BDAT`, and its answer. What must hold: a message that is too large is read on within bounds, and nothing of it is kept; what
//! follows the last byte is the next command; the answer comes after the commit.

use tokio::time::Instant;

use super::budget::Share;
use super::command::Greeting;
use super::data::{DataReader, Progress};
use super::reply::Reply;
use super::session::{Next, Session};
use super::transaction::Transaction;
use super::wire::{Broken, Wire};
use crate::deliver::Incoming;
use crate::refusal::Refusal;

impl Session<'_> {
    /// Until when the next bytes of a message that began then have to be there.
    fn until(&self, begun: Instant) -> Instant {
        let limits = &self.shared.settings.limits;
        (Instant::now() + limits.data).min(begun + limits.message)
    }

    /// How much of a message that is refused is read on, in bytes.
    fn most_skipped(&self) -> u64 {
        self.shared.settings.limits.message_bytes.saturating_mul(2)
    }

    pub(super) async fn data(&mut self, wire: &mut Wire) -> Result<Next, Broken> {
        let wrong = match &self.transaction {
            None => Some("say MAIL and RCPT first"),
            Some(transaction) if transaction.chunked => Some("this message comes by BDAT; RSET ends it"),
            Some(transaction) if transaction.mail.binary => Some("BODY=BINARYMIME comes by BDAT (RFC 3030)"),
            Some(transaction) if transaction.recipients.is_empty() => Some("no recipient was taken"),
            Some(_) => None,
        };
        if let Some(text) = wrong {
            return self.answer(wire, &Reply::new(503, "5.5.1", text), "sequence").await;
        }
        let Some(mut transaction) = self.transaction.take() else { return Ok(Next::Go) };
        wire.say(&Reply::new(354, "2.0.0", "send the message; a line with a dot alone ends it"));
        let (begun, mut reader, mut read) = (Instant::now(), DataReader::default(), 0_u64);
        loop {
            let until = self.until(begun);
            let piece = wire.piece(until).await?;
            let length = piece.len();
            let progress = reader.read(piece, |run| transaction.take(run));
            match progress {
                Progress::More => wire.used(length),
                Progress::End(at) => {
                    wire.used(at);
                    break;
                }
                Progress::Bare => {
                    // What follows may be meant as another message: it is not looked at.
                    self.shared.observer.refused("bare_line_end");
                    wire.say(&Reply::new(550, "5.5.2", "a line of a message ends with CR LF, both; goodbye"));
                    return Ok(Next::Close);
                }
            }
            read += length as u64;
            if read > self.most_skipped() {
                return self.endless(wire, &transaction).await;
            }
        }
        wire.rest();
        self.finish(wire, *transaction).await
    }

    /// Nobody sends so much by mistake.
    async fn endless(&mut self, wire: &mut Wire, transaction: &Transaction) -> Result<Next, Broken> {
        let refusal = transaction
            .failed
            .clone()
            .unwrap_or(Refusal::TooLarge(self.shared.settings.limits.message_bytes));
        self.record(transaction, &refusal).await;
        self.shared.observer.refused(refusal.row().2);
        wire.say(&refusal.reply());
        Ok(Next::Close)
    }

    pub(super) async fn bdat(&mut self, wire: &mut Wire, bytes: u64, last: bool) -> Result<Next, Broken> {
        // The chunk follows whatever is answered (RFC 3030 §2), so it is read, within bounds.
        if bytes > self.most_skipped() {
            let most = self.shared.settings.limits.message_bytes;
            wire.say(&Refusal::TooLarge(most).reply());
            self.shared.observer.refused("too_large");
            return Ok(Next::Close);
        }
        let mut transaction = self.transaction.take();
        let fits = transaction.as_ref().is_some_and(|t| !t.recipients.is_empty());
        let now = Instant::now();
        let begun = transaction.as_mut().map_or(now, |t| *t.begun.get_or_insert(now));
        let mut left = bytes;
        while left > 0 {
            let until = self.until(begun);
            let piece = wire.piece(until).await?;
            let own = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if let Some(transaction) = transaction.as_mut().filter(|_| fits) {
                transaction.take(&piece[..own]);
            }
            wire.used(own);
            left -= own as u64;
        }
        wire.rest();
        let Some(mut transaction) = transaction.filter(|_| fits) else {
            let reply = Reply::new(503, "5.5.1", "say MAIL and RCPT first; the chunk was thrown away");
            return self.answer(wire, &reply, "sequence").await;
        };
        transaction.chunked = true;
        if last {
            return self.finish(wire, *transaction).await;
        }
        let reply = match &transaction.failed {
            Some(refusal) => refusal.reply(),
            None => Reply::new(250, "2.0.0", format!("{bytes} bytes are there")),
        };
        if let Some(refusal) = &transaction.failed {
            self.shared.observer.refused(refusal.row().2);
        }
        self.transaction = Some(transaction);
        self.idle = 0;
        wire.say(&reply);
        Ok(Next::Go)
    }

    /// The message is there: takes it, or says why not.
    async fn finish(&mut self, wire: &mut Wire, transaction: Transaction) -> Result<Next, Broken> {
        let started = Instant::now();
        let lmtp = self.hello.as_ref().is_some_and(|hello| hello.greeting == Greeting::Lhlo);
        let answers = if let Some(refusal) = transaction.failed.clone() {
            self.record(&transaction, &refusal).await;
            transaction.recipients.iter().map(|_| Err(refusal.clone())).collect()
        } else {
            let (incoming, share) = self.incoming(transaction);
            let answers = self.shared.mailboxes.deliver(incoming).await;
            drop(share);
            answers
        };
        let shown = if lmtp {
            answers.into_iter().map(|answer| answer.map(drop)).collect()
        } else {
            vec![together(answers)]
        };
        for answer in &shown {
            match answer {
                Ok(()) => wire.say(&Reply::new(250, "2.0.0", format!("committed as {}", self.request))),
                Err(refusal) => {
                    self.shared.observer.refused(refusal.row().2);
                    wire.say(&refusal.reply());
                }
            }
            self.shared.observer.answered(answer.is_ok(), started.elapsed());
        }
        Ok(Next::Go)
    }

    fn incoming(&self, transaction: Transaction) -> (Incoming, Share) {
        let (helo, greeting) = match &self.hello {
            Some(hello) => (hello.name.clone(), hello.greeting),
            None => (String::new(), Greeting::Helo),
        };
        let protocol = match (greeting, transaction.mail.utf8, self.secure) {
            (Greeting::Helo, _, false) => "SMTP",
            (Greeting::Helo | Greeting::Ehlo, false, true) => "ESMTPS",
            (Greeting::Ehlo, false, false) => "ESMTP",
            (Greeting::Helo | Greeting::Ehlo, true, true) => "UTF8SMTPS",
            (Greeting::Ehlo, true, false) => "UTF8SMTP",
            (Greeting::Lhlo, false, false) => "LMTP",
            (Greeting::Lhlo, false, true) => "LMTPS",
            (Greeting::Lhlo, true, false) => "UTF8LMTP",
            (Greeting::Lhlo, true, true) => "UTF8LMTPS",
        };
        let ((mail, recipients, data), share) = transaction.into_parts();
        let incoming = Incoming {
            from: mail.from,
            recipients,
            data,
            peer: self.peer,
            helo,
            protocol,
            request: self.request,
        };
        (incoming, share)
    }

    /// Puts a refusal on the record of each recipient.
    async fn record(&self, transaction: &Transaction, refusal: &Refusal) {
        let origin = self.origin();
        for recipient in &transaction.recipients {
            self.shared.mailboxes.refuse(&recipient.known, refusal, &origin).await;
        }
    }
}

/// One answer for all recipients. Where they differ, the sender tries again: who took it recognises it, and who refuses it says so at `RCPT`.
fn together<T>(answers: Vec<Result<T, Refusal>>) -> Result<(), Refusal> {
    let all = answers.len();
    let refusals: Vec<Refusal> = answers.into_iter().filter_map(Result::err).collect();
    if refusals.is_empty() {
        return Ok(());
    }
    if let Some(transient) = refusals.iter().find(|refusal| refusal.is_transient()) {
        return Err(transient.clone());
    }
    match refusals.into_iter().next() {
        Some(first) if all == 1 => Err(first),
        Some(first @ (Refusal::TooLarge(_) | Refusal::Unproven(_))) => Err(first),
        _ => Err(Refusal::Unavailable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{self, Decided};

    #[test]
    fn one_answer_speaks_for_all_recipients() {
        let gone = || Err(Refusal::Unknown);
        assert_eq!(together(vec![Ok(()), Ok(())]), Ok(()));
        assert_eq!(together::<()>(vec![gone()]), Err(Refusal::Unknown));
        assert_eq!(together(vec![Ok(()), gone()]), Err(Refusal::Unavailable), "tried again, RCPT says it");
        assert_eq!(together(vec![Ok(()), Err(Refusal::Paused)]), Err(Refusal::Paused));
        let decided = Decided { refusal: verdict::Refusal::NotAllowed, is_temporary: false };
        let unproven = || Err(Refusal::Unproven(decided));
        assert_eq!(together::<()>(vec![unproven(), unproven()]), unproven());
    }
}
