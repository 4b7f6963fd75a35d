//! Sending mail. What must hold: a call that is made again, because this run is executed again, sends nothing again; every error says whether trying again helps.
//!
//! ```no_run
//! use factotum_sdk::{Event, Failure, Outcome, mail::Mail};
//!
//! fn handle(event: Event) -> Result<Outcome, Failure> {
//!     let Event::Email(email) = event else { return Ok(Outcome::None) };
//!     if email.automatic.is_none() {
//!         Mail::answer(&email).text("Thank you, it has come.\n").send()?;
//!     }
//!     Mail::to("office@example.com").subject("An order").text("See the file.\n").received(&email.attachments[0]).send()?;
//!     Ok(Outcome::None)
//! }
//! ```
//!
//! Without a key a call is known by its number within the attempt. If a later attempt makes another call under that number, it is refused
//! ([`Error::Changed`]): use keys where the order or a text depends on what may change between attempts.

use crate::bindings::factotum::workflow::mail as contract;
use crate::email::{Attachment, Email};

/// Why a mail was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The run's authority lacks a grant. It stands in the audit trail.
    #[error("the run may not send this mail: {0}")]
    Denied(String),
    /// What is in it cannot be sent.
    #[error("the mail cannot be sent: {0}")]
    Invalid(String),
    /// More mails, or more bytes, than an attempt may send.
    #[error("too many mails: {0}")]
    TooMany(String),
    /// More than 10 MiB.
    #[error("too large for a mail: {0}")]
    TooLarge(String),
    /// It would answer a mail of a machine.
    #[error("{0}")]
    Automatic(String),
    /// An earlier attempt did something else in the place of this call.
    #[error("another call than before: {0}")]
    Changed(String),
    /// The relay does not take it, and will not.
    #[error("{0}")]
    Refused(String),
    /// Not now: the relay or the database did not answer.
    #[error("not at the moment: {0}")]
    Unavailable(String),
    /// Anything else.
    #[error("the mail was not sent: {0}")]
    Other(String),
}

impl Error {
    /// Whether a later attempt may succeed.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<contract::Error> for Error {
    fn from(error: contract::Error) -> Self {
        match error {
            contract::Error::Denied(why) => Self::Denied(why),
            contract::Error::Invalid(why) => Self::Invalid(why),
            contract::Error::TooMany(why) => Self::TooMany(why),
            contract::Error::TooLarge(why) => Self::TooLarge(why),
            contract::Error::Automatic(why) => Self::Automatic(why),
            contract::Error::Changed(why) => Self::Changed(why),
            contract::Error::Refused(why) => Self::Refused(why),
            contract::Error::Unavailable(why) => Self::Unavailable(why),
            contract::Error::Other(why) => Self::Other(why),
        }
    }
}

/// A mail to be sent.
#[derive(Debug, Clone)]
#[must_use = "it is not sent before `send`"]
pub struct Mail {
    message: contract::Message,
}

impl Mail {
    /// A mail to this address.
    pub fn to(address: impl Into<String>) -> Self {
        let message = contract::Message {
            to: vec![address.into()],
            cc: Vec::new(),
            subject: String::new(),
            text: None,
            html: None,
            files: Vec::new(),
            reply_to: None,
            in_reply_to: None,
            references: Vec::new(),
        };
        Self { message }
    }

    /// An answer: to whom the mail asks answers to go, with its subject, and in its thread.
    pub fn answer(email: &Email) -> Self {
        let begins = email.subject.get(..3).is_some_and(|begin| begin.eq_ignore_ascii_case("re:"));
        let subject = if begins { email.subject.clone() } else { format!("Re: {}", email.subject) };
        let mut mail = Self::to(email.answer_to()).subject(subject.chars().take(200).collect::<String>());
        // An id that no program would write is not worth a mail that cannot be sent.
        let fine = |id: &&String| id.len() <= 250 && id.bytes().all(|b| b.is_ascii_graphic());
        mail.message.in_reply_to = email.message_id.clone().filter(|id| fine(&id));
        let before = email.references.iter().chain(&email.message_id).filter(fine);
        let before: Vec<_> = before.cloned().collect();
        mail.message.references = before.iter().skip(before.len().saturating_sub(50)).cloned().collect();
        mail
    }

    /// To this address too.
    pub fn also_to(mut self, address: impl Into<String>) -> Self {
        self.message.to.push(address.into());
        self
    }

    /// A copy to this address.
    pub fn cc(mut self, address: impl Into<String>) -> Self {
        self.message.cc.push(address.into());
        self
    }

    /// What it is about, in one line.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.message.subject = subject.into();
        self
    }

    /// The text.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.message.text = Some(text.into());
        self
    }

    /// The same as HTML.
    pub fn html(mut self, html: impl Into<String>) -> Self {
        self.message.html = Some(html.into());
        self
    }

    /// Where answers go.
    pub fn reply_to(mut self, address: impl Into<String>) -> Self {
        self.message.reply_to = Some(address.into());
        self
    }

    /// In answer to the mail with this `Message-ID`.
    pub fn in_reply_to(mut self, id: impl Into<String>) -> Self {
        self.message.in_reply_to = Some(id.into());
        self
    }

    /// With a file.
    pub fn file(mut self, name: impl Into<String>, media_type: impl Into<String>, bytes: Vec<u8>) -> Self {
        let (name, media_type) = (name.into(), media_type.into());
        self.message.files.push(contract::File {
            name,
            media_type,
            content: contract::Content::Bytes(bytes),
        });
        self
    }

    /// With a file of the mail that started this run; its bytes stay with the host.
    pub fn received(mut self, attachment: &Attachment) -> Self {
        let content = contract::Content::Received(attachment.number());
        let (name, media_type) = (attachment.name.clone(), attachment.media_type.clone());
        self.message.files.push(contract::File { name, media_type, content });
        self
    }

    /// Sends it; its `Message-ID`. Needs `mail:send`.
    pub fn send(self) -> Result<String, Error> {
        Ok(contract::send(&self.message, None)?)
    }

    /// As [`send`](Self::send), with a key that names the call: whatever else this run does, and in whatever order, the key has one mail.
    pub fn send_keyed(self, key: &str) -> Result<String, Error> {
        Ok(contract::send(&self.message, Some(key))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_stays_in_its_thread() {
        let json = r#"{"from": "ann@example.com", "reply_to": "desk@example.com", "subject": "Order", "message_id": "<2@x>", "references": ["<1@x>"]}"#;
        let email: Email = serde_json::from_str(json).expect("a mail");
        let answer = Mail::answer(&email).message;
        assert_eq!(
            (answer.to.as_slice(), answer.subject.as_str()),
            (["desk@example.com".to_owned()].as_slice(), "Re: Order")
        );
        assert_eq!((answer.in_reply_to.as_deref(), answer.references.len()), (Some("<2@x>"), 2));
        let again = Email { subject: "RE: Order".to_owned(), ..email };
        assert_eq!(Mail::answer(&again).message.subject, "RE: Order");
    }
}
