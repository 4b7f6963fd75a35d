//! Mail of workflows, on its way to the relay (`factotum_dispatch::Outlet`). What must hold: it is from the operator's address, whoever the workflow would like to be; it says
//! that a machine wrote it (RFC 3834 §5); the same mail has the same id each time it is sent.

use async_trait::async_trait;
use factotum_dispatch::{Outlet, OutletError};
use factotum_host::OutgoingMail;
use factotum_model::{Clock as _, SystemClock};
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Attachment, Body, Mailbox, Message, MessageBuilder, MultiPart, SinglePart};
use uuid::Uuid;

use super::{AutoSubmitted, MailError, Mailer, body};

#[async_trait]
impl Outlet for Mailer {
    fn message_id(&self, id: Uuid) -> String {
        format!("<{}@{}>", id.as_simple(), self.from.email.domain())
    }

    async fn send(&self, id: Uuid, mail: OutgoingMail) -> Result<(), OutletError> {
        if !self.is_on() {
            return Err(OutletError::Off);
        }
        let shown = Shown::of(&mail);
        let message = self.composed(id, mail)?;
        match self.hand_over(id, message, &shown.text()).await {
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::warn!(letter = %id, %error, "a workflow's mail was not sent");
                Err(outlet_error(&error))
            }
        }
    }
}

/// A code from 500 on is for good (RFC 5321 §4.2.1), but for those that are about this server's own log-in: its operator can mend that.
fn outlet_error(error: &MailError) -> OutletError {
    match error {
        MailError::Off => OutletError::Off,
        MailError::Letter(why) => OutletError::Invalid(why.clone()),
        MailError::Relay(error) if error.is_permanent() => {
            OutletError::Refused(error.status().map_or(0, u16::from))
        }
        MailError::Relay(_)
        | MailError::Certificate(_)
        | MailError::LogIn(_)
        | MailError::Timeout
        | MailError::Write(_) => OutletError::Unavailable,
    }
}

/// What a developer sees on the terminal.
struct Shown(String);

impl Shown {
    fn of(mail: &OutgoingMail) -> Self {
        let files: Vec<_> =
            mail.files.iter().map(|file| format!("{} ({} bytes)", file.name, file.bytes.len())).collect();
        let files = if files.is_empty() { String::new() } else { format!("\nFiles: {}", files.join(", ")) };
        let text = mail.text.as_deref().or(mail.html.as_deref()).unwrap_or_default();
        let to = [mail.to.as_slice(), mail.cc.as_slice()].concat().join(", ");
        Self(format!("--- mail of a workflow to {to}\nSubject: {}{files}\n\n{text}\n---\n", mail.subject))
    }

    fn text(&self) -> String {
        super::plain(&self.0)
    }
}

impl Mailer {
    /// RFC 5322, RFC 2045. Every value was checked by the sandbox, and is written by lettre, which encodes what is no ASCII.
    fn composed(&self, id: Uuid, mail: OutgoingMail) -> Result<Message, OutletError> {
        let invalid = |why: &dyn std::fmt::Display| OutletError::Invalid(why.to_string());
        let mailbox = |address: &String| {
            address.parse().map(|address| Mailbox::new(None, address)).map_err(|e| invalid(&e))
        };
        let now = u64::try_from(SystemClock.now().as_micros()).unwrap_or_default();
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(mail.subject)
            .date(std::time::UNIX_EPOCH + std::time::Duration::from_micros(now))
            .message_id(Some(self.message_id(id)))
            .header(AutoSubmitted);
        for address in &mail.to {
            builder = builder.to(mailbox(address)?);
        }
        for address in &mail.cc {
            builder = builder.cc(mailbox(address)?);
        }
        if let Some(address) = &mail.reply_to {
            builder = builder.reply_to(mailbox(address)?);
        }
        if let Some(answered) = mail.in_reply_to {
            builder = builder.in_reply_to(answered);
        }
        if !mail.references.is_empty() {
            builder = builder.references(mail.references.join(" "));
        }
        written(builder, mail.text, mail.html, mail.files).map_err(|e| invalid(&e))
    }
}

/// A mail of these parts.
pub(crate) fn written(
    builder: MessageBuilder,
    text: Option<String>,
    html: Option<String>,
    files: Vec<factotum_host::OutgoingFile>,
) -> Result<Message, Box<dyn std::error::Error + Send + Sync>> {
    let part = |kind, text: &str| SinglePart::builder().header(kind).body(body(text));
    let text = text.map(|text| part(ContentType::TEXT_PLAIN, &text));
    let html = html.map(|html| part(ContentType::TEXT_HTML, &html));
    let said = match (text, html) {
        (Some(text), Some(html)) => Said::Both(MultiPart::alternative().singlepart(text).singlepart(html)),
        (Some(one), None) | (None, Some(one)) => Said::One(one),
        (None, None) => Said::One(part(ContentType::TEXT_PLAIN, "")),
    };
    if files.is_empty() {
        return Ok(match said {
            Said::Both(both) => builder.multipart(both)?,
            Said::One(one) => builder.singlepart(one)?,
        });
    }
    let mut all = match said {
        Said::Both(both) => MultiPart::mixed().multipart(both),
        Said::One(one) => MultiPart::mixed().singlepart(one),
    };
    for file in files {
        let kind = ContentType::parse(&file.media_type)?;
        let body = Body::new_with_encoding(file.bytes, ContentTransferEncoding::Base64)
            .map_err(|_| "a file cannot be encoded")?;
        all = all.singlepart(Attachment::new(file.name).body(body, kind));
    }
    Ok(builder.multipart(all)?)
}

/// The mail without its files.
enum Said {
    One(SinglePart),
    Both(MultiPart),
}
