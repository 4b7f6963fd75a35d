//! `factotum:workflow/mail`: mail that a workflow sends. What must hold: every recipient is covered by a grant before anything is looked at; nothing that a guest
//! writes becomes a header or a recipient; number and bytes are bounded; no mail of a machine is answered (RFC 3834 §2); a mail under way is recorded to
//! its end even if the guest is stopped meanwhile.

use std::sync::Arc;

use factotum_model::email::{Email, check_address};
use factotum_model::{Action, authorize};

use super::bindings::factotum::workflow::mail::{Content, Error, Host, Message};
use crate::guest::Guest;
use crate::ports::{CallPlace, MailCall, MailError, OutgoingFile, OutgoingMail};

/// The most recipients of one mail.
const MAX_RECIPIENTS: usize = 50;
/// The longest subject, in characters.
const MAX_SUBJECT_CHARS: usize = 200;
/// The most ids in `references`, and the longest id in bytes.
const MAX_REFERENCES: usize = 50;
const MAX_ID_BYTES: usize = 250;
/// The most files of one mail.
const MAX_FILES: usize = 50;
/// The longest name of a file, in bytes.
const MAX_NAME_BYTES: usize = 200;
/// The most bytes of one mail: texts and files together, not encoded.
const MAX_MAIL_BYTES: u64 = 10 << 20;
/// The most mails that one attempt sends, and their bytes together.
const MAX_MAILS: u32 = 50;
const MAX_ATTEMPT_BYTES: u64 = 50 << 20;
/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 200;

/// What an attempt has sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sent {
    mails: u32,
    bytes: u64,
    /// How many calls without key there were.
    calls: u64,
}

type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl Guest {
    /// Whether the run may write to each of these. One that is not covered is on the record, and nothing is sent to the others either.
    async fn may_write_to(&mut self, recipients: &[String]) -> Result<(), Error> {
        for address in recipients {
            let domain = address.rfind('@').and_then(|at| address.get(at..));
            if authorize(&self.gate.authority, Action::MAIL_SEND, domain).is_ok() {
                continue;
            }
            let allowed = self.gate.authorize(Action::MAIL_SEND, Some(address)).await;
            allowed.map_err(|denied| Error::Denied(denied.to_string()))?;
        }
        Ok(())
    }

    fn place(&self, key: Option<String>) -> Result<CallPlace, Error> {
        match key {
            None => Ok(CallPlace::Number(self.sent.calls + 1)),
            Some(key) if key.len() > MAX_KEY_BYTES => {
                let text = format!("the key has {} bytes; at most {MAX_KEY_BYTES} are allowed", key.len());
                Err(Error::TooLarge(text))
            }
            Some(key) if key.is_empty() || key.contains('\0') => {
                Err(Error::Invalid("a key may neither be empty nor contain U+0000".to_owned()))
            }
            Some(key) => Ok(CallPlace::Key(key)),
        }
    }

    /// The message with its files' bytes.
    fn outgoing(&self, message: Message, to: Vec<String>, cc: Vec<String>) -> Result<OutgoingMail, Error> {
        check_line("the subject", &message.subject, MAX_SUBJECT_CHARS)?;
        if message.text.is_none() && message.html.is_none() {
            return Err(Error::Invalid("a mail needs a text, or HTML".to_owned()));
        }
        if message.files.len() > MAX_FILES {
            return Err(Error::TooLarge(format!("at most {MAX_FILES} files go with a mail")));
        }
        let reply_to = message.reply_to.as_deref().map(|a| address("reply-to", a)).transpose()?;
        if message.references.len() > MAX_REFERENCES {
            return Err(Error::Invalid(format!("`references` has more than {MAX_REFERENCES} ids")));
        }
        for id in message.in_reply_to.iter().chain(&message.references) {
            check_id(id)?;
        }
        let mut left = MAX_MAIL_BYTES;
        let mut take = |bytes: u64| {
            left = left.checked_sub(bytes).ok_or_else(too_large)?;
            Ok::<_, Error>(())
        };
        take(message.text.as_ref().map_or(0, String::len) as u64)?;
        take(message.html.as_ref().map_or(0, String::len) as u64)?;
        let mut files = Vec::with_capacity(message.files.len());
        for file in message.files {
            check_line("a file's name", &file.name, MAX_NAME_BYTES)?;
            if file.name.is_empty() || file.name.len() > MAX_NAME_BYTES || file.name.contains(['/', '\\']) {
                return Err(Error::Invalid(format!("`{}` is no name of a file", file.name)));
            }
            check_media_type(&file.media_type)?;
            let bytes = match file.content {
                Content::Bytes(bytes) => {
                    take(bytes.len() as u64)?;
                    bytes
                }
                Content::Received(number) => {
                    let source = self.attachment(number).map_err(Error::Invalid)?;
                    let size = self.email().and_then(|email| email.attachments.get(number as usize));
                    take(size.map_or(0, |attachment| attachment.size))?;
                    source.decoded(&self.event.payload)
                }
            };
            files.push(OutgoingFile { name: file.name, media_type: file.media_type, bytes });
        }
        Ok(OutgoingMail {
            to,
            cc,
            subject: message.subject,
            text: message.text,
            html: message.html,
            files,
            reply_to,
            in_reply_to: message.in_reply_to,
            references: message.references,
        })
    }

    async fn send_mail(&mut self, message: Message, key: Option<String>) -> Result<String, Error> {
        let to = addresses("to", &message.to)?;
        let cc = addresses("cc", &message.cc)?;
        let recipients = [to.as_slice(), cc.as_slice()].concat();
        if !(1..=MAX_RECIPIENTS).contains(&recipients.len()) {
            return Err(Error::Invalid(format!("a mail goes to 1 to {MAX_RECIPIENTS} addresses")));
        }
        self.may_write_to(&recipients).await?;
        if let Some(email) = self.email() {
            not_to_a_machine(email, &recipients)?;
        }
        let place = self.place(key)?;
        let mail = self.outgoing(message, to, cc)?;
        let bytes = self.sent.bytes + mail.bytes();
        if self.sent.mails >= MAX_MAILS || bytes > MAX_ATTEMPT_BYTES {
            let text =
                format!("an attempt sends at most {MAX_MAILS} mails with {} MiB", MAX_ATTEMPT_BYTES >> 20);
            return Err(Error::TooMany(text));
        }
        (self.sent.mails, self.sent.bytes) = (self.sent.mails + 1, bytes);
        let ports = Arc::clone(&self.gate.ports);
        // It goes on to its outcome if the guest is stopped meanwhile.
        let sent = self.gate.denials.spawn(async move { ports.send_mail(MailCall { mail, place }).await });
        match sent.await {
            Ok(sent) => Ok(sent?),
            Err(error) => {
                tracing::error!(%error, "a mail's sending broke off");
                Err(Error::Unavailable("it is not known whether the mail left".to_owned()))
            }
        }
    }
}

/// A mail that a machine wrote gets no answer, whatever address it would go to.
fn not_to_a_machine(email: &Email, recipients: &[String]) -> Result<(), Error> {
    let Some(reason) = &email.automatic else { return Ok(()) };
    let senders = [Some(&email.envelope_from), Some(&email.from), email.reply_to.as_ref()];
    let is_sender = |to: &String| senders.iter().flatten().any(|sender| sender.eq_ignore_ascii_case(to));
    if recipients.iter().any(is_sender) {
        let text = format!("the mail that started this run is of a machine ({reason}): it gets no answer");
        return Err(Error::Automatic(text));
    }
    Ok(())
}

fn too_large() -> Error {
    Error::TooLarge(format!("a mail has at most {} MiB with its files", MAX_MAIL_BYTES >> 20))
}

/// Each once, in the order given.
fn addresses(field: &str, given: &[String]) -> Result<Vec<String>, Error> {
    let mut all: Vec<String> = Vec::new();
    for text in given {
        let address = address(field, text)?;
        if !all.contains(&address) {
            all.push(address);
        }
        if all.len() > MAX_RECIPIENTS {
            break;
        }
    }
    Ok(all)
}

fn address(field: &str, text: &str) -> Result<String, Error> {
    check_address(text).map_err(|error| Error::Invalid(format!("`{field}`: {error}")))
}

fn check_line(what: &str, text: &str, most: usize) -> Result<(), Error> {
    if text.chars().any(char::is_control) {
        return Err(Error::Invalid(format!("{what} has a control character, such as a line's end")));
    }
    if text.chars().count() > most {
        return Err(Error::Invalid(format!("{what} has more than {most} characters")));
    }
    Ok(())
}

/// RFC 5322 §3.6.4, without what no program writes.
fn check_id(id: &str) -> Result<(), Error> {
    let inner = id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or_default();
    let fine = inner.bytes().all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>');
    if fine && !inner.is_empty() && id.len() <= MAX_ID_BYTES {
        return Ok(());
    }
    Err(Error::Invalid("an id of a message is written `<left@right>`, without white space".to_owned()))
}

/// RFC 2045 §5.1, without parameters.
fn check_media_type(text: &str) -> Result<(), Error> {
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    let fine = text.split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub)) && text.len() <= 127;
    if fine && !text.to_ascii_lowercase().starts_with("multipart/") {
        return Ok(());
    }
    Err(Error::Invalid("a media type is written `type/subtype`, without parameters".to_owned()))
}

impl From<MailError> for Error {
    fn from(error: MailError) -> Self {
        match error {
            MailError::Changed(why) => Self::Changed(why),
            MailError::Invalid(why) => Self::Invalid(why),
            MailError::Refused(why) => Self::Refused(why),
            MailError::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

impl Host for Guest {
    async fn send(&mut self, message: Message, key: Option<String>) -> Answer<String> {
        self.gate.enter()?;
        let numbered = key.is_none();
        let sent = self.send_mail(message, key).await;
        // A call whose outcome is not known must have the same number when it is made again.
        if numbered && !matches!(sent, Err(Error::Unavailable(_))) {
            self.sent.calls += 1;
        }
        Ok(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machines_mail_gets_no_answer() {
        let email = Email {
            from: "List@Example.com".into(),
            envelope_from: "bounce@example.com".into(),
            reply_to: Some("answers@example.com".into()),
            automatic: Some("precedence".into()),
            ..Email::default()
        };
        let refused = |to: &str| not_to_a_machine(&email, &[to.to_owned()]).is_err();
        assert!(
            refused("list@example.com") && refused("bounce@example.com") && refused("answers@example.com")
        );
        assert!(!refused("boss@example.org"));
        let person = Email { automatic: None, ..email.clone() };
        assert!(not_to_a_machine(&person, &["list@example.com".to_owned()]).is_ok());
    }

    #[test]
    fn what_could_end_a_header_is_refused() {
        assert!(check_line("x", "a\r\nBcc: eve@example.com", 200).is_err());
        assert!(
            check_line("x", &"ä".repeat(201), 200).is_err() && check_line("x", &"ä".repeat(200), 200).is_ok()
        );
        for (id, fine) in [
            ("<a@b>", true),
            ("a@b", false),
            ("<>", false),
            ("<a@b>\r\nX: y", false),
            ("<a b>", false),
            ("<a><b>", false),
        ] {
            assert_eq!(check_id(id).is_ok(), fine, "{id:?}");
        }
        for (kind, fine) in [
            ("application/pdf", true),
            ("text/plain; x=y", false),
            ("a/b\r\nX: y", false),
            ("multipart/mixed", false),
            ("x", false),
        ] {
            assert_eq!(check_media_type(kind).is_ok(), fine, "{kind:?}");
        }
    }
}
